//! MSRP (RFC 4975): the end that receives large pushes.
//!
//! A [`Receiver`] is the terminal's end of one session on one connection. Octets of the peer go in; answers, whole content, and
//! what went wrong come out. The driver of it says when a message has been judged, because the last chunk is answered with
//! success only then: an accepted push is the terminal's to lose.
//!
//! Connections that a stranger opened are read by an [`Opening`] until they name their session.

mod assembly;
mod budget;
mod fields;
mod opening;
mod reader;
mod receiver;
mod statuses;
#[cfg(test)]
mod tests;
mod uri;
mod writing;

pub use budget::Budget;
pub use opening::{Opening, OpeningError, OpeningRefusal};
pub use receiver::{MessageTicket, Receiver, ReceiverOutput, ReceiverSettings};
pub(crate) use uri::read_host;
pub use uri::{InvalidUri, Uri};
