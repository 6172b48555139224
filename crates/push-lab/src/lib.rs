//! Push servers for tests, demos and labs.
//!
//! A [`Push`] becomes the datagram of a connectionless push (WAP-235 6.1, WSP 8.2.4.1), a [`Sender`] sends it over UDP, and
//! a [`Misbehaviour`] spoils it on request. Everything is encoded here by hand: the Push Client's own codec is not used, so
//! that a mistake made in it does not hide behind the same mistake made here.
//!
//! ```
//! use push_lab::{ApplicationId, Push, bodies};
//!
//! let datagram = Push::new("text/vnd.wap.si", *b"<si/>")
//!     .tid(7)
//!     .application(ApplicationId::Number(4))
//!     .encode()?;
//! assert_eq!(datagram, b"\x07\x06\x03\xAD\xAF\x84<si/>");
//! # Ok::<(), push_lab::EncodeError>(())
//! ```

#![forbid(unsafe_code)]

pub mod bodies;
mod events;
mod misbehaviour;
pub mod ppg;
mod push;
mod random;
mod sender;
pub mod session;
pub mod short_message;
pub mod sip;
pub mod smsc;
mod tables;
mod values;
mod varied;

pub use events::Events;
pub use misbehaviour::Misbehaviour;
pub use push::{ApplicationId, EncodeError, Push};
pub use random::Random;
pub use sender::Sender;
pub use varied::varied;
