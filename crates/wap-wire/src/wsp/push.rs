//! Push and confirmed push (WSP 8.2.4), in sessions and without.

use super::application_id::{ApplicationId, PushFlag};
use super::content_type::ContentType;
use super::header::{Headers, WellKnownHeader};
use super::pdu::{PduType, unexpected};
use super::reader::Reader;
use crate::{DecodeError, DecodeErrorCode};

/// A push of the connectionless service: a transaction identifier and a push.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnitPush<'a> {
    /// The transaction identifier, also called push id: any octet.
    pub tid: u8,
    /// The push, which is never a confirmed one.
    pub push: Push<'a>,
}

impl<'a> UnitPush<'a> {
    /// Decodes one datagram.
    ///
    /// # Errors
    /// [`DecodeErrorCode::UnexpectedPdu`] where the PDU is not a Push, and what [`Push::decode`] says.
    #[inline]
    pub fn decode(octets: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(octets, 0);
        let tid = reader.octet()?;
        match PduType(reader.octet()?) {
            PduType::PUSH => Ok(Self {
                tid,
                push: Push::read(&mut reader, false)?,
            }),
            _ => Err(unexpected(&reader)),
        }
    }
}

/// A push as a session carries it (WSP table 23).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Push<'a> {
    /// Whether it is a confirmed push.
    pub confirmed: bool,
    /// The content type, with its parameters.
    pub content_type: ContentType<'a>,
    /// The other headers.
    pub headers: Headers<'a>,
    /// The content.
    pub body: &'a [u8],
}

impl<'a> Push<'a> {
    /// Decodes one PDU of type Push or `ConfirmedPush`.
    ///
    /// Headers are decoded as they are iterated over.
    ///
    /// # Errors
    /// [`DecodeErrorCode::UnexpectedPdu`] for any other type, [`DecodeErrorCode::HeadersLengthOverrun`] where the headers
    /// end after the PDU, and what [`ContentType::decode`] says.
    pub fn decode(octets: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(octets, 0);
        match PduType(reader.octet()?) {
            PduType::PUSH => Self::read(&mut reader, false),
            PduType::CONFIRMED_PUSH => Self::read(&mut reader, true),
            _ => Err(unexpected(&reader)),
        }
    }

    #[inline]
    pub(crate) fn read(reader: &mut Reader<'a>, confirmed: bool) -> Result<Self, DecodeError> {
        let start = *reader;
        let length = reader.uintvar()?;
        let mut headers = reader
            .sub(length, DecodeErrorCode::HeadersLengthOverrun)
            .map_err(|error| start.error(error.code))?;
        let content_type = ContentType::read(&mut headers)?;
        Ok(Self {
            confirmed,
            content_type,
            headers: Headers::from_reader(headers),
            body: reader.rest(),
        })
    }

    /// The first application id among the headers, whether its header has a number or a text for a name.
    ///
    /// Nothing is given where the push names no application; `x-wap-application:wml.ua` is meant then (WAP-235).
    #[must_use]
    pub fn application_id(&self) -> Option<ApplicationId<'a>> {
        self.headers
            .find(WellKnownHeader::XWapApplicationId)?
            .as_application_id()
    }

    /// The push flags, where the headers have them.
    #[must_use]
    pub fn push_flag(&self) -> Option<PushFlag> {
        self.headers.find(WellKnownHeader::PushFlag)?.as_push_flag()
    }
}
