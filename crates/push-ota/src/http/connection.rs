//! One TCP connection of OTA-HTTP, whoever opened it: its requests, one after another (WAP-235 7.2.5 to 7.6).

use std::net::SocketAddr;
use std::sync::Arc;

use ::http::request::Parts;
use ::http::{Response, StatusCode};
use push_message::{ReceivedPush, UnixMillis};

use super::{Cpi, CpiTag, PpgId, PushStatus, Terminal};

/// How a connection came to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// The gateway opened it (PO-TCP).
    Accepted,
    /// The terminal opened it (TO-TCP).
    Dialled {
        /// To which gateway; absent where an SIR named a contact point that is no provisioned gateway's.
        ppg: Option<PpgId>,
        /// The CPITag that the SIR said the gateway assumes.
        assumed: Option<CpiTag>,
    },
}

/// The other end of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// Its address.
    pub remote: SocketAddr,
    /// Ours.
    pub local: SocketAddr,
    /// How the connection came to be.
    pub way: Way,
    /// The provisioned name that its certificate was verified for; absent without TLS.
    pub tls_name: Option<Box<str>>,
}

/// One TCP connection.
#[derive(Debug)]
pub struct Connection {
    terminal: Arc<Terminal>,
    peer: Peer,
    seed: [u8; 16],
}

/// What a request needs next.
#[derive(Debug)]
pub enum Step {
    /// An answer; what there is of a body is read and dropped first.
    Answer(Answer),
    /// A registration: whether a whitelist names the peer has to be found out.
    Register(Registering),
    /// A push: its body has to be read.
    Push(ContentPush),
}

/// The answer to one request. It has no body.
#[derive(Debug)]
pub struct Answer {
    /// Status line and headers; the driver adds nothing but framing and Date.
    pub response: Response<()>,
    /// The push status in it, if it has one.
    pub push_status: Option<PushStatus>,
    /// The connection is closed behind it.
    pub close: bool,
    /// What the registrar has to hear once the answer is on its way.
    pub notice: Option<Notice>,
}

/// What a connection has learned of a gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// The gateway knows this CPI: it was told, or it showed the tag.
    Knows {
        /// The gateway.
        ppg: PpgId,
        /// The tag of the CPI.
        tag: CpiTag,
    },
    /// The gateway does not believe that the terminal is the one that it says it is.
    Unbelieved {
        /// The gateway.
        ppg: PpgId,
        /// It may be tried again.
        retry: bool,
    },
}

/// A registration under way.
#[derive(Debug)]
pub struct Registering {
    stub: (),
}

/// A push whose body has not been read.
#[derive(Debug)]
pub struct ContentPush {
    limit: usize,
}

/// What has become of a push with its body.
#[derive(Debug)]
pub enum Pushed {
    /// An answer at once.
    Answer(Answer),
    /// The core has to judge it.
    Judge(Box<ReceivedPush>, Judging),
}

/// A push that is being judged.
#[derive(Debug)]
pub struct Judging {
    stub: (),
}

impl Connection {
    /// A connection just opened, after TLS. `seed` is chance that nobody else knows.
    pub fn new(terminal: Arc<Terminal>, peer: Peer, seed: [u8; 16]) -> Self {
        Self {
            terminal,
            peer,
            seed,
        }
    }

    /// The other end.
    pub const fn peer(&self) -> &Peer {
        &self.peer
    }

    /// The gateway that the peer is known to be: authenticated, proved by TLS, dialled, or known by its address.
    pub const fn ppg(&self) -> Option<&PpgId> {
        None
    }

    /// Names that the peer has proved: its PPG identity after authentication, its TLS name.
    pub const fn proved_names(&self) -> &[Box<str>] {
        &[]
    }

    /// Takes the head of a request. Requests of one connection come one after another: the one before has been answered.
    pub fn request(&mut self, head: &Parts, cpi: &Cpi, now: UnixMillis) -> Step {
        let _ = (head, cpi, now, &self.terminal, self.seed);
        Step::Answer(Answer::of(StatusCode::NOT_FOUND))
    }
}

impl Answer {
    fn of(status: StatusCode) -> Self {
        let mut response = Response::new(());
        *response.status_mut() = status;
        Self {
            response,
            push_status: None,
            close: false,
            notice: None,
        }
    }
}

impl Registering {
    /// Whether [`answer`](Self::answer) wants to know if a whitelist names the peer: it does not where the peer is a provisioned
    /// gateway that is identified.
    pub const fn needs_listing(&self) -> bool {
        true
    }

    /// The answer, once it is known whether a whitelist that counts anywhere names the peer.
    pub fn answer(self, connection: &mut Connection, listed: bool, cpi: &Cpi) -> Answer {
        let _ = (connection, listed, cpi, self.stub);
        Answer::of(StatusCode::NO_CONTENT)
    }
}

impl ContentPush {
    /// The most octets that its body may have.
    pub const fn limit(&self) -> usize {
        self.limit
    }

    /// The answer to a body of more octets than [`limit`](Self::limit); what is left of it is not read.
    pub fn too_long(self) -> Answer {
        Answer::of(StatusCode::PAYLOAD_TOO_LARGE)
    }

    /// Takes the whole body. `transaction` is what the driver tells transmissions apart by.
    pub fn body(self, octets: &[u8], received: UnixMillis, transaction: Box<[u8]>) -> Pushed {
        let _ = (octets, received, transaction);
        Pushed::Answer(Answer::of(StatusCode::BAD_REQUEST))
    }
}

impl Judging {
    /// The answer to a push that was judged: [`PushStatus::Accepted`] once it is durable, or one from 234 to 238.
    pub fn answer(self, status: PushStatus) -> Answer {
        let _ = (status, self.stub);
        Answer::of(StatusCode::NO_CONTENT)
    }
}
