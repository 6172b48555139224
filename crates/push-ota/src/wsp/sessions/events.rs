//! What comes into and out of the sessions.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use push_message::{PushApplicationId, ReceivedPush, UnixMillis};
use wap_wire::wsp::AbortReason;

use super::{ContactPoint, Start};
use crate::http::{AnnounceTicket, PpgId};
use crate::wsp::connectionless;

/// Names a UDP socket that a session has, from the order to open it until the order to close it. Never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SocketId(pub u64);

/// Names a push that came on a session, until it is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionPushTicket(pub u64);

/// What happened.
#[derive(Debug)]
pub enum SessionsInput {
    /// The applications are these from now on; answered by [`SessionsOutput::Announced`].
    Announce {
        /// Names the answer.
        ticket: AnnounceTicket,
        /// Every application that takes pushes over OTA-WSP, the Session Initiation Application included.
        applications: BTreeSet<PushApplicationId>,
        /// The content types that they take.
        accept: BTreeSet<Box<str>>,
        /// Some registration asks for a session.
        asked_for: bool,
    },
    /// A session initiation request that is to be followed.
    Invited {
        /// The contact points.
        contacts: Vec<SessionContact>,
        /// The applications that the request names.
        applications: WantedApplications,
    },
    /// A socket asked for is open and connected, or could not be opened, with the reason in words for people.
    SocketOpened {
        /// Which.
        socket: SocketId,
        /// The address of the peer that it is connected to.
        result: Result<SocketAddr, String>,
    },
    /// A datagram came from the peer of a socket.
    Datagram {
        /// The socket.
        socket: SocketId,
        /// The octets.
        octets: Box<[u8]>,
        /// When.
        received: UnixMillis,
    },
    /// The network said that a socket's peer cannot be reached. The socket stays open.
    SocketFailed {
        /// Which.
        socket: SocketId,
        /// Why, in words for people.
        reason: String,
    },
    /// A push has been judged; accepted ones are durable. To be said of unconfirmed pushes as well.
    Judged {
        /// The push.
        push: SessionPushTicket,
        /// The judgement.
        outcome: PushOutcome,
    },
    /// The network is about to go: suspend every session.
    Suspend,
    /// The network is there again, perhaps with another address of the terminal: resume every session.
    Resume,
    /// End every session; no more are opened. All is done once [`Sessions::is_idle`](super::Sessions::is_idle) holds.
    Stop,
}

/// A contact point that a session initiation request names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SessionContact {
    /// The gateway that it is a contact point of, where it is one that is provisioned.
    pub gateway: Option<PpgId>,
    /// Where.
    pub contact: ContactPoint,
}

/// The applications that a session initiation request asks a session for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum WantedApplications {
    /// It names none, or any.
    Any,
    /// These.
    Only(BTreeSet<PushApplicationId>),
}

/// The judgement on a push (WAP-235 6.1.3.2, 6.1.3.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PushOutcome {
    /// The terminal has it, durably.
    Accepted,
    /// It is refused without a special cause and may be sent again: USERREQ.
    NotNow,
    /// It is refused and should not be sent again: USERRFS.
    Refused,
    /// There is no such application: USERPND.
    NoSuchApplication,
    /// There is no room at present: USERDCR.
    NoRoom,
    /// Nobody takes its content type: USERDCU.
    ContentType,
}

impl PushOutcome {
    /// The reason to abort a confirmed push with; absent for one that is accepted.
    pub const fn abort_reason(self) -> Option<AbortReason> {
        match self {
            Self::Accepted => None,
            Self::NotNow => Some(AbortReason::USERREQ),
            Self::Refused => Some(AbortReason::USERRFS),
            Self::NoSuchApplication => Some(AbortReason::USERPND),
            Self::NoRoom => Some(AbortReason::USERDCR),
            Self::ContentType => Some(AbortReason::USERDCU),
        }
    }
}

/// What to do.
#[derive(Debug, PartialEq, Eq)]
pub enum SessionsOutput {
    /// Open a UDP socket with a port of its own and connect it; answer with [`SessionsInput::SocketOpened`].
    OpenSocket {
        /// Its name.
        socket: SocketId,
        /// To where.
        contact: ContactPoint,
    },
    /// Close a socket, or give up opening it.
    CloseSocket {
        /// Which.
        socket: SocketId,
    },
    /// Send a datagram to the peer of a socket.
    Transmit {
        /// The socket.
        socket: SocketId,
        /// The octets.
        octets: Box<[u8]>,
    },
    /// Judge a push; answer with [`SessionsInput::Judged`]. It may be a session initiation request.
    Push {
        /// Names the judgement.
        ticket: SessionPushTicket,
        /// The push.
        push: ReceivedPush,
    },
    /// How far an announcement got.
    Announced {
        /// Which.
        ticket: AnnounceTicket,
        /// One for each gateway that has to be told.
        reports: Vec<GatewayReport>,
    },
    /// Something to count and to log.
    Noted(Note),
}

