//! What goes into the user agent and what comes out of it.

use std::collections::BTreeSet;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use push_message::{ApplicationId, PushApplicationId, ReceivedPush, UnixMillis};

use super::reach::Reach;
pub use crate::http::{AnnounceTicket, Host};

/// Names a flow: the UDP socket, or one connection that carries SIP (RFC 5626 3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FlowId(pub u64);

/// Names a connection that carries MSRP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId(pub u64);

/// Names a push, or an invitation to one, until it is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SipPushTicket(pub u64);

/// What carries SIP (RFC 3261 18).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Transport {
    /// Datagrams.
    Udp,
    /// A connection.
    Tcp,
    /// A connection over TLS.
    Tls,
}

impl Transport {
    /// Whether what is sent arrives, so that nothing is repeated.
    pub const fn is_reliable(self) -> bool {
        matches!(self, Self::Tcp | Self::Tls)
    }

    /// The word in a Via header (RFC 3261 20.42).
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
            Self::Tls => "TLS",
        }
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What happened.
#[derive(Debug)]
pub enum AgentInput {
    /// What the terminal takes over OTA-SIP is this from now on; answered by [`AgentOutput::Announced`].
    Announce {
        /// Names the answer.
        ticket: AnnounceTicket,
        /// Every Push Application ID on OTA-SIP.
        applications: BTreeSet<PushApplicationId>,
        /// Every application instance (IARI) on OTA-SIP.
        instances: BTreeSet<ApplicationId>,
        /// Every MIME type or range.
        accept: BTreeSet<Box<str>>,
    },
    /// A flow that was asked for is open, its TLS handshake done.
    FlowOpened {
        /// Which.
        flow: FlowId,
        /// The terminal's end, as the peer is to reach it.
        local: SocketAddr,
        /// The peer's end.
        peer: SocketAddr,
    },
    /// Somebody opened a connection to the terminal's SIP port.
    FlowAccepted {
        /// Its name, given by the driver; even, while those that the agent asks for are odd.
        flow: FlowId,
        /// The terminal's end.
        local: SocketAddr,
        /// The peer's end.
        peer: SocketAddr,
        /// Its transport.
        transport: Transport,
    },
    /// A flow could not be opened, or has ended.
    FlowEnded {
        /// Which.
        flow: FlowId,
        /// Why, in words for people.
        reason: String,
    },
    /// A datagram came on a flow of UDP.
    Datagram {
        /// The flow.
        flow: FlowId,
        /// Who sent it.
        source: SocketAddr,
        /// Its octets.
        octets: Bytes,
        /// When it came.
        received: UnixMillis,
    },
    /// Octets came on a connection that carries SIP.
    Octets {
        /// The connection.
        flow: FlowId,
        /// The octets, in order.
        octets: Bytes,
        /// When they came.
        received: UnixMillis,
    },
    /// A connection for MSRP that was asked for is open.
    StreamOpened {
        /// Which.
        stream: StreamId,
    },
    /// Somebody opened a connection to the terminal's MSRP port.
    StreamAccepted {
        /// Its name, given by the driver; even, while those that the agent asks for are odd.
        stream: StreamId,
        /// The peer's end.
        peer: SocketAddr,
    },
    /// A connection for MSRP could not be opened, or has ended.
    StreamEnded {
        /// Which.
        stream: StreamId,
        /// Why, in words for people.
        reason: String,
    },
    /// Octets came on a connection for MSRP.
    StreamOctets {
        /// Which.
        stream: StreamId,
        /// The octets, in order.
        octets: Bytes,
        /// When they came.
        received: UnixMillis,
    },
    /// How an invitation would be judged whose content is not there yet; answers [`AgentOutput::Foresee`].
    Foreseen {
        /// Which.
        push: SipPushTicket,
        /// The judgement: [`PushOutcome::Delivered`] where nothing speaks against it.
        outcome: PushOutcome,
    },
    /// A push has been judged, and is durable where it is accepted; answers [`AgentOutput::Push`].
    Judged {
        /// Which.
        push: SipPushTicket,
        /// The judgement.
        outcome: PushOutcome,
    },
    /// The network has changed, or come back: the binding is renewed at once, over a flow of its own.
    NetworkChanged,
    /// End the binding and every session; [`UserAgent::is_idle`](super::UserAgent::is_idle) says when that is done.
    Stop,
}

/// What became of a push.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PushOutcome {
    /// Accepted, and its application is there to take it.
    Delivered,
    /// Accepted, and stored for an application that is away.
    Stored,
    /// The same transmission again.
    Duplicate,
    /// Nobody is registered for it.
    NoSuchApplication,
    /// Several applications could be meant.
    Ambiguous,
    /// No application that it is for takes its content type.
    ContentType,
    /// The server is on no whitelist that counts.
    ServerNotListed,
    /// No room at present.
    NoRoom,
    /// It may be sent again shortly.
    NotYet,
}

impl PushOutcome {
    /// Whether the terminal has the push.
    pub const fn is_accepted(self) -> bool {
        matches!(self, Self::Delivered | Self::Stored | Self::Duplicate)
    }
}

