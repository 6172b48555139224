//! Values of headers taken apart.

/// The values of a line, apart at commas that stand in no quotes, angle brackets or comments; empty ones left out.
pub(super) fn split(line: &str) -> impl Iterator<Item = &str> {
    Pieces {
        rest: Some(line),
        separator: b',',
    }
    .map(str::trim)
    .filter(|value| !value.is_empty())
}

/// The URI of an address (RFC 3261 20.10): what stands in angle brackets, else what stands before the first parameter.
pub(crate) fn uri_of(value: &str) -> &str {
    let bracket = Pieces {
        rest: Some(value),
        separator: b'<',
    }
    .next()
    .map_or(0, str::len);
    match value.get(bracket..).and_then(|rest| rest.strip_prefix('<')) {
        Some(rest) => rest.split('>').next().unwrap_or_default().trim(),
        None => value.split(';').next().unwrap_or_default().trim(),
    }
}

/// Pieces of a value between separators outside of quotes, brackets and comments.
struct Pieces<'v> {
    rest: Option<&'v str>,
    separator: u8,
}

impl<'v> Iterator for Pieces<'v> {
    type Item = &'v str;

    fn next(&mut self) -> Option<&'v str> {
        let rest = self.rest.take()?;
        let (mut quoted, mut escaped, mut angles, mut comments) = (false, false, 0_u32, 0_u32);
        for (at, octet) in rest.bytes().enumerate() {
            if escaped {
                escaped = false;
                continue;
            }
            match octet {
                b'\\' if quoted || comments > 0 => escaped = true,
                b'"' if comments == 0 => quoted = !quoted,
                _ if quoted => {}
                _ if octet == self.separator && angles == 0 && comments == 0 => {
                    self.rest = rest.get(at + 1..);
                    return rest.get(..at);
                }
                b'<' => angles += 1,
                b'>' => angles = angles.saturating_sub(1),
                b'(' if angles == 0 => comments += 1,
                b')' => comments = comments.saturating_sub(1),
                _ => {}
            }
        }
        Some(rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_apart_at_commas_that_separate() {
        let split = |line| split(line).collect::<Vec<_>>();
        assert_eq!(split("a, b ,,c"), ["a", "b", "c"]);
        assert_eq!(
            split(r#""x, \"y" <sip:a,b@c>;p="1,2", <sip:d>"#),
            [r#""x, \"y" <sip:a,b@c>;p="1,2""#, "<sip:d>"]
        );
        assert_eq!(split("a (b, c), d"), ["a (b, c)", "d"]);
        assert_eq!(split(""), [""; 0]);
        assert_eq!(split(r#""open, quote"#), [r#""open, quote"#]);
    }

    #[test]
    fn uris_stand_in_brackets_or_alone() {
        assert_eq!(uri_of(r#""<x>" <sip:u@h;y=2>;z"#), "sip:u@h;y=2");
        assert_eq!(uri_of("sip:u@h;tag=1"), "sip:u@h");
        assert_eq!(uri_of("<sip:u@h"), "sip:u@h");
        assert_eq!(uri_of(""), "");
    }
}
