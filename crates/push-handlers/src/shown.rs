//! What applications wrote, as people may be shown it.

/// A text without control characters that a terminal would obey.
pub(crate) fn harmless(octets: &[u8]) -> String {
    let text = String::from_utf8_lossy(octets);
    text.chars().map(printable).collect()
}

fn printable(c: char) -> char {
    match c {
        '\n' | '\t' => c,
        c if c.is_control() => char::REPLACEMENT_CHARACTER,
        c => c,
    }
}
