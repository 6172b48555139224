//! Media types and their parameters (Push-CAI 5.3 `content-type`).

use std::fmt;
use std::sync::Arc;

use crate::Headers;

/// The most octets that a media type may have.
const MAX_LENGTH: usize = 255;

/// A media type, `type/subtype`, in lower case. Cheap to clone, because every push is judged by its own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MediaType(Arc<str>);

impl MediaType {
    /// Parses `type/subtype` without parameters.
    pub fn parse(text: &str) -> Result<Self, InvalidMediaType> {
        let invalid = || InvalidMediaType {
            text: text.to_owned(),
        };
        let (kind, subtype) = text.split_once('/').ok_or_else(invalid)?;
        if text.len() > MAX_LENGTH || !is_token(kind) || !is_token(subtype) {
            return Err(invalid());
        }
        let in_lower_case = !text.bytes().any(|octet| octet.is_ascii_uppercase());
        Ok(Self(if in_lower_case {
            text.into()
        } else {
            text.to_ascii_lowercase().into()
        }))
    }

    /// `application/octet-stream`, what content is that nobody described (RFC 2046 4.5.1).
    pub fn octet_stream() -> Self {
        Self("application/octet-stream".into())
    }

    /// The text, `type/subtype`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part before the slash.
    pub fn kind(&self) -> &str {
        self.0.split('/').next().unwrap_or_default()
    }
}

impl fmt::Display for MediaType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a text is no media type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no media type; give type/subtype, such as application/vnd.wap.mms-message")]
pub struct InvalidMediaType {
    text: String,
}

/// A media type with its parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContentType {
    /// `type/subtype`.
    pub media_type: MediaType,
    /// Parameters as text, in order.
    pub parameters: Headers,
}

impl fmt::Display for ContentType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.media_type.fmt(f)?;
        self.parameters
            .iter()
            .try_for_each(|(name, value)| write!(f, "; {name}={value}"))
    }
}

/// Whether `text` is a token of RFC 9110 5.6.2.
pub(crate) fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(is_token_octet)
}

const fn is_token_octet(octet: u8) -> bool {
    octet.is_ascii_alphanumeric()
        || matches!(
            octet,
            b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^'..=b'`' | b'|' | b'~'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn media_types_are_in_lower_case() {
        let media_type = MediaType::parse("Application/Vnd.WAP.sic").unwrap();
        assert_eq!(media_type.as_str(), "application/vnd.wap.sic");
        assert_eq!(media_type.kind(), "application");
        assert_eq!(
            MediaType::octet_stream(),
            MediaType::parse("application/octet-stream").unwrap()
        );
    }

    #[test]
    fn what_is_no_media_type_is_refused_with_what_would_work() {
        for text in [
            "",
            "text",
            "text/",
            "/plain",
            "text/plain;charset=utf-8",
            "text/pl ain",
            "text/a/b",
            "t\u{e9}xt/plain",
            &format!("a/{}", "b".repeat(254)),
        ] {
            let error = MediaType::parse(text).unwrap_err();
            assert!(error.to_string().contains("give type/subtype"), "{text}");
        }
    }

    #[test]
    fn parameters_are_written_behind_the_type() {
        let content_type = ContentType {
            media_type: MediaType::parse("text/plain").unwrap(),
            parameters: [("charset", "utf-8"), ("name", "a")].into_iter().collect(),
        };
        assert_eq!(
            content_type.to_string(),
            "text/plain; charset=utf-8; name=a"
        );
    }
}
