//! Character sets by their IANA number (`MIBenum`), as WSP names them (table 42).

use super::reader::Reader;
use crate::assigned::{name_of, number_of};
use crate::{DecodeError, Text};
use core::fmt;

/// A character set (WSP 8.4.2.8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Charset<'a> {
    /// Any character set, `*`.
    Any,
    /// The IANA number (`MIBenum`).
    Number(u32),
    /// A name.
    Text(Text<'a>),
}

impl<'a> Charset<'a> {
    /// The name, where the number is a known one and the text is valid UTF-8.
    #[must_use]
    pub fn name(self) -> Option<&'a str> {
        match self {
            Self::Any => Some("*"),
            Self::Number(number) => charset_name(number),
            Self::Text(text) => text.as_str(),
        }
    }

    /// The character set of this name.
    #[must_use]
    pub fn from_name(name: &'a str) -> Self {
        match charset_number(name) {
            _ if name == "*" => Self::Any,
            Some(number) => Self::Number(number),
            None => Self::Text(name.into()),
        }
    }

    #[inline]
    pub(crate) const fn from_number(number: u32) -> Self {
        if number == 0 {
            Self::Any
        } else {
            Self::Number(number)
        }
    }

    #[inline]
    pub(crate) fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        match reader.peek() {
            Some(32..0x80) => reader.text().map(Self::Text),
            _ => reader.integer_32().map(Self::from_number),
        }
    }
}

/// Shows the name, or the number in decimal where it has no known name.
impl fmt::Display for Charset<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("*"),
            Self::Number(number) => match charset_name(*number) {
                Some(name) => f.write_str(name),
                None => write!(f, "{number}"),
            },
            Self::Text(text) => write!(f, "{text}"),
        }
    }
}

/// The name of this IANA number (`MIBenum`), for all of WSP table 42 and what else is in common use.
#[must_use]
pub fn charset_name(number: u32) -> Option<&'static str> {
    name_of(&CHARSETS, number)
}

/// The IANA number (`MIBenum`) of this name or of a usual alias; letters compare without case.
#[must_use]
pub fn charset_number(name: &str) -> Option<u32> {
    number_of(&CHARSETS, name).or_else(|| number_of(&ALIASES, name))
}

/// Character sets in number order.
#[rustfmt::skip]
static CHARSETS: [(u32, &str); 68] = [
    (3, "us-ascii"), (4, "iso-8859-1"), (5, "iso-8859-2"), (6, "iso-8859-3"), (7, "iso-8859-4"), (8, "iso-8859-5"),
    (9, "iso-8859-6"), (10, "iso-8859-7"), (11, "iso-8859-8"), (12, "iso-8859-9"), (13, "iso-8859-10"),
    (17, "shift_JIS"), (18, "euc-jp"), (36, "ks_c_5601-1987"), (37, "iso-2022-kr"), (38, "euc-kr"), (39, "iso-2022-jp"),
    (40, "iso-2022-jp-2"), (57, "gb_2312-80"), (81, "iso-8859-6-e"), (82, "iso-8859-6-i"), (84, "iso-8859-8-e"),
    (85, "iso-8859-8-i"), (104, "iso-2022-cn"), (105, "iso-2022-cn-ext"), (106, "utf-8"), (109, "iso-8859-13"),
    (110, "iso-8859-14"), (111, "iso-8859-15"), (112, "iso-8859-16"), (113, "gbk"), (114, "gb18030"),
    (1000, "iso-10646-ucs-2"), (1001, "iso-10646-ucs-4"), (1003, "iso-10646-ucs-basic"), (1011, "scsu"), (1012, "utf-7"),
    (1013, "utf-16be"), (1014, "utf-16le"), (1015, "utf-16"), (1016, "cesu-8"), (1017, "utf-32"), (1018, "utf-32be"),
    (1019, "utf-32le"), (1020, "bocu-1"), (2009, "ibm850"), (2010, "ibm852"), (2011, "ibm437"), (2024, "windows-31j"),
    (2025, "gb2312"), (2026, "big5"), (2027, "macintosh"), (2084, "koi8-r"), (2085, "hz-gb-2312"), (2086, "ibm866"),
    (2088, "koi8-u"), (2101, "big5-hkscs"), (2109, "windows-874"), (2250, "windows-1250"), (2251, "windows-1251"),
    (2252, "windows-1252"), (2253, "windows-1253"), (2254, "windows-1254"), (2255, "windows-1255"),
    (2256, "windows-1256"), (2257, "windows-1257"), (2258, "windows-1258"), (2259, "tis-620"),
];

/// Other names in common use.
static ALIASES: [(u32, &str); 6] = [
    (3, "ascii"),
    (4, "latin1"),
    (17, "sjis"),
    (106, "utf8"),
    (1000, "ucs-2"),
    (1015, "utf16"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn every_known_charset_is_found_by_number_and_by_name() {
        assert!(CHARSETS.is_sorted_by(|a, b| a.0 < b.0));
        for (number, name) in CHARSETS {
            assert_eq!(charset_name(number), Some(name));
            assert_eq!(charset_number(&name.to_ascii_uppercase()), Some(number));
            assert_eq!(Charset::from_name(name), Charset::Number(number));
            assert_eq!(Charset::Number(number).name(), Some(name));
        }
        assert_eq!(charset_number("UTF8"), Some(106));
        assert_eq!(charset_number("x-none"), None);
    }

    #[test]
    fn any_and_text_and_unknown_numbers_are_shown() {
        assert_eq!(Charset::from_name("*"), Charset::Any);
        assert_eq!(Charset::Any.to_string(), "*");
        assert_eq!(Charset::Number(99).to_string(), "99");
        assert_eq!(Charset::Number(99).name(), None);
        assert_eq!(Charset::from_name("x-none").to_string(), "x-none");
    }

    #[test]
    fn a_charset_is_an_integer_or_text() {
        let read = |octets| Charset::read(&mut Reader::new(octets, 0)).ok();
        assert_eq!(read(&[0x80]), Some(Charset::Any));
        assert_eq!(read(&[0xEA]), Some(Charset::Number(106)));
        assert_eq!(read(&[0x02, 0x07, 0xEA]), Some(Charset::Number(2026)));
        assert_eq!(read(b"x-none\0"), Some(Charset::Text("x-none".into())));
        assert_eq!(read(&[5, 1, 0, 0, 0, 0]), None);
    }
}
