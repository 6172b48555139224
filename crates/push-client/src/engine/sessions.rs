//! The engine's part in push sessions of OTA-WSP: their sockets, what comes on them, and whom they are told to.

mod report;
mod socket;

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::task::Context;
use std::time::Duration;

use push_core::{Capabilities, Now, PersistTicket, PushRefusal, RequestTicket, Verdict};
use push_message::{Protocol, ReceivedPush};
use push_ota::http::{AnnounceTicket, Host, PushStatus};
use push_ota::sia::Sia;
use push_ota::wsp::sessions::{
    ContactPoint, PushOutcome, SessionContact, SessionPushTicket, Sessions, SessionsInput,
    SessionsOutput, SessionsSettings, SocketId, WantedApplications,
};

use super::Engine;
use crate::clock::Clock;

use socket::{SessionReading, SessionSocket};

/// The announcement that is made at the start, which nobody waits for.
const AT_START: AnnounceTicket = AnnounceTicket(u64::MAX);

/// Push sessions, as the engine has them.
#[derive(Debug)]
pub(crate) struct PushSessions {
    sessions: Sessions,
    sockets: BTreeMap<SocketId, SessionSocket>,
    /// Sockets that wait for a name to be resolved, with the port.
    resolving: BTreeMap<Box<str>, Vec<(SocketId, u16)>>,
    /// With which of its addresses each name begins next: what a datagram does not reach shows late, so that each attempt
    /// has its turn with another one.
    turns: BTreeMap<Box<str>, usize>,
    judging: BTreeMap<RequestTicket, SessionPushTicket>,
    /// Hosts that the terminal listens on: sessions are opened from there where that can be.
    hosts: Vec<IpAddr>,
    stop_timeout: Duration,
    /// When the sessions' ends are waited for no longer.
    end: Option<Duration>,
    cut_off: bool,
}

impl PushSessions {
    /// No session.
    pub(crate) fn new(
        settings: SessionsSettings,
        hosts: Vec<IpAddr>,
        stop_timeout: Duration,
    ) -> Self {
        Self {
            sessions: Sessions::new(settings, Clock::seed()),
            sockets: BTreeMap::new(),
            resolving: BTreeMap::new(),
            turns: BTreeMap::new(),
            judging: BTreeMap::new(),
            hosts,
            stop_timeout,
            end: None,
            cut_off: false,
        }
    }

    /// Whether a datagram can be read from some socket; else `context` is woken by the next one.
    pub(super) fn poll_readable(&mut self, context: &mut Context<'_>) -> bool {
        let mut any = false;
        for socket in self.sockets.values_mut() {
            any |= socket.poll_readable(context);
        }
        any
    }

    /// Sockets that are open.
    pub(super) fn sockets(&self) -> usize {
        self.sockets.len()
    }

    /// When something is due.
    pub(super) fn poll_timeout(&self) -> Option<Duration> {
        let end = self.end;
        self.sessions.poll_timeout().into_iter().chain(end).min()
    }

    /// Whether no session is waited for any more.
    pub(super) fn has_ended(&self) -> bool {
        self.cut_off || self.sessions.is_idle()
    }

    fn input(&mut self, input: SessionsInput, now: Now) {
        self.sessions.handle_input(input, now.monotonic);
    }

    fn announce(&mut self, capabilities: Option<Capabilities>, ticket: AnnounceTicket, now: Now) {
        let (applications, accept, asked_for) = match capabilities {
            Some(one) => (one.applications, one.accept, one.sessions_asked_for),
            None => Default::default(),
        };
        let input = SessionsInput::Announce {
            ticket,
            applications,
            accept,
            asked_for,
        };
        self.input(input, now);
    }

    fn open(&mut self, id: SocketId, peers: &[SocketAddr], now: Now) {
        let mut result = Err("its name could not be resolved".to_owned());
        for peer in peers {
            match SessionSocket::open(*peer, &self.hosts) {
                Ok(socket) => {
                    self.sockets.insert(id, socket);
                    result = Ok(*peer);
                    break;
                }
                Err(error) => result = Err(format!("{peer} cannot be reached: {error}")),
            }
        }
        self.input(SessionsInput::SocketOpened { socket: id, result }, now);
    }