/// What to do.
#[derive(Debug)]
pub enum AgentOutput {
    /// Open a flow; answered by [`AgentInput::FlowOpened`] or [`AgentInput::FlowEnded`]. For UDP the driver gives its one
    /// socket, whose peer is resolved.
    OpenFlow {
        /// Its name.
        flow: FlowId,
        /// By what.
        transport: Transport,
        /// To whom; of several addresses the driver tries another first at each attempt.
        host: Host,
        /// The port.
        port: u16,
    },
    /// Close a flow, once what was sent on it is written.
    CloseFlow {
        /// Which.
        flow: FlowId,
    },
    /// Send one SIP message.
    Transmit {
        /// On which flow.
        flow: FlowId,
        /// To whom, where the flow is one of UDP.
        destination: SocketAddr,
        /// The message.
        octets: Bytes,
    },
    /// Open a connection for MSRP; answered by [`AgentInput::StreamOpened`] or [`AgentInput::StreamEnded`].
    OpenStream {
        /// Its name.
        stream: StreamId,
        /// To whom. A name is what a Push Server says: its addresses count only as far as `reach` allows them.
        host: Host,
        /// The port.
        port: u16,
        /// The addresses that may be connected to.
        reach: Reach,
    },
    /// Send octets on a connection for MSRP.
    StreamTransmit {
        /// Which.
        stream: StreamId,
        /// The octets.
        octets: Bytes,
    },
    /// Close a connection for MSRP, once what was sent on it is written.
    CloseStream {
        /// Which.
        stream: StreamId,
    },
    /// A push is being announced by an invitation: say how it would be judged, its content type left out. Its content is empty.
    Foresee {
        /// Names the answer.
        push: SipPushTicket,
        /// What is known of the push.
        announced: Box<ReceivedPush>,
    },
    /// A push came.
    Push {
        /// Names the verdict.
        ticket: SipPushTicket,
        /// The push.
        push: Arc<ReceivedPush>,
    },
    /// How far an announcement got.
    Announced {
        /// Which.
        ticket: AnnounceTicket,
        /// The core first, then each Push Sender Agent.
        reports: Vec<SipReport>,
    },
    /// Something to count, log and explain.
    Noted(SipNote),
}

/// How far an announcement got with the core, or with one Push Sender Agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SipReport {
    /// Its SIP URI.
    pub uri: Box<str>,
    /// How far.
    pub state: SipServerState,
    /// Why not further, in words for people.
    pub reason: Option<String>,
    /// The ids that it does not serve although it answered with success.
    pub rejected_applications: Vec<PushApplicationId>,
}

/// What the core, or a Push Sender Agent, knows of what was announced last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SipServerState {
    /// Nothing is to be told: no application is on OTA-SIP.
    Idle,
    /// It is being told.
    Requested,
    /// It answered with success.
    Confirmed,
    /// It refused.
    Rejected,
    /// It could not be reached in time.
    Unreachable,
}

/// The core or a Push Sender Agent as an operator sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SipServerView {
    /// Its SIP URI.
    pub uri: Box<str>,
    /// Over TLS.
    pub secure: bool,
    /// What it knows.
    pub state: SipServerState,
    /// Why not more.
    pub reason: Option<String>,
    /// The last request to it that was answered: method, status code and phrase, and when.
    pub last_exchange: Option<(&'static str, String, UnixMillis)>,
    /// The ids that it does not serve (a Push Sender Agent).
    pub rejected_applications: Vec<PushApplicationId>,
    /// The binding; of the core alone, while there is one.
    pub binding: Option<BindingView>,
}

/// The binding at the registrar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BindingView {
    /// The Contact URI.
    pub contact: Box<str>,
    /// The public GRUU, where the registrar gave one (RFC 5627).
    pub gruu: Option<Box<str>>,
    /// The Push Resource Identifiers in it.
    pub applications: Vec<Box<str>>,
    /// The IARIs in it, decoded.
    pub instances: Vec<Box<str>>,
    /// When it lapses, on the monotonic clock.
    pub expires: Duration,
    /// The route of later requests (RFC 3608).
    pub service_route: Vec<Box<str>>,
}

/// Something that happened, to count and to explain. Holds no content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SipNote {
    /// The registrar keeps the binding.
    Registered {
        /// For how long.
        expires: Duration,
    },
    /// The registrar refused, or could not be reached.
    RegistrationFailed {
        /// Why.
        reason: String,
        /// When it is asked again, from now.
        retry: Option<Duration>,
    },
    /// The binding was ended.
    Deregistered,
    /// A Push Sender Agent refused the capabilities, or could not be reached.
    CapabilitiesFailed {
        /// Its URI.
        server: Box<str>,
        /// Why.
        reason: String,
    },
    /// A message that is no good SIP, or a request that is refused before anybody judges it.
    Refused {
        /// Who sent it.
        source: SocketAddr,
        /// A stable word: `malformed`, `size`, `merged`, `overload`, `stopping`, `notFromCore`, `method`, `extension`, `dialog` (there is
        /// none), `subscription` (likewise), `order` (of requests in a dialog), `contentType`, `encoding`, `envelope`, `media` (an offer
        /// that cannot be taken), `contact`, `stream` (a connection for no session), `unfinished` (a message that was not whole in
        /// time), ...
        word: &'static str,
        /// What it was answered; absent where it was dropped.
        status: Option<u16>,
        /// Octets.
        length: usize,
        /// In words for people.
        detail: String,
        /// When it came.
        received: UnixMillis,
    },
    /// A session for a large push ended without its content.
    SessionFailed {
        /// Who invited.
        source: SocketAddr,
        /// Octets that had come.
        length: usize,
        /// Why.
        reason: String,
        /// When.
        received: UnixMillis,
    },
    /// A response to nothing that is under way.
    Stray,
}

impl SipNote {
    /// A stable word for metrics.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Registered { .. } => "registered",
            Self::RegistrationFailed { .. } => "registrationFailed",
            Self::Deregistered => "deregistered",
            Self::CapabilitiesFailed { .. } => "capabilitiesFailed",
            Self::Refused { word, .. } => word,
            Self::SessionFailed { .. } => "sessionFailed",
            Self::Stray => "stray",
        }
    }
}
