//! SMS-DELIVER: what the SMS centre sends to a terminal (3GPP TS 23.040 9.2.2.1).

use super::address::MAX_SEMI_OCTETS;
use super::{Address, DataCoding, ServiceCentreTimeStamp, UserData};
use crate::{DecodeError, DecodeErrorCode};

const MESSAGE_TYPE: u8 = 0b11;
const NO_MORE_MESSAGES: u8 = 1 << 2;
const LOOP_PREVENTION: u8 = 1 << 3;
const STATUS_REPORT: u8 = 1 << 5;
const USER_DATA_HEADER: u8 = 1 << 6;
const REPLY_PATH: u8 = 1 << 7;

/// The most octets of an SMS centre's address behind its length.
const MAX_SERVICE_CENTRE: u8 = 12;

/// Whether the address of the SMS centre stands in front of a message, as modems hand messages out in PDU mode (3GPP TS 27.005 3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ServiceCentre {
    /// It does, if only as a length of zero.
    InFront,
    /// The message begins with its first octet.
    Absent,
    /// The octets tell: the type of an address has its highest bit set, and the length of an originating address has not.
    #[default]
    Unknown,
}

/// An SMS-DELIVER message.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a bit of the message and independent of the others"
)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Deliver<'a> {
    /// The SMS centre, where it stands in front and is not empty.
    pub service_centre: Option<Address<'a>>,
    /// Whether more messages wait at the SMS centre (TP-MMS).
    pub more_messages: bool,
    /// Whether the message was forwarded, or is to be kept from loops (TP-LP).
    pub loop_prevention: bool,
    /// Whether a status report was asked for (TP-SRI).
    pub status_report: bool,
    /// Whether there is a reply path (TP-RP).
    pub reply_path: bool,
    /// Who sent it (TP-OA).
    pub originating_address: Address<'a>,
    /// What is above (TP-PID).
    pub protocol_identifier: u8,
    /// When the SMS centre took it (TP-SCTS).
    pub time_stamp: ServiceCentreTimeStamp,
    /// Its content (TP-UD), with its coding (TP-DCS), header flag (TP-UDHI) and length (TP-UDL).
    pub user_data: UserData<'a>,
}

impl<'a> Deliver<'a> {
    /// Decodes a message; whether the address of the SMS centre stands in front is found out. Octets behind the user data are left alone.
    ///
    /// # Errors
    ///
    /// The octets end early, a length is beyond what there can be, or it is another kind of message.
    pub fn decode(octets: &'a [u8]) -> Result<Self, DecodeError> {
        Self::decode_with(octets, ServiceCentre::Unknown)
    }

    /// Decodes a message of which is known whether the address of the SMS centre stands in front.
    ///
    /// # Errors
    ///
    /// The octets end early, a length is beyond what there can be, or it is another kind of message.
    pub fn decode_with(
        octets: &'a [u8],
        service_centre: ServiceCentre,
    ) -> Result<Self, DecodeError> {
        let in_front = match service_centre {
            ServiceCentre::InFront => true,
            ServiceCentre::Absent => false,
            ServiceCentre::Unknown => has_service_centre(octets),
        };
        let mut cursor = Cursor { octets, offset: 0 };
        let service_centre = if in_front {
            cursor.service_centre()?
        } else {
            None
        };
        Self::read(cursor, service_centre)
    }

    fn read(
        mut cursor: Cursor<'a>,
        service_centre: Option<Address<'a>>,
    ) -> Result<Self, DecodeError> {
        let start = cursor.offset;
        let first = cursor.octet()?;
        if first & MESSAGE_TYPE != 0 {
            return Err(DecodeError::new(DecodeErrorCode::UnexpectedPdu, start));
        }
        let originating_address = cursor.originating_address()?;
        let protocol_identifier = cursor.octet()?;
        let data_coding = DataCoding(cursor.octet()?);
        let time_stamp = ServiceCentreTimeStamp(cursor.array()?);
        let has_header = first & USER_DATA_HEADER != 0;
        let (user_data, _) =
            UserData::decode(cursor.octets, data_coding, has_header, cursor.offset)?;
        Ok(Self {
            service_centre,
            more_messages: first & NO_MORE_MESSAGES == 0,
            loop_prevention: first & LOOP_PREVENTION != 0,
            status_report: first & STATUS_REPORT != 0,
            reply_path: first & REPLY_PATH != 0,
            originating_address,
            protocol_identifier,
            time_stamp,
            user_data,
        })
    }
}

/// Whether the address of an SMS centre stands in front. A type of address has its highest bit set, a length of digits has not, so that
/// the octet at which the one or the other has to be tells. Octets that are neither are taken for a message without one.
fn has_service_centre(octets: &[u8]) -> bool {
    match octets {
        [0, _, third, ..] => !Address::is_type(*third),
        [1..=MAX_SERVICE_CENTRE, second, ..] => Address::is_type(*second),
        _ => false,
    }
}

struct Cursor<'a> {
    octets: &'a [u8],
    offset: usize,
}

impl<'a> Cursor<'a> {
    fn take(&mut self, length: usize, code: DecodeErrorCode) -> Result<&'a [u8], DecodeError> {
        let (taken, rest) = self
            .octets
            .split_at_checked(length)
            .ok_or_else(|| DecodeError::new(code, self.offset))?;
        self.octets = rest;
        self.offset = self.offset.saturating_add(length);
        Ok(taken)
    }

    fn octet(&mut self) -> Result<u8, DecodeError> {
        self.array().map(|[octet]| octet)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let truncated = DecodeError::new(DecodeErrorCode::Truncated, self.offset);
        let taken = self.take(N, DecodeErrorCode::Truncated)?;
        taken.try_into().map_err(|_| truncated)
    }

    /// The SMS centre: a length in octets, which counts the type, and then the address.
    fn service_centre(&mut self) -> Result<Option<Address<'a>>, DecodeError> {
        let start = self.offset;
        let length = self.octet()?;
        if length > MAX_SERVICE_CENTRE {
            return Err(DecodeError::new(DecodeErrorCode::AddressTooLong, start));
        }
        let octets = self
            .take(usize::from(length), DecodeErrorCode::AddressLengthOverrun)
            .map_err(|error| DecodeError::new(error.code, start))?;
        let address = octets
            .split_first()
            .map(|(&type_of_address, octets)| Address {
                type_of_address,
                semi_octets: length.saturating_sub(1).saturating_mul(2),
                octets,
            });
        Ok(address.filter(|address| !address.is_empty()))
    }

    /// The originator: a length in semi-octets, which does not count the type.
    fn originating_address(&mut self) -> Result<Address<'a>, DecodeError> {
        let start = self.offset;
        let semi_octets = self.octet()?;
        if semi_octets > MAX_SEMI_OCTETS {
            return Err(DecodeError::new(DecodeErrorCode::AddressTooLong, start));
        }
        let type_of_address = self.octet()?;
        let octets = self
            .take(
                usize::from(semi_octets).div_ceil(2),
                DecodeErrorCode::AddressLengthOverrun,
            )
            .map_err(|error| DecodeError::new(error.code, start))?;
        Ok(Address {
            type_of_address,
            semi_octets,
            octets,
        })
    }
}
