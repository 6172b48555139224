//! Value forms that many headers and parameters share (WSP 8.4.2.1 to 8.4.2.3).

use crate::Text;
use core::fmt;

/// A value by the rule of value lengths alone, whatever the header says about its meaning (WSP 8.4.1.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RawValue<'a> {
    /// One octet with the high bit set: its low seven bits.
    ShortInteger(u8),
    /// A length and as many octets: the octets.
    Data(&'a [u8]),
    /// Text ended by a zero: without the zero and without a Quote in front.
    Text(Text<'a>),
}

/// Shows a number in decimal, data as `0x` and hexadecimal digits, text as it is.
impl fmt::Display for RawValue<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ShortInteger(number) => write!(f, "{number}"),
            Self::Data(octets) => write_hex(f, octets),
            Self::Text(text) => write!(f, "{text}"),
        }
    }
}

/// Writes `0x` and two hexadecimal digits an octet.
pub(crate) fn write_hex(f: &mut fmt::Formatter<'_>, octets: &[u8]) -> fmt::Result {
    f.write_str("0x")?;
    octets.iter().try_for_each(|octet| write!(f, "{octet:02X}"))
}

/// The text of a Quoted-string, which begins with a quotation mark and has none at its end (WSP 8.4.2.1).
///
/// A sender that closes the quotation all the same is understood.
#[inline]
pub(crate) fn unquoted(octets: &[u8]) -> Option<&[u8]> {
    let text = octets.strip_prefix(b"\"")?;
    let closed = text
        .strip_suffix(b"\"")
        .filter(|inner| !inner.ends_with(b"\\"));
    Some(closed.unwrap_or(text))
}

/// A quality factor in thousandths, 0 to 1000 (WSP 8.4.2.3, Q-value).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Quality(u16);

impl Quality {
    /// The factor 1, which is meant where none is given.
    pub const ONE: Self = Self(1000);

    /// A quality factor of this many thousandths, at most 1000.
    #[must_use]
    pub const fn from_thousandths(thousandths: u16) -> Option<Self> {
        if thousandths <= 1000 {
            Some(Self(thousandths))
        } else {
            None
        }
    }

    /// The factor in thousandths.
    #[must_use]
    pub const fn thousandths(self) -> u16 {
        self.0
    }

    /// Reads a decimal number between 0 and 1 with at most three decimals (RFC 2616 section 3.9).
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
        if !matches!(whole, "0" | "1")
            || decimals.len() > 3
            || !decimals.bytes().all(|octet| octet.is_ascii_digit())
        {
            return None;
        }
        let scale = [1000_u16, 100, 10, 1].get(decimals.len()).copied()?;
        let fraction = decimals.parse().unwrap_or(0_u16).checked_mul(scale)?;
        whole
            .parse::<u16>()
            .ok()?
            .checked_mul(1000)?
            .checked_add(fraction)
            .and_then(Self::from_thousandths)
    }

    /// The factor that this uintvar stands for: 1 to 100 are hundredths and one, 101 to 1099 thousandths and 100.
    pub(crate) const fn from_wire(number: u32) -> Option<Self> {
        match number.to_be_bytes() {
            [0, 0, 0, hundredths @ 1..=100] => Some(Self(
                u16::from_be_bytes([0, hundredths])
                    .wrapping_sub(1)
                    .wrapping_mul(10),
            )),
            [0, 0, high, low] => {
                let number = u16::from_be_bytes([high, low]);
                if number > 100 && number < 1100 {
                    Some(Self(number.wrapping_sub(100)))
                } else {
                    None
                }
            }
            _ => None,
        }
    }

    /// The uintvar to send.
    pub(crate) fn to_wire(self) -> u32 {
        let thousandths = u32::from(self.0);
        match (thousandths / 10, thousandths % 10) {
            (hundredths @ 0..100, 0) => hundredths.saturating_add(1),
            _ => thousandths.saturating_add(100),
        }
    }
}

impl fmt::Display for Quality {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, decimals) = (self.0 / 1000, self.0 % 1000);
        match (decimals, decimals % 100, decimals % 10) {
            (0, ..) => write!(f, "{whole}"),
            (_, 0, _) => write!(f, "{whole}.{}", decimals / 100),
            (_, _, 0) => write!(f, "{whole}.{:02}", decimals / 10),
            _ => write!(f, "{whole}.{decimals:03}"),
        }
    }
}

