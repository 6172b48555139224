//! Values with a unit.

use std::fmt;
use std::time::Duration;

use serde::de::{Deserializer, Error as _, Visitor};
use serde::{Deserialize, Serialize, Serializer};

/// A span of time: a whole number of seconds, or a text of whole number and unit (`ms`, `s`, `m`, `h`, `d`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span(pub Duration);

/// A number of octets: a whole number, or a text of whole number and unit (`KiB`, `MiB`, `GiB`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Octets(pub usize);

const SPAN_UNITS: [(&str, u64); 5] = [
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];
const OCTET_UNITS: [(&str, u64); 4] = [
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("", 1),
];

/// Splits `12 unit` and multiplies it out.
fn parse(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at_checked(digits)?;
    let (_, factor) = units
        .iter()
        .find(|(known, _)| *known == unit.trim_start())?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

/// Writes the number with the greatest unit that leaves it whole.
fn show(f: &mut fmt::Formatter<'_>, number: u64, units: &[(&str, u64)]) -> fmt::Result {
    let fitting = units
        .iter()
        .find(|(_, factor)| number != 0 && number.is_multiple_of(*factor));
    match fitting {
        Some(("", _)) | None => write!(f, "{number}"),
        Some((unit, factor)) if units.len() == OCTET_UNITS.len() => {
            write!(f, "{} {unit}", number / factor)
        }
        Some((unit, factor)) => write!(f, "{}{unit}", number / factor),
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX) {
            0 => f.write_str("0s"),
            millis => show(f, millis, &SPAN_UNITS),
        }
    }
}

impl fmt::Display for Octets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show(f, u64::try_from(self.0).unwrap_or(u64::MAX), &OCTET_UNITS)
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Serialize for Octets {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let millis = deserializer.deserialize_any(Quantity {
            expecting: "a span of time: whole seconds (30) or a text such as \"500ms\", \"30s\", \"5m\", \"1h\", \"7d\"",
            units: &SPAN_UNITS,
            bare: 1_000,
        })?;
        Ok(Self(Duration::from_millis(millis)))
    }
}

impl<'de> Deserialize<'de> for Octets {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let octets = deserializer.deserialize_any(Quantity {
            expecting: "a number of octets: a whole number (65536) or a text such as \"64 KiB\", \"8 MiB\"",
            units: &OCTET_UNITS,
            bare: 1,
        })?;
        usize::try_from(octets).map(Self).map_err(D::Error::custom)
    }
}

struct Quantity {
    expecting: &'static str,
    units: &'static [(&'static str, u64)],
    /// What a number without a unit counts.
    bare: u64,
}

impl Visitor<'_> for Quantity {
    type Value = u64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expecting)
    }

    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<u64, E> {
        let given = serde::de::Unexpected::Signed(number);
        u64::try_from(number)
            .ok()
            .and_then(|number| number.checked_mul(self.bare))
            .ok_or_else(|| E::invalid_value(given, &self))
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<u64, E> {
        let given = serde::de::Unexpected::Unsigned(number);
        number
            .checked_mul(self.bare)
            .ok_or_else(|| E::invalid_value(given, &self))
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<u64, E> {
        parse(text, self.units)
            .ok_or_else(|| E::invalid_value(serde::de::Unexpected::Str(text), &self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_read_back_as_it_is_shown() {
        for (text, seconds) in [
            ("0s", 0),
            ("30s", 30),
            ("5m", 300),
            ("1h", 3_600),
            ("7d", 604_800),
            ("90s", 90),
        ] {
            assert_eq!(parse(text, &SPAN_UNITS), Some(seconds * 1_000), "{text}");
            assert_eq!(Span(Duration::from_secs(seconds)).to_string(), text);
        }
        assert_eq!(parse("250ms", &SPAN_UNITS), Some(250));
        for text in [
            "",
            "s",
            "5",
            "5 weeks",
            "-1s",
            "1.5h",
            "99999999999999999999d",
            "18446744073709551615d",
        ] {
            assert_eq!(parse(text, &SPAN_UNITS), None, "{text}");
        }
    }

    #[test]
    fn octets_are_read_back_as_they_are_shown() {
        for (text, octets) in [
            ("0", 0),
            ("1000", 1000),
            ("64 KiB", 65_536),
            ("8 MiB", 8 << 20),
            ("1 GiB", 1 << 30),
        ] {
            assert_eq!(parse(text, &OCTET_UNITS), Some(octets), "{text}");
            assert_eq!(Octets(usize::try_from(octets).unwrap()).to_string(), text);
        }
        for text in ["", "KiB", "8 MB", "1.5 MiB", "99999999999 GiB"] {
            assert_eq!(parse(text, &OCTET_UNITS), None, "{text}");
        }
    }
}
