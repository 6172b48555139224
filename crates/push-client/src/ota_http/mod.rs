//! OTA-HTTP on real sockets: the terminal is the HTTP server on every connection, whoever opened it.
//!
//! - [`listen`] accepts connections (PO-TCP) and [`dial`] opens them (TO-TCP), within the bounds that [`places`] keeps, over
//!   TLS where wanted ([`tls`]): the terminal is the TLS client on both.
//! - [`connection`] serves the requests of one connection with hyper; [`octets`] lies below hyper and lets nothing through
//!   that two readers could take for different requests.
//! - [`link`] is what connections and engine share, and how they speak to each other.

mod answer;
mod body;
mod connection;
mod dial;
mod life;
mod link;
mod listen;
mod octets;
mod outstanding;
mod places;
mod receipts;
mod settings;
mod tally;
mod tls;
mod transmissions;

pub(crate) use connection::keep_alive;
#[cfg(feature = "smpp")]
pub(crate) use dial::connect;
pub(crate) use dial::{Order, dial, reach};
pub(crate) use life::Life;
pub(crate) use link::{Event, Exchange, Link, LinkParts, Question, secret_number};
pub(crate) use listen::{Listener, accept, bind};
pub(crate) use octets::Stream;
pub(crate) use tally::Tally;
pub(crate) use tls::{Tls, client_of};

pub use settings::{ConnectionSettings, OtaHttpSettings, TlsFiles};
pub use tls::TlsError;
