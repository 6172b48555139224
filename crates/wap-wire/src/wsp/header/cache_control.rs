//! Cache-Control (WSP 8.4.2.15).

use super::name::HeaderName;
use crate::text::write_token_or_quoted;
use crate::wsp::parameter::ParameterValue;
use crate::wsp::reader::Reader;
use crate::{DecodeError, DecodeErrorCode, Text};
use core::fmt;

/// A directive to caches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CacheDirective<'a> {
    /// Not to be used without asking again; of these fields only, where fields are named.
    NoCache(FieldNames<'a>),
    /// Not to be stored.
    NoStore,
    /// At most as many seconds old.
    MaxAge(u64),
    /// May be stale; at most for as many seconds, where a number is given.
    MaxStale(Option<u64>),
    /// To stay fresh for at least as many seconds.
    MinFresh(u64),
    /// From a cache or not at all.
    OnlyIfCached,
    /// For any cache.
    Public,
    /// For one user's cache; these fields only, where fields are named.
    Private(FieldNames<'a>),
    /// Not to be transformed.
    NoTransform,
    /// To be asked for again once stale.
    MustRevalidate,
    /// To be asked for again once stale, by shared caches.
    ProxyRevalidate,
    /// At most as many seconds old in shared caches.
    SMaxage(u64),
    /// Any other directive.
    Extension {
        /// Its name.
        name: Text<'a>,
        /// Its value, where it has one.
        value: Option<ParameterValue<'a>>,
    },
}

/// The names of directives, in the order of their numbers.
pub(crate) const DIRECTIVES: [&str; 12] = [
    "no-cache",
    "no-store",
    "max-age",
    "max-stale",
    "min-fresh",
    "only-if-cached",
    "public",
    "private",
    "no-transform",
    "must-revalidate",
    "proxy-revalidate",
    "s-maxage",
];

impl<'a> CacheDirective<'a> {
    /// The directive of this number that has no arguments.
    pub(crate) const fn from_number(number: u8) -> Option<Self> {
        Some(match number {
            0 => Self::NoCache(FieldNames::NONE),
            1 => Self::NoStore,
            3 => Self::MaxStale(None),
            5 => Self::OnlyIfCached,
            6 => Self::Public,
            7 => Self::Private(FieldNames::NONE),
            8 => Self::NoTransform,
            9 => Self::MustRevalidate,
            10 => Self::ProxyRevalidate,
            _ => return None,
        })
    }

    pub(crate) fn read(mut reader: Reader<'a>) -> Result<Self, DecodeError> {
        let start = reader;
        let number = match reader.octet()? {
            octet @ 0x80.. => octet & 0x7F,
            _ => return Self::read_extension(start),
        };
        match number {
            0 => Ok(Self::NoCache(FieldNames(reader))),
            7 => Ok(Self::Private(FieldNames(reader))),
            2 => reader.integer().map(Self::MaxAge),
            3 if !reader.is_empty() => reader
                .integer()
                .map(|seconds| Self::MaxStale(Some(seconds))),
            4 => reader.integer().map(Self::MinFresh),
            11 => reader.integer().map(Self::SMaxage),
            _ => Self::from_number(number)
                .ok_or_else(|| start.error(DecodeErrorCode::UnassignedToken)),
        }
    }

    fn read_extension(mut reader: Reader<'a>) -> Result<Self, DecodeError> {
        let mut name = reader.text()?;
        // Some gateways write an empty text in front of the name.
        if name.is_empty() && !reader.is_empty() {
            name = reader.text()?;
        }
        let value = if reader.is_empty() {
            None
        } else {
            Some(ParameterValue::read_untyped(&mut reader)?)
        };
        Ok(Self::Extension { name, value })
    }

    /// The directive's number; extensions have none.
    pub(crate) const fn number(&self) -> Option<u8> {
        Some(match self {
            Self::NoCache(_) => 0,
            Self::NoStore => 1,
            Self::MaxAge(_) => 2,
            Self::MaxStale(_) => 3,
            Self::MinFresh(_) => 4,
            Self::OnlyIfCached => 5,
            Self::Public => 6,
            Self::Private(_) => 7,
            Self::NoTransform => 8,
            Self::MustRevalidate => 9,
            Self::ProxyRevalidate => 10,
            Self::SMaxage(_) => 11,
            Self::Extension { .. } => return None,
        })
    }
}

/// Shows `name`, `name=seconds` or `name="fields"`.
impl fmt::Display for CacheDirective<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self
            .number()
            .and_then(|number| DIRECTIVES.get(usize::from(number)))
            .copied()
            .unwrap_or_default();
        f.write_str(name)?;
        match self {
            Self::NoCache(fields) | Self::Private(fields) => write!(f, "{fields}"),
            Self::MaxAge(seconds)
            | Self::MaxStale(Some(seconds))
            | Self::MinFresh(seconds)
            | Self::SMaxage(seconds) => {
                write!(f, "={seconds}")
            }
            Self::Extension { name, value } => write_extension(f, *name, *value),
            Self::NoStore
            | Self::MaxStale(None)
            | Self::OnlyIfCached
            | Self::Public
            | Self::NoTransform
            | Self::MustRevalidate
            | Self::ProxyRevalidate => Ok(()),
        }
    }
}

fn write_extension(
    f: &mut fmt::Formatter<'_>,
    name: Text<'_>,
    value: Option<ParameterValue<'_>>,
) -> fmt::Result {
    write!(f, "{name}")?;
    match value {
        None | Some(ParameterValue::NoValue) => Ok(()),
        Some(ParameterValue::Text(text)) => {
            f.write_str("=")?;
            write_token_or_quoted(f, text)
        }
        Some(ParameterValue::Quoted(text)) => write!(f, "=\"{text}\""),
        Some(value) => write!(f, "={value}"),
    }
}

/// Names of header fields that a directive is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FieldNames<'a>(Reader<'a>);

impl<'a> FieldNames<'a> {
    const NONE: Self = Self(Reader::new(&[], 0));

    /// The names in order; ends before the first that is malformed.
    pub fn iter(&self) -> impl Iterator<Item = HeaderName<'a>> + use<'a> {
        let mut reader = self.0;
        core::iter::from_fn(move || {
            let name = HeaderName::read_field_name(&mut reader).ok();
            if name.is_none() {
                reader = Reader::new(&[], 0);
            }
            name
        })
    }
}

/// Shows `="name, name"`, or nothing where there is none.
impl fmt::Display for FieldNames<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut prefix = "=\"";
        for name in self.iter() {
            write!(f, "{prefix}{name}")?;
            prefix = ", ";
        }
        if prefix == ", " {
            f.write_str("\"")
        } else {
            Ok(())
        }
    }
}
