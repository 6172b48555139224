//! The MIME types that an application subscribes to (Push-CAI 5.1 `Accept`).

use std::fmt;

use crate::MediaType;
use crate::media_type::is_token;

/// The most ranges one Accept may list.
const MAX_RANGES: usize = 64;

/// A set of media ranges, as in the header of HTTP (RFC 9110 12.5.1). A range with `q=0` excludes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accept(Box<[MediaRange]>);

/// One range of an Accept.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct MediaRange {
    /// `type/subtype`, `type/*` or `*/*`, in lower case.
    range: Box<str>,
    /// Weight in thousandths; 0 excludes.
    quality: u16,
}

impl Accept {
    /// Every media type.
    pub fn anything() -> Self {
        Self(Box::new([MediaRange {
            range: "*/*".into(),
            quality: 1000,
        }]))
    }

    /// Parses a comma-separated list of 1 to 64 media ranges, each with an optional `;q=`.
    pub fn parse(text: &str) -> Result<Self, InvalidAccept> {
        let ranges = text
            .split(',')
            .map(str::trim)
            .map(MediaRange::parse)
            .collect::<Result<Box<[_]>, _>>()?;
        if ranges.len() > MAX_RANGES {
            return Err(InvalidAccept {
                range: format!("{} ranges", ranges.len()),
            });
        }
        Ok(Self(ranges))
    }

    /// Whether content of this type is wanted: the most specific range that fits decides.
    pub fn accepts(&self, media_type: &MediaType) -> bool {
        let fitting = self
            .0
            .iter()
            .filter_map(|range| Some((range.specificity(media_type)?, range.quality)));
        fitting
            .max_by_key(|&(specificity, _)| specificity)
            .is_some_and(|(_, quality)| quality > 0)
    }

    /// The ranges in the order given.
    pub fn ranges(&self) -> &[MediaRange] {
        &self.0
    }
}

impl MediaRange {
    /// `type/subtype`, `type/*` or `*/*`.
    pub fn as_str(&self) -> &str {
        &self.range
    }

    /// Whether the range excludes what it names (`q=0`).
    pub const fn excludes(&self) -> bool {
        self.quality == 0
    }

    fn parse(text: &str) -> Result<Self, InvalidAccept> {
        let invalid = || InvalidAccept {
            range: text.to_owned(),
        };
        let mut parts = text.split(';').map(str::trim);
        let range = parts.next().unwrap_or_default();
        let (kind, subtype) = range.split_once('/').ok_or_else(invalid)?;
        let wildcard_kind_with_subtype = kind == "*" && subtype != "*";
        if !is_token(kind) || !is_token(subtype) || wildcard_kind_with_subtype || range.len() > 255
        {
            return Err(invalid());
        }
        let mut quality = 1000;
        for part in parts {
            let (name, value) = part.split_once('=').ok_or_else(invalid)?;
            if name.trim().eq_ignore_ascii_case("q") {
                quality = parse_quality(value.trim()).ok_or_else(invalid)?;
            } else if !is_token(name.trim()) || value.trim().is_empty() {
                return Err(invalid());
            }
        }
        Ok(Self {
            range: range.to_ascii_lowercase().into(),
            quality,
        })
    }

    /// How closely the range fits: 2 exactly, 1 by its kind, 0 as `*/*`.
    fn specificity(&self, media_type: &MediaType) -> Option<u8> {
        if *self.range == *media_type.as_str() {
            return Some(2);
        }
        match self.range.strip_suffix("/*") {
            Some("*") => Some(0),
            Some(kind) if kind == media_type.kind() => Some(1),
            Some(_) | None => None,
        }
    }
}

fn parse_quality(text: &str) -> Option<u16> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if fraction.len() > 3 || !fraction.bytes().all(|octet| octet.is_ascii_digit()) {
        return None;
    }
    let thousandths: u16 = format!("{fraction:0<3}").parse().ok()?;
    match whole {
        "0" => Some(thousandths),
        "1" if thousandths == 0 => Some(1000),
        _ => None,
    }
}

impl fmt::Display for Accept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, range) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(", ")?;
            }
            range.fmt(f)?;
        }
        Ok(())
    }
}

impl fmt::Display for MediaRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.range)?;
        match self.quality {
            1000 => Ok(()),
            quality => write!(f, ";q={}.{:03}", quality / 1000, quality % 1000),
        }
    }
}

/// Why a text is no Accept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{range}` is no media range; give type/subtype, type/* or */*, at most 64 of them with commas between"
)]
pub struct InvalidAccept {
    range: String,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn accepts(accept: &str, media_type: &str) -> bool {
        let media_type = MediaType::parse(media_type).unwrap();
        Accept::parse(accept).unwrap().accepts(&media_type)
    }

    #[test]
    fn the_most_specific_range_decides() {
        for (accept, media_type, wanted) in [
            ("text/plain", "text/plain", true),
            ("Text/Plain", "TEXT/plain", true),
            ("text/plain", "text/html", false),
            ("text/*", "text/html", true),
            ("text/*", "image/png", false),
            ("*/*", "image/png", true),
            ("*/*, text/html;q=0", "text/html", false),
            ("text/html;q=0, */*", "text/plain", true),
            ("text/*;q=0, text/plain", "text/plain", true),
            ("text/*;q=0, */*", "text/html", false),
            ("text/plain;charset=utf-8;q=0.001", "text/plain", true),
            (
                "application/vnd.wap.mms-message",
                "application/vnd.wap.mms-message",
                true,
            ),
        ] {
            assert_eq!(accepts(accept, media_type), wanted, "{accept} {media_type}");
        }
    }

    #[test]
    fn what_is_no_list_of_ranges_is_refused_with_what_would_work() {
        for text in [
            "",
            ",",
            "text",
            "text/",
            "/plain",
            "*/plain",
            "text/plain,",
            "text/pl ain",
            "text/plain;q",
            "text/plain;q=2",
            "text/plain;q=1.5",
            "text/plain;q=0.1234",
            "text/plain;q=-1",
            "text/plain;=x",
            "text/plain;charset=",
            "t\u{e9}xt/plain",
        ] {
            let error = Accept::parse(text).unwrap_err();
            assert!(error.to_string().contains("type/subtype"), "{text}");
        }
        assert!(Accept::parse(&vec!["a/b"; 64].join(",")).is_ok());
        assert!(Accept::parse(&vec!["a/b"; 65].join(",")).is_err());
        assert!(Accept::parse(&format!("a/{}", "b".repeat(254))).is_err());
    }

    #[test]
    fn anything_accepts_anything() {
        assert!(Accept::anything().accepts(&MediaType::octet_stream()));
        assert_eq!(Accept::parse("*/*").unwrap(), Accept::anything());
    }

    proptest! {
        #[test]
        fn parsing_never_panics(text in "\\PC{0,80}") {
            drop(Accept::parse(&text));
        }

        #[test]
        fn what_is_written_is_read_back(
            ranges in prop::collection::vec(("[a-z]{1,8}", prop_oneof![Just("*".to_owned()), "[a-z.+-]{1,12}"], 0..=1000u16), 1..8),
        ) {
            let texts = ranges.iter().map(|(kind, subtype, quality)| {
                format!("{kind}/{subtype};q={}.{:03}", quality / 1000, quality % 1000)
            });
            let accept = Accept::parse(&texts.collect::<Vec<_>>().join(",")).unwrap();
            prop_assert_eq!(Accept::parse(&accept.to_string()).unwrap(), accept);
        }
    }
}
