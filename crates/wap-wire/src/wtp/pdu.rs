//! The protocol data units (WTP 8.3), with the class numbers as corrected by note 002.

use super::item::Items;
use super::reason::ProviderAbortReason;
use crate::wsp::AbortReason;
use crate::wsp::reader::Reader;
use crate::{DecodeError, DecodeErrorCode, EncodeError};
use alloc::vec::Vec;
use core::fmt;

const CONTINUE: u8 = 0x80;
const GROUP_TRAILER: u8 = 0x04;
const TRANSMISSION_TRAILER: u8 = 0x02;
const VERIFY: u8 = 0x04;
const RETRANSMITTED: u8 = 0x01;
const USER_ABORT: u8 = 1;
const TID_NEW: u8 = 0x20;
const USER_ACKNOWLEDGEMENT: u8 = 0x10;
const CLASS: u8 = 0x03;

/// The type of a PDU: four bits (WTP table 11).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PduType(pub u8);

macro_rules! pdu_types {
    ($($constant:ident $number:literal $name:literal,)+) => {
        impl PduType {
            $(#[doc = concat!("`", $name, "`.")] pub const $constant: Self = Self($number);)+

            /// The name, where one is assigned.
            #[must_use]
            pub const fn name(self) -> Option<&'static str> {
                match self.0 { $($number => Some($name),)+ _ => None }
            }
        }
    };
}

pdu_types! {
    INVOKE 1 "Invoke",
    RESULT 2 "Result",
    ACK 3 "Ack",
    ABORT 4 "Abort",
    SEGMENTED_INVOKE 5 "SegmentedInvoke",
    SEGMENTED_RESULT 6 "SegmentedResult",
    NEGATIVE_ACK 7 "NegativeAck",
}

impl PduType {
    /// The type that the first octet of a PDU says.
    #[must_use]
    pub const fn of(first: u8) -> Self {
        Self(first >> 3 & 0x0F)
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

/// Where in its message a packet stands (WTP table 12).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Trailer {
    /// More packets of its group follow.
    None,
    /// The last packet of the message.
    Transmission,
    /// The last packet of its group.
    Group,
    /// The whole message; its sender does not do segmentation.
    Unsegmented,
}

impl Trailer {
    const fn of(first: u8) -> Self {
        match (
            first & GROUP_TRAILER != 0,
            first & TRANSMISSION_TRAILER != 0,
        ) {
            (false, false) => Self::None,
            (false, true) => Self::Transmission,
            (true, false) => Self::Group,
            (true, true) => Self::Unsegmented,
        }
    }

    const fn bits(self) -> u8 {
        match self {
            Self::None => 0,
            Self::Transmission => TRANSMISSION_TRAILER,
            Self::Group => GROUP_TRAILER,
            Self::Unsegmented => GROUP_TRAILER | TRANSMISSION_TRAILER,
        }
    }

    //= specs/wtp.md#segmentation-and-reassembly
    //# In a packet that ends its message the flag of a group's end MUST be ignored.
    /// Whether the packet is the last one of its message. The group flag says nothing beside the transmission flag (note 002).
    #[must_use]
    pub const fn ends_message(self) -> bool {
        matches!(self, Self::Transmission | Self::Unsegmented)
    }
}

/// A protocol data unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pdu<'a> {
    /// Begins a transaction.
    Invoke(Invoke<'a>),
    /// Answers a transaction of class 2.
    Result(ResultPdu<'a>),
    /// Acknowledges, or verifies a transaction identifier.
    Ack(Ack<'a>),
    /// Ends a transaction.
    Abort(Abort<'a>),
    /// A further packet of an invoke message.
    SegmentedInvoke(Segment<'a>),
    /// A further packet of a result message.
    SegmentedResult(Segment<'a>),
    /// Asks for packets that are missing.
    NegativeAck(NegativeAck<'a>),
}

/// Begins a transaction (WTP 8.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Invoke<'a> {
    /// Where in its message the packet stands.
    pub trailer: Trailer,
    /// It is sent again.
    pub retransmitted: bool,
    /// The transaction identifier.
    pub tid: u16,
    /// The version of the protocol: 0, or 1 to 3, which are not defined.
    pub version: u8,
    /// What the peer has cached of TIDs is void.
    pub tid_new: bool,
    /// The user has to acknowledge.
    pub user_acknowledgement: bool,
    /// The class: 0, 1 or 2; 3 is not defined.
    pub class: u8,
    /// The variable part.
    pub items: Items<'a>,
    /// The message, or its first packet.
    pub data: &'a [u8],
}

/// Answers a transaction of class 2 (WTP 8.3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResultPdu<'a> {
    /// Where in its message the packet stands.
    pub trailer: Trailer,
    /// It is sent again.
    pub retransmitted: bool,
    /// The transaction identifier.
    pub tid: u16,
    /// The variable part.
    pub items: Items<'a>,
    /// The message, or its first packet.
    pub data: &'a [u8],
}

/// Acknowledges, or verifies a transaction identifier (WTP 8.3.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ack<'a> {
    /// From the responder: is this transaction yours? From the initiator: it is.
    pub verify: bool,
    /// It is sent again.
    pub retransmitted: bool,
    /// The transaction identifier.
    pub tid: u16,
    /// The variable part.
    pub items: Items<'a>,
}

/// Ends a transaction (WTP 8.3.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Abort<'a> {
    /// Who aborted, and why.
    pub abort_type: AbortType,
    /// The transaction identifier.
    pub tid: u16,
    /// The variable part.
    pub items: Items<'a>,
}

/// Who aborted, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AbortType {
    /// The WTP provider.
    Provider(ProviderAbortReason),
    /// Its user, for WSP's reasons.
    User(AbortReason),
    /// A type that is not assigned.
    Other {
        /// The type: 2 to 7.
        abort_type: u8,
        /// The reason.
        reason: u8,
    },
}

/// A further packet of a message (WTP 8.3.5 and 8.3.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment<'a> {
    /// Where in its message the packet stands.
    pub trailer: Trailer,
    /// It is sent again.
    pub retransmitted: bool,
    /// The transaction identifier.
    pub tid: u16,
    /// The number of the packet; the first one, an Invoke or Result, is 0.
    pub number: u8,
    /// The variable part.
    pub items: Items<'a>,
    /// The packet.
    pub data: &'a [u8],
}

/// Asks for packets that are missing (WTP 8.3.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NegativeAck<'a> {
    /// It is sent again.
    pub retransmitted: bool,
    /// The transaction identifier.
    pub tid: u16,
    /// The numbers of the packets; none where the whole group is missing. At most 255.
    pub missing: &'a [u8],
    /// The variable part.
    pub items: Items<'a>,
}