    /// Takes datagrams from each socket, and says whether one has more.
    fn read(&mut self, buffer: &mut [u8], batch: usize, now: Now) -> bool {
        let mut more = false;
        for (id, socket) in &mut self.sockets {
            for _ in 0..batch {
                let input = match socket.read(buffer) {
                    SessionReading::Datagram(length) => SessionsInput::Datagram {
                        socket: *id,
                        octets: buffer.get(..length).unwrap_or_default().into(),
                        received: now.unix,
                    },
                    SessionReading::Failed(error) => SessionsInput::SocketFailed {
                        socket: *id,
                        reason: error.to_string(),
                    },
                    SessionReading::Empty => break,
                };
                self.sessions.handle_input(input, now.monotonic);
            }
            more |= socket.is_readable();
        }
        more
    }

    fn transmit(&mut self, id: SocketId, octets: &[u8], now: Now) {
        let Some(socket) = self.sockets.get_mut(&id) else {
            return;
        };
        if let Err(error) = socket.send(octets) {
            let reason = error.to_string();
            self.input(SessionsInput::SocketFailed { socket: id, reason }, now);
        }
    }
}

impl Engine {
    /// Says what is registered, so that sessions are opened that are wanted.
    pub(super) fn start_sessions(&mut self, now: Now) {
        let capabilities = self.core.capabilities().into_iter();
        let mut capabilities = capabilities.filter(|one| one.protocol == Protocol::OtaWsp);
        if let Some(sessions) = &mut self.sessions {
            sessions.announce(capabilities.next(), AT_START, now);
        }
    }

    /// Ends every session.
    pub(super) fn stop_sessions(&mut self, now: Now) {
        if let Some(sessions) = &mut self.sessions {
            sessions.end = Some(now.monotonic + sessions.stop_timeout);
            sessions.input(SessionsInput::Stop, now);
        }
    }

    /// Renews sessions for what holds from now on; says whether there are sessions at all.
    //= specs/push-cai.md#registration-with-the-push-server
    //# The Push Client MUST register with the Push Server over the bearer that the application's registration is for.
    //= specs/push-cai.md#deregistration-with-the-push-server
    //# The Push Client MUST deregister with the Push Server over the bearer that the application's registration was for.
    pub(super) fn announce_sessions(
        &mut self,
        ticket: PersistTicket,
        capabilities: Capabilities,
        now: Now,
    ) -> bool {
        let Some(sessions) = &mut self.sessions else {
            return false;
        };
        sessions.announce(Some(capabilities), AnnounceTicket(ticket.0), now);
        true
    }

    /// A session initiation request wants sessions.
    pub(super) fn invite_sessions(
        &mut self,
        contacts: Vec<SessionContact>,
        applications: WantedApplications,
        now: Now,
    ) {
        if let Some(sessions) = &mut self.sessions {
            let input = SessionsInput::Invited {
                contacts,
                applications,
            };
            sessions.input(input, now);
        }
    }

    /// A name was resolved that sockets may wait for.
    pub(super) fn session_host_resolved(&mut self, host: &str, addresses: &[IpAddr], now: Now) {
        let Some(sessions) = &mut self.sessions else {
            return;
        };
        for (id, port) in sessions.resolving.remove(host).unwrap_or_default() {
            let peers = addresses.iter().map(|address| (*address, port).into());
            let mut peers: Vec<_> = peers.collect();
            let turn = sessions.turns.entry(host.into()).or_default();
            let first = turn.checked_rem(peers.len()).unwrap_or_default();
            *turn = turn.wrapping_add(1);
            peers.rotate_left(first);
            sessions.open(id, &peers, now);
        }
    }

    /// Takes datagrams from the sockets of sessions; says whether more may wait.
    pub(super) fn take_session_datagrams(&mut self, now: Now) -> bool {
        let Some(sessions) = &mut self.sessions else {
            return false;
        };
        // After the order to stop as well: what is under way comes to its end.
        self.persistence.has_room()
            && sessions.read(&mut self.buffer, self.settings.datagram_batch, now)
    }

    /// Does what is due by the clock.
    pub(super) fn sessions_timeout(&mut self, now: Now) {
        let Some(sessions) = &mut self.sessions else {
            return;
        };
        sessions.sessions.handle_timeout(now.monotonic);
        if sessions.end.is_some_and(|end| end <= now.monotonic) {
            tracing::warn!(left = sessions.sockets.len(), "sessions are cut off");
            sessions.end = None;
            sessions.cut_off = true;
            sessions.sockets.clear();
        }
    }

