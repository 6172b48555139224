//! Protocol data units: their types, and the decoding of any of them.

use super::push::Push;
use super::reader::Reader;
use super::session::{Connect, ConnectReply, Redirect, Reply, Resume};
use crate::{DecodeError, DecodeErrorCode};
use core::fmt;

/// The type octet of a protocol data unit (WSP table 34).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PduType(pub u8);

macro_rules! pdu_types {
    ($($constant:ident $number:literal $name:literal,)+) => {
        impl PduType {
            $(#[doc = concat!("`", $name, "`")] pub const $constant: Self = Self($number);)+

            /// The name, where one is assigned.
            #[must_use]
            pub const fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($number => Some($name),)+
                    0x50..=0x5F => Some("ExtendedGet"),
                    0x70..=0x7F => Some("ExtendedPost"),
                    _ => None,
                }
            }
        }
    };
}

pdu_types! {
    CONNECT 0x01 "Connect",
    CONNECT_REPLY 0x02 "ConnectReply",
    REDIRECT 0x03 "Redirect",
    REPLY 0x04 "Reply",
    DISCONNECT 0x05 "Disconnect",
    PUSH 0x06 "Push",
    CONFIRMED_PUSH 0x07 "ConfirmedPush",
    SUSPEND 0x08 "Suspend",
    RESUME 0x09 "Resume",
    GET 0x40 "Get",
    OPTIONS 0x41 "Options",
    HEAD 0x42 "Head",
    DELETE 0x43 "Delete",
    TRACE 0x44 "Trace",
    POST 0x60 "Post",
    PUT 0x61 "Put",
    DATA_FRAGMENT 0x80 "DataFragment",
}

impl PduType {
    /// The HTTP method that this PDU invokes, where one is assigned.
    #[must_use]
    pub const fn method(self) -> Option<&'static str> {
        Some(match self {
            Self::GET => "GET",
            Self::OPTIONS => "OPTIONS",
            Self::HEAD => "HEAD",
            Self::DELETE => "DELETE",
            Self::TRACE => "TRACE",
            Self::POST => "POST",
            Self::PUT => "PUT",
            _ => return None,
        })
    }
}

/// Shows the name, or `0x` and two hexadecimal digits where none is assigned.
impl fmt::Display for PduType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "0x{:02X}", self.0),
        }
    }
}

/// A protocol data unit of connection-mode WSP, without transaction identifier (WSP 8.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pdu<'a> {
    /// A client asks for a session.
    Connect(Connect<'a>),
    /// A server grants a session.
    ConnectReply(ConnectReply<'a>),
    /// A server refuses a session and names other addresses.
    Redirect(Redirect<'a>),
    /// The response to a method, a refused session or a resumed session.
    Reply(Reply<'a>),
    /// The end of the session with this identifier.
    Disconnect(u32),
    /// A push or a confirmed push.
    Push(Push<'a>),
    /// The session with this identifier is suspended.
    Suspend(u32),
    /// A suspended session is resumed.
    Resume(Resume<'a>),
    /// A PDU of a method, or one of a type that is not assigned.
    Other {
        /// The type.
        pdu_type: PduType,
        /// All octets after the type.
        contents: &'a [u8],
    },
}

impl<'a> Pdu<'a> {
    /// Decodes one PDU, which takes all the octets.
    ///
    /// Headers and capabilities are decoded as they are iterated over.
    ///
    /// # Errors
    /// Where a field or a length runs past the end, or a content type is broken.
    pub fn decode(octets: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(octets, 0);
        let pdu_type = PduType(reader.octet()?);
        Ok(match pdu_type {
            PduType::CONNECT => Self::Connect(Connect::read(&mut reader)?),
            PduType::CONNECT_REPLY => Self::ConnectReply(ConnectReply::read(&mut reader)?),
            PduType::REDIRECT => Self::Redirect(Redirect::read(&mut reader)?),
            PduType::REPLY => Self::Reply(Reply::read(&mut reader)?),
            PduType::DISCONNECT => Self::Disconnect(reader.uintvar()?),
            PduType::PUSH => Self::Push(Push::read(&mut reader, false)?),
            PduType::CONFIRMED_PUSH => Self::Push(Push::read(&mut reader, true)?),
            PduType::SUSPEND => Self::Suspend(reader.uintvar()?),
            PduType::RESUME => Self::Resume(Resume::read(&mut reader)?),
            _ => Self::Other {
                pdu_type,
                contents: reader.rest(),
            },
        })
    }

    /// The PDU's type.
    #[must_use]
    pub const fn pdu_type(&self) -> PduType {
        match self {
            Self::Connect(_) => PduType::CONNECT,
            Self::ConnectReply(_) => PduType::CONNECT_REPLY,
            Self::Redirect(_) => PduType::REDIRECT,
            Self::Reply(_) => PduType::REPLY,
            Self::Disconnect(_) => PduType::DISCONNECT,
            Self::Push(Push {
                confirmed: false, ..
            }) => PduType::PUSH,
            Self::Push(Push {
                confirmed: true, ..
            }) => PduType::CONFIRMED_PUSH,
            Self::Suspend(_) => PduType::SUSPEND,
            Self::Resume(_) => PduType::RESUME,
            Self::Other { pdu_type, .. } => *pdu_type,
        }
    }
}

/// An error at the type octet, which the reader has just taken.
#[cold]
pub(crate) const fn unexpected(reader: &Reader<'_>) -> DecodeError {
    DecodeError::new(
        DecodeErrorCode::UnexpectedPdu,
        reader.offset().saturating_sub(1),
    )
}
