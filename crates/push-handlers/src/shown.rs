//! What applications wrote, as people may be shown it.

/// A text without control characters that a terminal would obey.
pub(crate) fn harmless(octets: &[u8]) -> String {
    harmless_text(String::from_utf8_lossy(octets).into_owned())
}

/// [`harmless`] of what is text: nearly always as it is.
pub(crate) fn harmless_text(text: String) -> String {
    if text.chars().all(|c| printable(c) == c) {
        return text;
    }
    text.chars().map(printable).collect()
}

fn printable(c: char) -> char {
    match c {
        '\n' | '\t' => c,
        c if c.is_control() => char::REPLACEMENT_CHARACTER,
        c => c,
    }
}