impl<'a> Pdu<'a> {
    /// Decodes one PDU, which takes all the octets. What stands behind a PDU that carries no data is left alone.
    ///
    /// # Errors
    /// [`DecodeErrorCode::UnexpectedPdu`] for a type that is not assigned (concatenated PDUs are separated by
    /// [`Pdus`](super::Pdus)); where a field or an item runs past the end.
    pub fn decode(octets: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(octets, 0);
        let first = reader.octet()?;
        let pdu_type = PduType::of(first);
        if pdu_type.name().is_none() {
            return Err(DecodeError::new(DecodeErrorCode::UnexpectedPdu, 0));
        }
        let tid = reader.uint16()?;
        let has_items = first & CONTINUE != 0;
        let trailer = Trailer::of(first);
        let retransmitted = first & RETRANSMITTED != 0;
        Ok(match pdu_type {
            PduType::INVOKE => {
                let flags = reader.octet()?;
                Self::Invoke(Invoke {
                    trailer,
                    retransmitted,
                    tid,
                    version: flags >> 6,
                    tid_new: flags & TID_NEW != 0,
                    user_acknowledgement: flags & USER_ACKNOWLEDGEMENT != 0,
                    //= specs/wtp.md#structure-of-pdus
                    //# The class of a transaction MUST be read and written as the number itself: 0, 1 or 2.
                    class: flags & CLASS,
                    items: items(has_items, &mut reader)?,
                    data: reader.rest(),
                })
            }
            PduType::RESULT => Self::Result(ResultPdu {
                trailer,
                retransmitted,
                tid,
                items: items(has_items, &mut reader)?,
                data: reader.rest(),
            }),
            PduType::ACK => Self::Ack(Ack {
                verify: first & VERIFY != 0,
                retransmitted,
                tid,
                items: items(has_items, &mut reader)?,
            }),
            PduType::ABORT => Self::Abort(Abort {
                abort_type: AbortType::of(first & 0x07, reader.octet()?),
                tid,
                items: items(has_items, &mut reader)?,
            }),
            PduType::NEGATIVE_ACK => {
                let count = reader.octet()?;
                Self::NegativeAck(NegativeAck {
                    retransmitted,
                    tid,
                    missing: reader.take(u32::from(count), DecodeErrorCode::ListLengthOverrun)?,
                    items: items(has_items, &mut reader)?,
                })
            }
            _ => {
                let segment = Segment {
                    trailer,
                    retransmitted,
                    tid,
                    number: reader.octet()?,
                    items: items(has_items, &mut reader)?,
                    data: reader.rest(),
                };
                if pdu_type == PduType::SEGMENTED_INVOKE {
                    Self::SegmentedInvoke(segment)
                } else {
                    Self::SegmentedResult(segment)
                }
            }
        })
    }

    /// The transaction identifier in the octets of a PDU, which may be broken otherwise.
    #[must_use]
    pub fn tid_of(octets: &[u8]) -> Option<u16> {
        match octets {
            [_, high, low, ..] => Some(u16::from_be_bytes([*high, *low])),
            [..] => None,
        }
    }

    /// The transaction identifier.
    #[must_use]
    pub const fn tid(&self) -> u16 {
        match self {
            Self::Invoke(pdu) => pdu.tid,
            Self::Result(pdu) => pdu.tid,
            Self::Ack(pdu) => pdu.tid,
            Self::Abort(pdu) => pdu.tid,
            Self::SegmentedInvoke(pdu) | Self::SegmentedResult(pdu) => pdu.tid,
            Self::NegativeAck(pdu) => pdu.tid,
        }
    }

