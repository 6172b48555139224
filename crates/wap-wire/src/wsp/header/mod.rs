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
    /// Ends the set: where a length runs past the end, nothing after it can be found.
    #[cold]
    fn end_with(&mut self, error: DecodeError) -> Result<Header<'a>, DecodeError> {
        self.reader = Reader::new(&[], self.reader.offset());
        Err(error)
    }

    #[inline]
    fn numbered(&mut self, number: u8) -> Result<Header<'a>, DecodeError> {
        let start = self.reader.offset();
        let raw = match self.reader.raw_value() {
            Ok(raw) => raw,
            Err(error) => return self.end_with(error),
        };
        if self.page == DEFAULT_PAGE
            && let Some(header) = WellKnownHeader::from_number(number)
        {
            let value = HeaderValue::interpret(header, raw, start, self.reader.offset());
            return Ok(Header {
                name: HeaderName::WellKnown(header),
                value,
            });
        }
        let name = HeaderName::Unknown {
            page: self.page,
            number,
        };
        Ok(Header {
            name,
            value: HeaderValue::Unknown(raw),
        })
    }

    #[inline]
    fn named(&mut self) -> Result<Header<'a>, DecodeError> {
        let octets = match self.reader.until_zero() {
            Ok(octets) => octets,
            Err(error) => return self.end_with(error),
        };
        let value = match self.reader.raw_value() {
            Ok(RawValue::Text(text)) => HeaderValue::Text(text),
            // An empty text without Quote looks like a value of no octets.
            Ok(RawValue::Data([])) => HeaderValue::Text(Text::default()),
            Ok(raw @ (RawValue::ShortInteger(_) | RawValue::Data(_))) => HeaderValue::Unknown(raw),
            Err(error) => return self.end_with(error),
        };
        Ok(Header {
            name: HeaderName::Text(Text::new(octets)),
            value,
        })
    }
}

impl<'a> Iterator for HeaderIter<'a> {
    type Item = Result<Header<'a>, DecodeError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.reader.peek()? {
                first @ 0x80.. => {
                    self.reader.skip_octet();
                    return Some(self.numbered(first & 0x7F));
                }
                32..QUOTE => return Some(self.named()),
                // An octet that can begin no name: padding.
                0 => self.reader.skip_octet(),
                QUOTE => {
                    self.reader.skip_octet();
                    match self.reader.octet() {
                        Ok(page) => self.page = page,
                        Err(error) => return Some(self.end_with(error)),
                    }
                }
                page => {
                    self.page = page;
                    self.reader.skip_octet();
                }
            }
        }
    }
}
