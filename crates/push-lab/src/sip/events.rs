//! What happens in a core and in a push server.

use std::fmt;
use std::net::SocketAddr;

use super::feature::Capabilities;
use super::message::SipMessage;
use super::push::SipPushResult;

/// By what a message came, or goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SipFlow {
    /// Datagrams from and to there.
    Udp(SocketAddr),
    /// A connection.
    Stream {
        /// Its number.
        connection: u64,
        /// Its other end.
        peer: SocketAddr,
        /// Whether it is secured by TLS.
        tls: bool,
    },
}

impl SipFlow {
    /// The other end.
    pub const fn peer(self) -> SocketAddr {
        match self {
            Self::Udp(peer) | Self::Stream { peer, .. } => peer,
        }
    }

    /// Its word in Via.
    pub const fn transport(self) -> &'static str {
        match self {
            Self::Udp(_) => "UDP",
            Self::Stream { tls: false, .. } => "TCP",
            Self::Stream { tls: true, .. } => "TLS",
        }
    }
}

impl fmt::Display for SipFlow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.transport(), self.peer())
    }
}

/// Something that happened in a core or in a push server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SipEvent {
    /// A connection is open.
    Opened {
        /// Which one.
        flow: SipFlow,
    },
    /// A connection has ended.
    Closed {
        /// Which one.
        flow: SipFlow,
        /// Why.
        reason: String,
    },
    /// TLS was not established.
    TlsFailed {
        /// With whom.
        peer: SocketAddr,
        /// Why.
        reason: String,
    },
    /// A request has come, for the first time.
    Request {
        /// By what.
        flow: SipFlow,
        /// The request.
        message: Box<SipMessage>,
    },
    /// A request has come again.
    Repeated {
        /// By what.
        flow: SipFlow,
        /// Its method.
        method: String,
        /// Its Call-ID.
        call_id: String,
    },
    /// A request of ours was answered.
    Response {
        /// By what.
        flow: SipFlow,
        /// The answer.
        message: Box<SipMessage>,
    },
    /// Something was sent again for want of an answer.
    Again {
        /// By what.
        flow: SipFlow,
        /// Its method.
        method: String,
    },
    /// What came is no SIP, or an answer to nothing.
    Ignored {
        /// By what.
        flow: SipFlow,
        /// What it is.
        what: String,
    },
    /// A request was answered with a challenge.
    Challenged {
        /// By what it came.
        flow: SipFlow,
        /// Its method.
        method: String,
        /// Whether its proof was right, but for the nonce.
        stale: bool,
        /// Whether it had a proof that is wrong.
        wrong: bool,
    },
    /// A contact is bound, or bound anew.
    Registered {
        /// The user.
        user: String,
        /// The contact's URI.
        contact: String,
        /// What it takes.
        capabilities: Capabilities,
        /// For how many seconds.
        expires: u32,
        /// Whether it was not bound before.
        new: bool,
    },
    /// A contact is bound no more.
    Deregistered {
        /// The user.
        user: String,
        /// The contact's URI.
        contact: String,
    },
    /// The core answered a request itself, with something else than success.
    Refused {
        /// The method.
        method: String,
        /// Whose request it is.
        flow: SipFlow,
        /// The status code.
        status: u16,
    },
    /// The core sent a request on.
    Forwarded {
        /// The method.
        method: String,
        /// The URIs that it went to.
        to: Vec<String>,
    },
    /// A terminal told the push server what it takes.
    Told {
        /// Who: as the core asserts, else as the terminal says.
        terminal: String,
        /// What it takes.
        capabilities: Capabilities,
        /// The content types it takes.
        accept: Vec<String>,
        /// The methods it takes.
        allow: Vec<String>,
        /// What it says of itself.
        user_agent: String,
        /// What it was answered.
        status: u16,
    },
    /// A connection of MSRP is open.
    MsrpOpened {
        /// With whom.
        peer: SocketAddr,
        /// Whether the terminal opened it.
        by_terminal: bool,
    },
    /// A push has reached its end, whatever that is.
    Pushed {
        /// To whom.
        to: String,
        /// How it ended.
        result: Box<SipPushResult>,
    },
    /// A message was sent (told with `trace`).
    Sent {
        /// By what.
        flow: SipFlow,
        /// Its octets.
        octets: Vec<u8>,
        /// Whether it was lost on purpose.
        lost: bool,
    },
    /// A message has come (told with `trace`).
    Received {
        /// By what.
        flow: SipFlow,
        /// Its octets.
        octets: Vec<u8>,
        /// Whether it was lost on purpose.
        lost: bool,
    },
}

/// A reader of the events of a core or a push server, which begins with the first one.
pub type SipEvents = crate::Events<SipEvent>;
/// Where they are written.
pub(super) type SipLog = crate::events::Log<SipEvent>;