/// A version (WSP 8.4.2.3, Version-value).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Version<'a> {
    /// Major number 0 to 7 and, unless absent, minor number 0 to 14.
    Number {
        /// The major number.
        major: u8,
        /// The minor number.
        minor: Option<u8>,
    },
    /// A version that does not fit into those bounds.
    Text(Text<'a>),
}

impl<'a> Version<'a> {
    pub(crate) const fn from_short_integer(octet: u8) -> Self {
        let minor = octet & 0x0F;
        Self::Number {
            major: octet >> 4 & 0x07,
            minor: if minor == 15 { None } else { Some(minor) },
        }
    }

    /// The octet to send for a version that a short integer can say.
    pub(crate) const fn to_short_integer(self) -> Option<u8> {
        match self {
            Self::Number {
                major: major @ ..=7,
                minor: None,
            } => Some(0x80 | major << 4 | 0x0F),
            Self::Number {
                major: major @ ..=7,
                minor: Some(minor @ ..=14),
            } => Some(0x80 | major << 4 | minor),
            Self::Number { .. } | Self::Text(_) => None,
        }
    }

    /// Reads `major` or `major.minor`, and anything else as text.
    #[must_use]
    pub fn parse(text: &'a str) -> Self {
        let (major, minor) = text
            .split_once('.')
            .map_or((text, None), |(major, minor)| (major, Some(minor)));
        let number = Self::parse_number(major, 7).and_then(|major| match minor {
            None => Some(Self::Number { major, minor: None }),
            Some(minor) => Some(Self::Number {
                major,
                minor: Some(Self::parse_number(minor, 14)?),
            }),
        });
        number.unwrap_or_else(|| Self::Text(text.into()))
    }

    fn parse_number(text: &str, most: u8) -> Option<u8> {
        let leading_zero = text.len() > 1 && text.starts_with('0');
        let digits = text.bytes().all(|octet| octet.is_ascii_digit());
        text.parse()
            .ok()
            .filter(|&number| digits && !leading_zero && number <= most)
    }
}

impl fmt::Display for Version<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number { major, minor: None } => write!(f, "{major}"),
            Self::Number {
                major,
                minor: Some(minor),
            } => write!(f, "{major}.{minor}"),
            Self::Text(text) => write!(f, "{text}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn quality_factors_have_up_to_three_decimals() {
        for (number, text) in [
            (1, "0"),
            (11, "0.1"),
            (0x47, "0.7"),
            (100, "0.99"),
            (0x1B1, "0.333"),
            (1099, "0.999"),
        ] {
            let quality = Quality::from_wire(number).unwrap();
            assert_eq!(quality.to_string(), text);
            assert_eq!(quality.to_wire(), number);
            assert_eq!(Quality::parse(text), Some(quality));
        }
        for number in [0, 1100, 65_536 + 1, u32::MAX] {
            assert_eq!(Quality::from_wire(number), None, "{number}");
        }
        assert_eq!(Quality::parse("1.000"), Some(Quality::ONE));
        assert_eq!(Quality::parse("0.5"), Quality::from_thousandths(500));
        for text in ["1.001", "2", "", ".5", "0.1234", "-0", "0.x"] {
            assert_eq!(Quality::parse(text), None, "{text}");
        }
    }

    #[test]
    fn every_quality_survives_the_wire() {
        for thousandths in 0..1000 {
            let quality = Quality::from_thousandths(thousandths).unwrap();
            assert_eq!(Quality::from_wire(quality.to_wire()), Some(quality));
            assert_eq!(Quality::parse(&quality.to_string()), Some(quality));
        }
    }

    #[test]
    fn versions_fit_into_an_octet_or_are_text() {
        for (octet, text) in [(0x93, "1.3"), (0x9F, "1"), (0xFE, "7.14"), (0x80, "0.0")] {
            let version = Version::from_short_integer(octet);
            assert_eq!(version.to_string(), text);
            assert_eq!(version.to_short_integer(), Some(octet));
            assert_eq!(Version::parse(text), version);
        }
        for text in ["8.0", "1.15", "1.03", "one", "", "1.", "1.2.3", "+1"] {
            assert_eq!(Version::parse(text), Version::Text(text.into()));
        }
    }

    #[test]
    fn quotation_marks_do_not_belong_to_the_text() {
        assert_eq!(unquoted(b"\"name"), Some(&b"name"[..]));
        assert_eq!(unquoted(b"\"name\""), Some(&b"name"[..]));
        assert_eq!(unquoted(b"\"name\\\""), Some(&b"name\\\""[..]));
        assert_eq!(unquoted(b"\""), Some(&b""[..]));
        assert_eq!(unquoted(b"name"), None);
    }
}