/// How far an announcement got with one gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GatewayReport {
    /// The gateway.
    pub gateway: PpgId,
    /// Where its sessions are opened.
    pub contact: ContactPoint,
    /// How far.
    pub state: GatewayState,
    /// Why not further.
    pub reason: Option<String>,
}

/// What a gateway knows of the present applications.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GatewayState {
    /// A session is being opened.
    Requested,
    /// It granted a session for them.
    Confirmed,
    /// It refused a session.
    Rejected,
    /// It did not answer.
    Unreachable,
}

/// Something to count and to log. Holds nothing of a push's content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// With whom.
    pub contact: SessionContact,
    /// What.
    pub what: NoteKind,
}

/// What happened to a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoteKind {
    /// The server granted it. The lockout of a session initiation request that asked for it ends.
    Connected,
    /// The server has another one open it elsewhere.
    Redirected {
        /// Where.
        to: ContactPoint,
    },
    /// The server refused it.
    Refused {
        /// Why, in words for people.
        reason: String,
    },
    /// The server did not answer, or the session broke.
    Failed {
        /// Why, in words for people.
        reason: String,
    },
    /// It was ended in good order.
    Disconnected {
        /// By the server.
        by_server: bool,
    },
    /// It is suspended.
    Suspended,
    /// It was resumed.
    Resumed,
    /// A push could not be read; a confirmed one was aborted with USERRFS.
    Malformed {
        /// Why.
        refusal: connectionless::Refusal,
        /// Its octets.
        length: usize,
        /// When it came.
        received: UnixMillis,
    },
    /// The session layer did not take a push.
    Aborted {
        /// The reason given to the server.
        reason: AbortReason,
    },
    /// A confirmed push ended before it was judged: the server does not know that it was taken, if it was.
    Unanswered,
    /// A confirmed push came again whose gateway could not be told that it was taken; it is told now, and the push is not given out again.
    Repeated,
    /// No session was opened: as many as are allowed are there.
    TooMany,
    /// No session was opened: a session initiation request names no application that is registered.
    NoApplication,
}

impl NoteKind {
    /// A stable word for metrics.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Connected => "connected",
            Self::Redirected { .. } => "redirected",
            Self::Refused { .. } => "refused",
            Self::Failed { .. } => "failed",
            Self::Disconnected { .. } => "disconnected",
            Self::Suspended => "suspended",
            Self::Resumed => "resumed",
            Self::Malformed { .. } => "malformed",
            Self::Aborted { .. } => "aborted",
            Self::Unanswered => "unanswered",
            Self::Repeated => "repeated",
            Self::TooMany => "tooMany",
            Self::NoApplication => "noApplication",
        }
    }
}

/// A gateway or contact point, and its session if there is one, as an operator sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionView {
    /// With whom.
    pub contact: SessionContact,
    /// When it is opened; absent for a contact point of no gateway, which only a session initiation request opens.
    pub start: Option<Start>,
    /// A session initiation request asked for it.
    pub invited: bool,
    /// How far it is.
    pub state: SessionViewState,
    /// What the gateway knows, where it counts in announcements.
    pub known: Option<GatewayState>,
    /// Why it is no further.
    pub reason: Option<String>,
    /// The session's identifier, once it is granted.
    pub session_id: Option<u32>,
    /// The server's address, where a redirect or a name leads elsewhere.
    pub peer: Option<SocketAddr>,
    /// The applications that the session is for, the default one first.
    pub applications: Vec<PushApplicationId>,
    /// Pushes that are not judged.
    pub pushes_under_way: usize,
    /// Pushes that came, since the terminal started.
    pub pushes: u64,
    /// When the last push came.
    pub last_push: Option<UnixMillis>,
    /// When the next attempt is made, on the monotonic clock.
    pub retry_at: Option<Duration>,
}

/// How far a session is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SessionViewState {
    /// Nobody needs one.
    Idle,
    /// The next attempt to open one waits.
    Waiting,
    /// It is being opened.
    Connecting,
    /// It is open.
    Connected,
    /// It is suspended.
    Suspended,
    /// It is being resumed.
    Resuming,
}

impl SessionViewState {
    /// A stable word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Waiting => "waiting",
            Self::Connecting => "connecting",
            Self::Connected => "connected",
            Self::Suspended => "suspended",
            Self::Resuming => "resuming",
        }
    }
}