    /// The variable part.
    #[must_use]
    pub const fn items(&self) -> Items<'a> {
        match self {
            Self::Invoke(pdu) => pdu.items,
            Self::Result(pdu) => pdu.items,
            Self::Ack(pdu) => pdu.items,
            Self::Abort(pdu) => pdu.items,
            Self::SegmentedInvoke(pdu) | Self::SegmentedResult(pdu) => pdu.items,
            Self::NegativeAck(pdu) => pdu.items,
        }
    }

    /// The type.
    #[must_use]
    pub const fn pdu_type(&self) -> PduType {
        match self {
            Self::Invoke(_) => PduType::INVOKE,
            Self::Result(_) => PduType::RESULT,
            Self::Ack(_) => PduType::ACK,
            Self::Abort(_) => PduType::ABORT,
            Self::SegmentedInvoke(_) => PduType::SEGMENTED_INVOKE,
            Self::SegmentedResult(_) => PduType::SEGMENTED_RESULT,
            Self::NegativeAck(_) => PduType::NEGATIVE_ACK,
        }
    }

    /// The octets. Bits that a field does not have are dropped.
    ///
    /// # Errors
    /// [`EncodeError::TooLong`] where more than 255 packets are missing.
    pub fn encode(&self) -> Result<Vec<u8>, EncodeError> {
        let mut octets = Vec::new();
        octets.push(self.first_octet());
        octets.extend(self.tid().to_be_bytes());
        match self {
            Self::Invoke(invoke) => octets.push(invoke.flags()),
            Self::Abort(abort) => octets.push(abort.abort_type.octets().1),
            Self::SegmentedInvoke(segment) | Self::SegmentedResult(segment) => {
                octets.push(segment.number);
            }
            Self::NegativeAck(NegativeAck { missing, .. }) => {
                let count =
                    u8::try_from(missing.len()).map_err(|_| EncodeError::TooLong(missing.len()))?;
                octets.push(count);
                octets.extend_from_slice(missing);
            }
            Self::Result(_) | Self::Ack(_) => {}
        }
        octets.extend_from_slice(self.items().as_octets());
        octets.extend_from_slice(self.data());
        Ok(octets)
    }

    /// The data that the PDU carries.
    #[must_use]
    pub const fn data(&self) -> &'a [u8] {
        match self {
            Self::Invoke(pdu) => pdu.data,
            Self::Result(pdu) => pdu.data,
            Self::SegmentedInvoke(pdu) | Self::SegmentedResult(pdu) => pdu.data,
            Self::Ack(_) | Self::Abort(_) | Self::NegativeAck(_) => &[],
        }
    }

    //= specs/wtp.md#structure-of-pdus
    //# Reserved bits MUST be written as zero.
    fn first_octet(&self) -> u8 {
        let (low, retransmitted) = match self {
            Self::Invoke(pdu) => (pdu.trailer.bits(), pdu.retransmitted),
            Self::Result(pdu) => (pdu.trailer.bits(), pdu.retransmitted),
            Self::SegmentedInvoke(pdu) | Self::SegmentedResult(pdu) => {
                (pdu.trailer.bits(), pdu.retransmitted)
            }
            Self::Ack(pdu) if pdu.verify => (VERIFY, pdu.retransmitted),
            Self::Ack(pdu) => (0, pdu.retransmitted),
            Self::NegativeAck(pdu) => (0, pdu.retransmitted),
            Self::Abort(pdu) => (pdu.abort_type.octets().0, false),
        };
        let items = if self.items().is_empty() { 0 } else { CONTINUE };
        items | self.pdu_type().0 << 3 | low | u8::from(retransmitted)
    }
}

impl Invoke<'_> {
    fn flags(&self) -> u8 {
        let flag = |set: bool, flag: u8| if set { flag } else { 0 };
        (self.version & 0x03) << 6
            | flag(self.tid_new, TID_NEW)
            | flag(self.user_acknowledgement, USER_ACKNOWLEDGEMENT)
            | self.class & CLASS
    }
}

impl AbortType {
    const fn of(abort_type: u8, reason: u8) -> Self {
        match abort_type {
            0 => Self::Provider(ProviderAbortReason(reason)),
            USER_ABORT => Self::User(AbortReason(reason)),
            _ => Self::Other { abort_type, reason },
        }
    }

    /// The type and the reason as octets.
    const fn octets(self) -> (u8, u8) {
        match self {
            Self::Provider(reason) => (0, reason.0),
            Self::User(reason) => (USER_ABORT, reason.0),
            Self::Other { abort_type, reason } => (abort_type & 0x07, reason),
        }
    }
}

fn items<'a>(present: bool, reader: &mut Reader<'a>) -> Result<Items<'a>, DecodeError> {
    if present {
        Items::read(reader)
    } else {
        Ok(Items::default())
    }
}
