//! The PDUs that begin, refuse, end and resume sessions (WSP 8.2.2, 8.2.3.3 and 8.2.5).

use super::address::Addresses;
use super::capability::Capabilities;
use super::content_type::ContentType;
use super::header::Headers;
use super::reader::Reader;
use super::status::Status;
use crate::{DecodeError, DecodeErrorCode};

/// A client asks for a session (WSP table 13).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connect<'a> {
    /// The protocol version: major number in the high four bits, minor number in the low ones.
    pub version: u8,
    /// What the client can do.
    pub capabilities: Capabilities<'a>,
    /// Headers for the whole session.
    pub headers: Headers<'a>,
}

impl<'a> Connect<'a> {
    /// The version of the protocol this crate speaks, 1.0.
    pub const VERSION: u8 = 0x10;

    pub(crate) fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let version = reader.octet()?;
        let (capabilities, headers) = read_capabilities_and_headers(reader)?;
        Ok(Self {
            version,
            capabilities,
            headers,
        })
    }
}

/// A server grants a session (WSP table 14).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectReply<'a> {
    /// The session's identifier.
    pub session_id: u32,
    /// What the server agrees to.
    pub capabilities: Capabilities<'a>,
    /// Headers for the whole session.
    pub headers: Headers<'a>,
}

impl<'a> ConnectReply<'a> {
    pub(crate) fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let session_id = reader.uintvar()?;
        let (capabilities, headers) = read_capabilities_and_headers(reader)?;
        Ok(Self {
            session_id,
            capabilities,
            headers,
        })
    }
}

/// A server refuses a session and names addresses to turn to (WSP table 15).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Redirect<'a> {
    /// The flags as they came; the methods name those that are defined.
    pub flags: u8,
    /// Where to turn to.
    pub addresses: Addresses<'a>,
}

impl<'a> Redirect<'a> {
    /// The addresses hold for all sessions to come.
    pub const PERMANENT: u8 = 0x80;
    /// The security session may be used with the new address.
    pub const REUSE_SECURITY_SESSION: u8 = 0x40;

    /// Whether the addresses hold for all sessions to come.
    #[must_use]
    pub const fn is_permanent(&self) -> bool {
        self.flags & Self::PERMANENT != 0
    }

    /// Whether the security session may be used with the new address.
    #[must_use]
    pub const fn may_reuse_security_session(&self) -> bool {
        self.flags & Self::REUSE_SECURITY_SESSION != 0
    }

    pub(crate) fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        Ok(Self {
            flags: reader.octet()?,
            addresses: Addresses::from_reader(*reader),
        })
    }
}

/// The response to a method, a refused session or a resumed session (WSP table 20).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reply<'a> {
    /// The outcome.
    pub status: Status,
    /// The content type; absent where the PDU has neither content type nor headers.
    pub content_type: Option<ContentType<'a>>,
    /// The headers.
    pub headers: Headers<'a>,
    /// The content.
    pub body: &'a [u8],
}

impl<'a> Reply<'a> {
    pub(crate) fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let status = Status(reader.octet()?);
        let mut headers =
            read_length(reader)?.take_from(reader, DecodeErrorCode::HeadersLengthOverrun)?;
        let content_type = if headers.is_empty() {
            None
        } else {
            Some(ContentType::read(&mut headers)?)
        };
        Ok(Self {
            status,
            content_type,
            headers: Headers::from_reader(headers),
            body: reader.rest(),
        })
    }
}

/// A client resumes a suspended session (WSP table 25).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resume<'a> {
    /// The session's identifier.
    pub session_id: u32,
    /// Reserved for future use: there should be none.
    pub capabilities: Capabilities<'a>,
    /// Headers for the whole session.
    pub headers: Headers<'a>,
}

impl<'a> Resume<'a> {
    pub(crate) fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let session_id = reader.uintvar()?;
        let capabilities =
            read_length(reader)?.take_from(reader, DecodeErrorCode::CapabilitiesLengthOverrun)?;
        Ok(Self {
            session_id,
            capabilities: Capabilities::from_reader(capabilities),
            headers: Headers::from_reader(*reader),
        })
    }
}

fn read_capabilities_and_headers<'a>(
    reader: &mut Reader<'a>,
) -> Result<(Capabilities<'a>, Headers<'a>), DecodeError> {
    let capabilities_length = read_length(reader)?;
    let headers_length = read_length(reader)?;
    let capabilities =
        capabilities_length.take_from(reader, DecodeErrorCode::CapabilitiesLengthOverrun)?;
    let headers = headers_length.take_from(reader, DecodeErrorCode::HeadersLengthOverrun)?;
    Ok((
        Capabilities::from_reader(capabilities),
        Headers::from_reader(headers),
    ))
}

/// A length and where it stood, which is where an error about it belongs.
struct Length {
    length: u32,
    offset: usize,
}

fn read_length(reader: &mut Reader<'_>) -> Result<Length, DecodeError> {
    let offset = reader.offset();
    Ok(Length {
        length: reader.uintvar()?,
        offset,
    })
}

impl Length {
    fn take_from<'a>(
        &self,
        reader: &mut Reader<'a>,
        code: DecodeErrorCode,
    ) -> Result<Reader<'a>, DecodeError> {
        reader
            .sub(self.length, code)
            .map_err(|error| DecodeError::new(error.code, self.offset))
    }
}
