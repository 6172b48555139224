//! What happens in a gateway.

use std::net::SocketAddr;

use super::connection::Direction;
use super::cpi::Cpi;
use super::delivery::Outcome;

/// Something that happened in a gateway. `connection` is [`Connection::id`](super::Connection::id).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PpgEvent {
    /// A connection is open; where it is secured, TLS is established.
    Opened {
        /// Which one.
        connection: u64,
        /// The terminal's address.
        peer: SocketAddr,
        /// Who opened it.
        direction: Direction,
        /// Whether it is secured.
        tls: bool,
    },
    /// A connection was opened, but TLS was not established on it.
    TlsFailed {
        /// The terminal's address.
        peer: SocketAddr,
        /// Why.
        reason: String,
    },
    /// A connection has ended.
    Closed {
        /// Which one.
        connection: u64,
        /// Why.
        reason: String,
    },
    /// A request was sent.
    Asked {
        /// Where.
        connection: u64,
        /// `OPTIONS` or `POST`; empty for raw octets.
        method: String,
        /// The assumed tag in it.
        tag: Option<String>,
    },
    /// A request was answered.
    Answered {
        /// Where.
        connection: u64,
        /// The method that was asked with; empty for raw octets.
        method: String,
        /// The HTTP status code.
        status: u16,
        /// The code of X-Wap-Push-Status.
        push_status: Option<u16>,
        /// The tag in the answer.
        tag: Option<String>,
    },
    /// A terminal has registered.
    Registered {
        /// Where.
        connection: u64,
        /// Its Terminal-ID.
        terminal: String,
        /// The bearer that it named.
        bearer: Option<u8>,
        /// The tag of its CPI.
        tag: Option<String>,
        /// Its capabilities and preferences.
        cpi: Cpi,
        /// Whether the CPI came with this answer (501), and not with an earlier one (500).
        conveyed: bool,
        /// Whether its credentials were checked and are right.
        authenticated: bool,
    },
    /// A registration came to nothing.
    NotRegistered {
        /// Where.
        connection: u64,
        /// Why.
        reason: String,
    },
    /// A push waits for its terminal.
    Queued {
        /// The Terminal-ID.
        terminal: String,
        /// How many wait for it now.
        waiting: usize,
    },
    /// A session initiation request was sent.
    Initiated {
        /// The Terminal-ID.
        terminal: String,
        /// Where it was sent to.
        destination: SocketAddr,
    },
    /// A push has reached its end, whatever that is.
    Pushed {
        /// The Terminal-ID.
        terminal: String,
        /// How it ended.
        outcome: Outcome,
    },
    /// A message of the Push Access Protocol was answered.
    Pap {
        /// The name of the message's element; empty where it could not be told.
        message: String,
        /// The push-id in it.
        push_id: Option<String>,
        /// The status code that it was answered with.
        code: u16,
    },
    /// A result notification was sent.
    Notified {
        /// The push-id.
        push_id: String,
        /// The message state that was told.
        state: String,
        /// The HTTP status code of the answer, or why there was none.
        result: Result<u16, String>,
    },
}

/// A reader of a gateway's events.
pub type Events = crate::Events<PpgEvent>;
