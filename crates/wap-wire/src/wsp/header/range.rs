//! Content-Range, Range and Retry-After (WSP 8.4.2.23, 8.4.2.42 and 8.4.2.44).

use crate::wsp::reader::Reader;
use crate::{Date, DecodeError, DecodeErrorCode};
use core::fmt;

/// Which octets of an entity the content is. The last one follows from the length of the content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ContentRange {
    /// The position of the first octet.
    pub first: u32,
    /// The length of the entity in octets, where it is known.
    pub entity_length: Option<u32>,
}

/// The octet for a length that is not known.
pub(crate) const UNKNOWN_LENGTH: u8 = 0x80;

impl ContentRange {
    pub(crate) fn read(mut reader: Reader<'_>) -> Result<Self, DecodeError> {
        let first = reader.uintvar()?;
        let unknown = reader.rest() == [UNKNOWN_LENGTH];
        let entity_length = if unknown {
            None
        } else {
            Some(reader.uintvar()?)
        };
        Ok(Self {
            first,
            entity_length,
        })
    }
}

/// Shows `bytes 0-*/1025`: the last position is not carried.
impl fmt::Display for ContentRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.entity_length {
            Some(length) => write!(f, "bytes {}-*/{length}", self.first),
            None => write!(f, "bytes {}-*/*", self.first),
        }
    }
}

/// Which octets of an entity are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Range {
    /// From the first position to the last one, or to the end.
    Bytes {
        /// The position of the first octet.
        first: u32,
        /// The position of the last octet.
        last: Option<u32>,
    },
    /// As many octets at the end.
    Suffix(u32),
}

impl Range {
    pub(crate) fn read(mut reader: Reader<'_>) -> Result<Self, DecodeError> {
        let start = reader;
        match reader.octet()? {
            0x80 => {
                let first = reader.uintvar()?;
                let last = if reader.is_empty() {
                    None
                } else {
                    Some(reader.uintvar()?)
                };
                Ok(Self::Bytes { first, last })
            }
            0x81 => reader.uintvar().map(Self::Suffix),
            _ => Err(start.error(DecodeErrorCode::UnassignedToken)),
        }
    }
}

/// Shows `bytes=0-499`, `bytes=500-` or `bytes=-500`.
impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes {
                first,
                last: Some(last),
            } => write!(f, "bytes={first}-{last}"),
            Self::Bytes { first, last: None } => write!(f, "bytes={first}-"),
            Self::Suffix(length) => write!(f, "bytes=-{length}"),
        }
    }
}

/// When to try again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RetryAfter {
    /// At this time.
    Date(Date),
    /// After as many seconds.
    DeltaSeconds(u64),
}

impl RetryAfter {
    pub(crate) fn read(mut reader: Reader<'_>) -> Result<Self, DecodeError> {
        let start = reader;
        match reader.octet()? {
            0x80 => reader.integer().map(|seconds| Self::Date(Date(seconds))),
            0x81 => reader.integer().map(Self::DeltaSeconds),
            _ => Err(start.error(DecodeErrorCode::UnassignedToken)),
        }
    }
}

impl fmt::Display for RetryAfter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Date(date) => write!(f, "{date}"),
            Self::DeltaSeconds(seconds) => write!(f, "{seconds}"),
        }
    }
}
