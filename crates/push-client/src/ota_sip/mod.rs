//! OTA-SIP on real sockets: SIP over UDP, TCP and TLS, and the connections of MSRP.
//!
//! - [`listen`] has the sockets that are listened on.
//! - [`connections`] bounds the connections, and gives each its task; [`connection`] is that task.

mod connection;
mod connections;
mod listen;
mod settings;

pub(crate) use connection::{Carrier, Event, Report, Secure};
pub(crate) use connections::{Accepted, Connections};
pub(crate) use listen::{SocketError, Sockets, local_of};

pub use settings::{OtaSipSettings, SipConnectionSettings};
