//! The Encoding-Version header (WSP 8.4.2.70 and 8.4.3.1).

use super::reader::Reader;
use super::value::Version;
use crate::{DecodeError, DecodeErrorCode};
use core::fmt;

/// Which assigned numbers the sender knows, of the default header code pages or of one page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct EncodingVersion<'a> {
    /// The header code page; absent for the pages of WSP itself.
    pub page: Option<u8>,
    /// The highest version; absent where a sender says that it does not know the page.
    pub version: Option<Version<'a>>,
}

impl<'a> EncodingVersion<'a> {
    /// Reads what follows the length: a page and a version or nothing.
    pub(crate) fn read(mut value: Reader<'a>) -> Result<Self, DecodeError> {
        let page = match value.octet()? {
            octet @ 0x80.. => octet & 0x7F,
            _ => return Err(value.error(DecodeErrorCode::WrongForm)),
        };
        let version = if value.is_empty() {
            None
        } else {
            Some(value.version()?)
        };
        Ok(Self {
            page: Some(page),
            version,
        })
    }

    /// Reads the textual form: a version, with the page in hexadecimal digits and a space in front where there is one.
    #[must_use]
    pub fn parse(text: &'a str) -> Self {
        let page = |text| {
            u8::from_str_radix(text, 16)
                .ok()
                .filter(|&page| page < 0x80)
        };
        match text
            .split_once(' ')
            .map(|(first, rest)| (page(first), rest))
        {
            Some((Some(page), rest)) => Self {
                page: Some(page),
                version: Some(Version::parse(rest.trim_ascii())),
            },
            _ => Self {
                page: None,
                version: Some(Version::parse(text)),
            },
        }
    }
}

/// Shows the textual form.
impl fmt::Display for EncodingVersion<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.page, self.version) {
            (None, None) => Ok(()),
            (None, Some(version)) => write!(f, "{version}"),
            (Some(page), None) => write!(f, "{page:X}"),
            (Some(page), Some(version)) => write!(f, "{page:X} {version}"),
        }
    }
}
