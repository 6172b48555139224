//! What each gateway knows of the terminal, and when which one is dialled (WAP-235 7.2.4, 7.2.5).
//!
//! Only a gateway can start a registration. So when the CPI changes, the terminal opens a connection to each gateway that it
//! may dial, on which the gateway is expected to ask; connections opened under an earlier CPI are retired once the new one
//! is open.

use std::collections::VecDeque;
use std::time::Duration;

use push_message::UnixMillis;

use super::{Contact, CpiTag, Notice, PpgId, PushStatus, Terminal};

/// Names an announcement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AnnounceTicket(pub u64);

/// Names a connection that the registrar asked for, from the order to dial until it is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DialId(pub u64);

/// The bounds and choices of the registrar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistrarSettings {
    /// An announcement waits until each gateway knows the CPI, rather than until each can ask.
    pub confirm: bool,
    /// How long a gateway may take to be reached, and to ask where that is waited for, before an announcement is answered
    /// without it. Less than the core's own patience.
    pub announce_patience: Duration,
    /// The first back-off between attempts to dial; it doubles. Chance shortens each by up to a quarter.
    pub backoff_base: Duration,
    /// The greatest back-off.
    pub backoff_limit: Duration,
    /// Contact points of SIRs that are dialled or open at a time: those of no gateway together, and those of each gateway.
    pub max_contacts: usize,
    /// Announcements that wait at a time. The oldest is answered as things stand where one more comes.
    pub max_announcements: usize,
}

impl Default for RegistrarSettings {
    fn default() -> Self {
        Self {
            confirm: false,
            announce_patience: Duration::from_secs(15),
            backoff_base: Duration::from_secs(2),
            backoff_limit: Duration::from_mins(5),
            max_contacts: 8,
            max_announcements: 64,
        }
    }
}

/// What happened.
#[derive(Debug)]
pub enum RegistrarInput {
    /// The CPI is this one from now on; answered by [`RegistrarOutput::Announced`].
    Announce {
        /// Names the answer.
        ticket: AnnounceTicket,
        /// The tag of the CPI.
        tag: CpiTag,
        /// Some application is registered on OTA-HTTP: connections are worth keeping open.
        needed: bool,
    },
    /// A session initiation request that is to be followed.
    Invited {
        /// The contact points, each with the CPITag that its gateway assumes.
        contacts: Vec<(Contact, Option<CpiTag>)>,
    },
    /// A connection asked for is open, TLS included.
    Connected {
        /// Which.
        dial: DialId,
    },
    /// A connection asked for could not be opened.
    DialFailed {
        /// Which.
        dial: DialId,
        /// Why, in words for people.
        reason: String,
    },
    /// A connection asked for has ended after it was open.
    Closed {
        /// Which.
        dial: DialId,
    },
    /// A gateway sent a request, on whatever connection, and was answered.
    Exchanged {
        /// The gateway.
        ppg: PpgId,
        /// `OPTIONS` or `POST`.
        method: &'static str,
        /// What it was answered.
        status: Option<PushStatus>,
        /// When.
        at: UnixMillis,
        /// What was learned.
        notice: Option<Notice>,
    },
}

/// What to do.
#[derive(Debug, PartialEq, Eq)]
pub enum RegistrarOutput {
    /// Open a connection and serve it.
    Dial {
        /// Its name.
        dial: DialId,
        /// The gateway, where the contact is one's.
        ppg: Option<PpgId>,
        /// Where.
        contact: Contact,
        /// The CPITag that the gateway is said to assume.
        assumed: Option<CpiTag>,
    },
    /// End a connection once the request under way is answered; drop it if it is still being dialled.
    Retire {
        /// Which.
        dial: DialId,
    },
    /// How far an announcement got.
    Announced {
        /// Which.
        ticket: AnnounceTicket,
        /// One for each gateway that has to be told.
        reports: Vec<PpgReport>,
    },
}

/// How far an announcement got with one gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PpgReport {
    /// The gateway.
    pub ppg: PpgId,
    /// Where it is.
    pub contact: Contact,
    /// How far.
    pub state: PpgState,
    /// Why not further.
    pub reason: Option<String>,
}

/// What a gateway knows of the present CPI.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PpgState {
    /// It is being dialled, or awaited.
    Requested,
    /// A connection is open on which it can ask.
    Announced,
    /// It knows.
    Confirmed,
    /// It does not believe the terminal.
    Rejected,
    /// It could not be reached.
    Unreachable,
}

/// A gateway as an operator sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PpgView {
    /// The gateway.
    pub ppg: PpgId,
    /// Where it is dialled.
    pub contact: Option<Contact>,
    /// What it knows.
    pub state: PpgState,
    /// Why not more.
    pub reason: Option<String>,
    /// The tag that it knows.
    pub known_tag: Option<CpiTag>,
    /// Connections to it that are open.
    pub connections: usize,
    /// The last exchange: method, push status, when.
    pub last_exchange: Option<(&'static str, Option<PushStatus>, UnixMillis)>,
}

/// Keeps what each gateway knows.
#[derive(Debug)]
pub struct Registrar {
    settings: RegistrarSettings,
    outputs: VecDeque<RegistrarOutput>,
}

impl Registrar {
    /// A registrar of the gateways of `terminal`, which know nothing. `seed` is chance, for the jitter of back-offs.
    pub fn new(terminal: &Terminal, settings: RegistrarSettings, seed: u64) -> Self {
        let _ = (terminal, seed);
        Self {
            settings,
            outputs: VecDeque::new(),
        }
    }

    /// Takes what happened. `now` is on the monotonic clock.
    pub fn handle_input(&mut self, input: RegistrarInput, now: Duration) {
        let _ = now;
        if let RegistrarInput::Announce { ticket, .. } = input {
            self.outputs.push_back(RegistrarOutput::Announced {
                ticket,
                reports: Vec::new(),
            });
        }
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Duration) {
        let _ = (now, &self.settings);
    }

    /// The next thing to do.
    pub fn poll_output(&mut self) -> Option<RegistrarOutput> {
        self.outputs.pop_front()
    }

    /// When [`handle_timeout`](Self::handle_timeout) is wanted next; absent: never.
    pub fn poll_timeout(&self) -> Option<Duration> {
        None
    }

    /// The gateways.
    pub fn view(&self) -> Vec<PpgView> {
        Vec::new()
    }
}
