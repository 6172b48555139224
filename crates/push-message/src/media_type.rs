//! Media types and their parameters (Push-CAI 5.3 `content-type`).

use std::fmt;

use crate::Headers;

/// The most octets that a media type may have.
const MAX_LENGTH: usize = 255;

/// A media type, `type/subtype`, in lower case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MediaType(Box<str>);

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
        Ok(Self(text.to_ascii_lowercase().into()))
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
    !text.is_empty()
        && text
            .bytes()
            .all(|octet| octet.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&octet))
}
