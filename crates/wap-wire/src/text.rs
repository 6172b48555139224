//! Text as it comes over the wire: UTF-8 where it is valid, ISO-8859-1 otherwise.

use alloc::vec::Vec;
use core::fmt::{self, Write};

/// Text of a header, a parameter or an address, without its terminating zero.
///
/// The octets are UTF-8 where they are valid as such; otherwise they are ISO-8859-1, as HTTP has it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, PartialOrd, Ord)]
pub struct Text<'a>(&'a [u8]);

impl<'a> Text<'a> {
    /// These octets as text.
    #[must_use]
    #[inline]
    pub const fn new(octets: &'a [u8]) -> Self {
        Self(octets)
    }

    /// The octets as they came.
    #[must_use]
    #[inline]
    pub const fn as_bytes(self) -> &'a [u8] {
        self.0
    }

    /// The text where it is valid UTF-8.
    #[must_use]
    pub const fn as_str(self) -> Option<&'a str> {
        match core::str::from_utf8(self.0) {
            Ok(text) => Some(text),
            Err(_) => None,
        }
    }

    /// Whether there is no octet.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// Whether this text equals that one when ASCII letters compare without case.
    #[must_use]
    pub const fn eq_ignore_ascii_case(self, other: &str) -> bool {
        self.0.eq_ignore_ascii_case(other.as_bytes())
    }
}

impl<'a> From<&'a str> for Text<'a> {
    fn from(text: &'a str) -> Self {
        Self(text.as_bytes())
    }
}

impl PartialEq<str> for Text<'_> {
    fn eq(&self, other: &str) -> bool {
        self.0 == other.as_bytes()
    }
}

impl PartialEq<&str> for Text<'_> {
    fn eq(&self, other: &&str) -> bool {
        self.0 == other.as_bytes()
    }
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match core::str::from_utf8(self.0) {
            Ok(text) => f.write_str(text),
            Err(_) => self
                .0
                .iter()
                .try_for_each(|&octet| f.write_char(char::from(octet))),
        }
    }
}

impl fmt::Debug for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.escape_ascii())
    }
}

/// Whether the octets are a token of HTTP (RFC 2616 section 2.2): no controls, no separators, not empty.
pub(crate) fn is_token(octets: &[u8]) -> bool {
    !octets.is_empty() && octets.iter().all(|&octet| is_token_octet(octet))
}

const fn is_token_octet(octet: u8) -> bool {
    octet.is_ascii_alphanumeric()
        || matches!(
            octet,
            b'!' | b'#'
                | b'$'
                | b'%'
                | b'&'
                | b'\''
                | b'*'
                | b'+'
                | b'-'
                | b'.'
                | b'^'
                | b'_'
                | b'`'
                | b'|'
                | b'~'
        )
}

/// Writes the text as a quoted-string of HTTP: in quotation marks, with quotation marks and backslashes escaped.
pub(crate) fn write_quoted(f: &mut fmt::Formatter<'_>, text: Text<'_>) -> fmt::Result {
    f.write_char('"')?;
    write!(Escaping(f), "{text}")?;
    f.write_char('"')
}

/// Writes a token as it is and any other text as a quoted-string.
pub(crate) fn write_token_or_quoted(f: &mut fmt::Formatter<'_>, text: Text<'_>) -> fmt::Result {
    if is_token(text.as_bytes()) {
        write!(f, "{text}")
    } else {
        write_quoted(f, text)
    }
}

/// Octets shown in base64 (RFC 4648 section 4).
pub(crate) struct Base64<'a>(pub(crate) &'a [u8]);

impl Base64<'_> {
    /// Writes these octets in base64.
    pub(crate) fn write(
        f: &mut fmt::Formatter<'_>,
        mut octets: impl Iterator<Item = u8>,
    ) -> fmt::Result {
        while let Some(first) = octets.next() {
            let (second, third) = (octets.next(), octets.next());
            let group = u32::from_be_bytes([0, first, second.unwrap_or(0), third.unwrap_or(0)]);
            f.write_char(base64_digit(group >> 18))?;
            f.write_char(base64_digit(group >> 12))?;
            f.write_char(second.map_or('=', |_| base64_digit(group >> 6)))?;
            f.write_char(third.map_or('=', |_| base64_digit(group)))?;
        }
        Ok(())
    }
}

impl fmt::Display for Base64<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Self::write(f, self.0.iter().copied())
    }
}

const BASE64_DIGITS: &[u8; 64] =
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The digit for the low six bits.
fn base64_digit(bits: u32) -> char {
    let index = usize::try_from(bits & 0x3F).unwrap_or_default();
    char::from(BASE64_DIGITS.get(index).copied().unwrap_or_default())
}

/// The octets of a text in base64, with or without padding; nothing for any other text.
pub(crate) fn decode_base64(text: &str) -> Option<Vec<u8>> {
    let digits = text.trim_end_matches('=').as_bytes();
    let mut octets = Vec::new();
    for group in digits.chunks(4) {
        let mut bits = 0_u32;
        for position in 0..4 {
            let digit = group
                .get(position)
                .map_or(Some(0), |digit| base64_value(*digit))?;
            bits = bits << 6 | digit;
        }
        let [_, first, second, third] = bits.to_be_bytes();
        match group.len() {
            4 => octets.extend([first, second, third]),
            3 => octets.extend([first, second]),
            2 => octets.push(first),
            _ => return None,
        }
    }
    Some(octets)
}

fn base64_value(digit: u8) -> Option<u32> {
    BASE64_DIGITS
        .iter()
        .position(|&own| own == digit)
        .and_then(|value| u32::try_from(value).ok())
}

struct Escaping<'f, 'b>(&'f mut fmt::Formatter<'b>);

impl Write for Escaping<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.chars().try_for_each(|character| {
            if matches!(character, '"' | '\\') {
                self.0.write_char('\\')?;
            }
            self.0.write_char(character)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn valid_utf_8_is_shown_as_it_is_and_anything_else_as_latin_1() {
        assert_eq!(Text::new("grüße €".as_bytes()).to_string(), "grüße €");
        assert_eq!(Text::new(b"caf\xE9").to_string(), "café");
        assert_eq!(Text::new(b"\xE9\xC3\xA9").to_string(), "éÃ©");
        assert_eq!(Text::new(b"\xE9").as_str(), None);
        assert_eq!(Text::new(b"").to_string(), "");
    }

    #[test]
    fn base64_goes_both_ways() {
        for (octets, text) in [
            (&b""[..], ""),
            (b"a", "YQ=="),
            (b"ab", "YWI="),
            (b"abc", "YWJj"),
            (b"\xFF\xFE", "//4="),
        ] {
            assert_eq!(Base64(octets).to_string(), text);
            assert_eq!(decode_base64(text).as_deref(), Some(octets));
        }
        assert_eq!(decode_base64("YQ").as_deref(), Some(&b"a"[..]));
        assert_eq!(decode_base64("Y"), None);
        assert_eq!(decode_base64("Y*=="), None);
    }

    #[test]
    fn tokens_have_no_separators() {
        assert!(is_token(b"utf-8"));
        assert!(!is_token(b""));
        assert!(!is_token(b"a b"));
        assert!(!is_token(b"a/b"));
        assert!(!is_token(b"\xE9"));
    }
}
