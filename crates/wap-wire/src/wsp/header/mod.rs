//! Headers: sets of names and values (WSP 8.4).

mod authorization;
mod cache_control;
mod cookie;
mod disposition;
mod name;
mod preference;
mod range;
mod value;
mod warning;

pub use authorization::{AuthParameters, Challenge, Credentials};
pub(crate) use cache_control::DIRECTIVES as CACHE_DIRECTIVES;
pub use cache_control::{CacheDirective, FieldNames};
pub use cookie::{Cookie, CookieEntry, Cookies, SetCookie};
pub use disposition::{ContentDisposition, Expectation};
pub use name::{HeaderName, WellKnownHeader};
pub use preference::{Preference, TransferCoding};
pub use range::{ContentRange, Range, RetryAfter};
pub use value::{HeaderValue, Malformed};
pub use warning::{ProfileWarning, ProfileWarningDates, Warning};

use super::reader::{QUOTE, Reader};
use super::value::RawValue;
use crate::{DecodeError, Text};
use core::fmt;

/// The header code page at the beginning of every set of headers.
const DEFAULT_PAGE: u8 = 1;

/// A set of headers, decoded as it is iterated over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Headers<'a>(Reader<'a>);

impl<'a> Headers<'a> {
    /// The headers in these octets.
    #[must_use]
    pub const fn new(octets: &'a [u8]) -> Self {
        Self(Reader::new(octets, 0))
    }

    #[inline]
    pub(crate) const fn from_reader(reader: Reader<'a>) -> Self {
        Self(reader)
    }

    /// The octets of the whole set.
    #[must_use]
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.0.rest()
    }

    /// Iterates over the headers in order.
    #[must_use]
    #[inline]
    pub const fn iter(&self) -> HeaderIter<'a> {
        HeaderIter {
            reader: self.0,
            page: DEFAULT_PAGE,
        }
    }

    /// The value of the first header of this name, as a number of whatever encoding or as text.
    #[must_use]
    pub fn find(&self, header: WellKnownHeader) -> Option<HeaderValue<'a>> {
        self.iter()
            .map_while(Result::ok)
            .find(|field| field.name.is(header))
            .map(|field| field.value)
    }
}

impl<'a> IntoIterator for Headers<'a> {
    type Item = Result<Header<'a>, DecodeError>;
    type IntoIter = HeaderIter<'a>;

    #[inline]
    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<'a> IntoIterator for &Headers<'a> {
    type Item = Result<Header<'a>, DecodeError>;
    type IntoIter = HeaderIter<'a>;

    #[inline]
    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// A header: name and value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header<'a> {
    /// The name.
    pub name: HeaderName<'a>,
    /// The value.
    pub value: HeaderValue<'a>,
}

/// Shows `name: value`.
impl fmt::Display for Header<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.value)
    }
}

/// Iterates over headers, remembering shifts of the code page; ends after the first error.
///
/// A value that its header cannot have is no error here, but [`HeaderValue::Malformed`].
#[derive(Debug, Clone)]
pub struct HeaderIter<'a> {
    reader: Reader<'a>,
    page: u8,
}

impl<'a> HeaderIter<'a> {
    #[inline]
    fn read(&mut self, first: u8) -> Result<Option<Header<'a>>, DecodeError> {
        match first {
            0x80.. => {
                self.reader.octet()?;
                self.read_numbered(first & 0x7F).map(Some)
            }
            32..QUOTE => self.read_named().map(Some),
            // An octet that can begin no name: padding.
            0 => self.reader.octet().map(|_| None),
            QUOTE => {
                self.reader.octet()?;
                self.page = self.reader.octet()?;
                Ok(None)
            }
            page => {
                self.page = page;
                self.reader.octet().map(|_| None)
            }
        }
    }

    #[inline]
    fn read_numbered(&mut self, number: u8) -> Result<Header<'a>, DecodeError> {
        let start = self.reader.offset();
        let raw = self.reader.raw_value()?;
        if self.page == DEFAULT_PAGE
            && let Some(header) = WellKnownHeader::from_number(number)
        {
            let value = HeaderValue::interpret(header, raw, start, self.reader.offset());
            return Ok(Header {
                name: HeaderName::WellKnown(header),
                value,
            });
        }
        Ok(Header {
            name: HeaderName::Unknown {
                page: self.page,
                number,
            },
            value: HeaderValue::Unknown(raw),
        })
    }

    #[inline]
    fn read_named(&mut self) -> Result<Header<'a>, DecodeError> {
        let name = HeaderName::Text(Text::new(self.reader.until_zero()?));
        let value = match self.reader.raw_value()? {
            RawValue::Text(text) => HeaderValue::Text(text),
            // An empty text without Quote looks like a value of no octets.
            RawValue::Data([]) => HeaderValue::Text(Text::default()),
            raw @ (RawValue::ShortInteger(_) | RawValue::Data(_)) => HeaderValue::Unknown(raw),
        };
        Ok(Header { name, value })
    }
}

impl<'a> Iterator for HeaderIter<'a> {
    type Item = Result<Header<'a>, DecodeError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let first = self.reader.peek()?;
            match self.read(first) {
                Ok(Some(header)) => return Some(Ok(header)),
                Ok(None) => {}
                Err(error) => {
                    self.reader = Reader::new(&[], self.reader.offset());
                    return Some(Err(error));
                }
            }
        }
    }
}
