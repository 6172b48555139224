//! MSRP (RFC 4975): the end that receives large pushes.
//!
//! A [`Receiver`] is the terminal's end of one session on one connection. Octets of the peer go in; answers, whole content, and
//! what went wrong come out. The driver of it says when a message has been judged, because the last chunk is answered with
//! success only then: an accepted push is the terminal's to lose.
//!
//! Connections that a stranger opened are read by an [`Opening`] until they name their session.

#[cfg_attr(
    not(test),
    expect(dead_code, reason = "content will be kept within it")
)]
mod budget;
mod opening;
mod receiver;
mod uri;

pub use budget::Budget;
pub use opening::{Opening, OpeningError};
pub use receiver::{MessageTicket, Receiver, ReceiverOutput, ReceiverSettings};
pub(crate) use uri::read_host;
pub use uri::{InvalidUri, Uri};