    /// Carries out what sessions ask for; says whether there was anything.
    pub(super) fn carry_out_sessions(&mut self, now: Now) -> bool {
        let mut any = false;
        while let Some(sessions) = &mut self.sessions
            && let Some(output) = sessions.sessions.poll_output()
        {
            any = true;
            match output {
                SessionsOutput::OpenSocket { socket, contact } => {
                    self.open_session_socket(socket, contact, now);
                }
                SessionsOutput::CloseSocket { socket } => {
                    sessions.sockets.remove(&socket);
                    sessions.resolving.retain(|_, waiting| {
                        waiting.retain(|(id, _)| *id != socket);
                        !waiting.is_empty()
                    });
                }
                SessionsOutput::Transmit { socket, octets } => {
                    sessions.transmit(socket, &octets, now);
                }
                SessionsOutput::Push { ticket, push } => self.take_session_push(ticket, push, now),
                SessionsOutput::Announced { ticket, .. } if ticket == AT_START => {
                    self.standings.may_differ();
                }
                SessionsOutput::Announced { ticket, reports } => {
                    self.standings.may_differ();
                    let servers = reports.into_iter().map(report::server_report).collect();
                    self.announced(PersistTicket(ticket.0), Protocol::OtaWsp, servers, now);
                }
                SessionsOutput::Noted(note) => self.note_of_session(note, now),
            }
        }
        any
    }

    fn open_session_socket(&mut self, id: SocketId, contact: ContactPoint, now: Now) {
        let Some(sessions) = &mut self.sessions else {
            return;
        };
        match contact.host {
            Host::Ip(address) => sessions.open(id, &[(address, contact.port).into()], now),
            Host::Name(name) => {
                let waiting = sessions.resolving.entry(name.clone()).or_default();
                waiting.push((id, contact.port));
                self.resolver.resolve(name);
            }
        }
    }

    fn take_session_push(&mut self, id: SessionPushTicket, push: ReceivedPush, now: Now) {
        if Sia::is_for(&push) {
            let status = self.take_session_initiation(&push, now);
            self.session_push_judged(id, outcome_of_request(status), now);
            return;
        }
        let ticket = self.next_push();
        if let Some(sessions) = &mut self.sessions {
            sessions.judging.insert(ticket, id);
        }
        self.hand_over(ticket, Arc::new(push), now);
    }

    /// A push has been judged; the session that it came on is told, if it came on one. An accepted one is durable by now.
    pub(super) fn judged_on_session(&mut self, ticket: RequestTicket, verdict: &Verdict, now: Now) {
        if let Some(sessions) = &mut self.sessions
            && let Some(id) = sessions.judging.remove(&ticket)
        {
            self.session_push_judged(id, outcome_of(verdict), now);
        }
    }

    fn session_push_judged(&mut self, push: SessionPushTicket, outcome: PushOutcome, now: Now) {
        if let Some(sessions) = &mut self.sessions {
            sessions.input(SessionsInput::Judged { push, outcome }, now);
        }
    }
}

/// What a server is told of a judgement (WAP-235 6.1.3.3).
const fn outcome_of(verdict: &Verdict) -> PushOutcome {
    match verdict {
        Verdict::Accepted { .. } | Verdict::Duplicate | Verdict::Held { .. } => {
            PushOutcome::Accepted
        }
        // Only a protocol that tells instances apart has pushes that could be for several.
        Verdict::Refused(PushRefusal::NoSuchApplication | PushRefusal::Ambiguous) => {
            PushOutcome::NoSuchApplication
        }
        Verdict::Refused(PushRefusal::ContentType) => PushOutcome::ContentType,
        Verdict::Refused(PushRefusal::ServerNotListed) => PushOutcome::Refused,
        Verdict::Refused(PushRefusal::NoRoom) => PushOutcome::NoRoom,
        Verdict::Refused(PushRefusal::NotYet) => PushOutcome::NotNow,
    }
}

/// The same for a session initiation request.
const fn outcome_of_request(status: PushStatus) -> PushOutcome {
    match status {
        PushStatus::Accepted => PushOutcome::Accepted,
        PushStatus::ContentType => PushOutcome::ContentType,
        PushStatus::NoSuchApplication => PushOutcome::NoSuchApplication,
        PushStatus::RequestRefused => PushOutcome::NotNow,
        PushStatus::NoRoom => PushOutcome::NoRoom,
        PushStatus::Refused
        | PushStatus::CpiTagMismatch
        | PushStatus::NoContextForPush
        | PushStatus::RegistrationRefusedRetry
        | PushStatus::RegistrationRefused
        | PushStatus::NoContextForRegistration
        | PushStatus::AcceptedCpiTagMismatch
        | PushStatus::Registered
        | PushStatus::RegisteredCpiTagMismatch
        | PushStatus::VersionNotSupported => PushOutcome::Refused,
    }
}
