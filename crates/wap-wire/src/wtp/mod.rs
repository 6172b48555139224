//! The Wireless Transaction Protocol (WTP): protocol data units, transport information items and concatenation (WAP-224).
//!
//! ```
//! use wap_wire::wtp::{Pdu, Pdus};
//!
//! // A confirmed push, and the acknowledgement of another transaction, in one datagram.
//! let datagram = [0, 8, 0x0E, 0, 7, 0x11, 7, 1, 0x83, b'!', 3, 0x18, 0x80, 5];
//! let pdus: Vec<_> = Pdus::new(&datagram).collect::<Result<_, _>>()?;
//! let Pdu::Invoke(invoke) = Pdu::decode(pdus[0].octets)? else { panic!() };
//! assert_eq!((invoke.tid, invoke.class, invoke.data), (7, 1, &[7, 1, 0x83, b'!'][..]));
//! assert!(matches!(Pdu::decode(pdus[1].octets)?, Pdu::Ack(ack) if ack.tid == 0x8005));
//! # Ok::<(), wap_wire::DecodeError>(())
//! ```

mod concatenation;
mod item;
mod pdu;
mod reason;

pub use concatenation::{ConcatenatedPdu, Pdus, concatenate};
pub use item::{ErrorItem, Item, ItemValue, Items, ItemsIter, OptionItem, encode_items};
pub use pdu::{
    Abort, AbortType, Ack, Invoke, NegativeAck, Pdu, PduType, ResultPdu, Segment, Trailer,
};
pub use reason::ProviderAbortReason;

/// The bit of a transaction identifier that tells the direction: clear in what the initiator sends (WTP 7.8.1).
pub const DIRECTION: u16 = 0x8000;
