//! Pushes in short messages (WAP-259 6.3, 3GPP TS 23.040): segments in, whole messages out, and out of each a push.
//!
//! A source (a modem, an SMSC, a file) hands over each short message as a [`Segment`]. The [`Reassembler`] keeps the segments of a
//! message until all are there, and says of each when its source may acknowledge it to the network. [`receive`] makes a push of a
//! whole message.

mod contract;
mod gathering;
mod reassembler;
mod receive;
mod remembered;
mod segment;
mod stored;
#[cfg(test)]
mod tests;

pub use contract::{
    Expired, ExpiredReason, Held, Input, MessageId, Output, ReassemblerSettings, SegmentId,
    Settlement, Ticket, Verdict, WholeMessage,
};
pub use reassembler::Reassembler;
pub use receive::{receive, sent};
pub use segment::{NotASegment, Originator, Segment};
pub use wap_wire::sms::{Concatenation, Ports, Width};
