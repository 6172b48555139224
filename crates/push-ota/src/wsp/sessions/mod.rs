//! All push sessions of a terminal: with whom there is one, and why (WAP-235 6.2.2, 8.2).
//!
//! # Why there is a session
//!
//! Gateways that are provisioned have one while some application takes pushes over OTA-WSP, or while a registration asks for it, or
//! only when they ask, by a session initiation request; other contact points only when such a request names them. When the
//! applications change a new session is opened, with the new list, and the old one is given up only once the new one stands: each
//! session has a socket, and so a port, of its own. A session initiation request opens a new session even where one stands,
//! because its gateway has perhaps lost that. A session that only such a request opened ends when it has been idle for long,
//! or when the gateway says that it has no further push.
//!
//! # Announcements
//!
//! Gateways that have a session of the terminal's own accord count in the answer to an announcement: confirmed, once a session
//! for these applications stands; rejected or unreachable, when the attempt failed; unreachable, when patience ends.
//!
//! # Pushes
//!
//! A push goes out to be judged, and is answered when [`SessionsInput::Judged`] comes back: acknowledged if the terminal has
//! it durably, else aborted with the reason.
//!
//! A confirmed push waits for its judgement for longer than gateways in use repeat it. Where its transaction ends nevertheless, and its
//! gateway sends it again in another one, it is not given out again: the judgement is the answer to that one, if it comes, or came less than
//! [`SessionsSettings::unanswered_window`] ago.

mod announcing;
mod events;
mod link;
mod opening;
mod place;
mod pushes;
mod settings;
#[cfg(test)]
mod tests;
mod unanswered;
mod views;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::backoff::Backoff;
pub use crate::http::{AnnounceTicket, Host, PpgId};
pub use events::{
    GatewayReport, GatewayState, Note, NoteKind, PushOutcome, SessionContact, SessionPushTicket,
    SessionView, SessionViewState, SessionsInput, SessionsOutput, SocketId, WantedApplications,
};
pub use settings::{ContactPoint, SessionGateway, SessionsSettings, Start};

use announcing::Waiting;
use link::{Link, LinkId, Role};
use place::{Place, PlaceId, Wanted};
use pushes::UnderWay;
use unanswered::Unanswered;

/// All push sessions of a terminal.
#[derive(Debug)]
pub struct Sessions {
    settings: SessionsSettings,
    chance: Backoff,
    /// Tells the transactions of this run of the terminal from those of others.
    run: u64,
    places: BTreeMap<PlaceId, Place>,
    links: BTreeMap<LinkId, Link>,
    sockets: BTreeMap<SocketId, LinkId>,
    wanted: Wanted,
    waiting: VecDeque<Waiting>,
    pushes: BTreeMap<SessionPushTicket, UnderWay>,
    push_octets: usize,
    unanswered: Unanswered,
    /// The network is away.
    paused: bool,
    /// No more sessions; those that are left end until then at the latest.
    stopping: Option<Duration>,
    /// The last number that was given to a place, a session, a socket or a push.
    last_number: u64,
    outputs: VecDeque<SessionsOutput>,
}

impl Sessions {
    /// No session. `seed` is chance: for the jitter of back-offs, for the first transaction of each session, and to tell the
    /// transactions of this run of the terminal from those of others.
    pub fn new(settings: SessionsSettings, seed: u64) -> Self {
        let bearer = settings.session.bearer;
        let places = settings
            .gateways
            .iter()
            .zip(0..)
            .map(|(gateway, index)| (PlaceId(index), Place::of_gateway(gateway, bearer)));
        let mut chance = Backoff::new(settings.backoff_base, settings.backoff_limit, seed);
        Self {
            run: chance.next(),
            chance,
            places: places.collect(),
            links: BTreeMap::new(),
            sockets: BTreeMap::new(),
            wanted: Wanted::default(),
            waiting: VecDeque::new(),
            pushes: BTreeMap::new(),
            push_octets: 0,
            unanswered: Unanswered::default(),
            paused: false,
            stopping: None,
            last_number: u64::try_from(settings.gateways.len()).unwrap_or(u64::MAX),
            outputs: VecDeque::new(),
            settings,
        }
    }

    /// Takes what happened. `now` is on the monotonic clock.
    pub fn handle_input(&mut self, input: SessionsInput, now: Duration) {
        match input {
            SessionsInput::Announce {
                ticket,
                applications,
                accept,
                asked_for,
            } => {
                let wanted = Wanted {
                    applications,
                    accept,
                    asked_for,
                };
                self.announce(ticket, wanted, now);
            }
            SessionsInput::Invited {
                contacts,
                applications,
            } => {
                for contact in contacts {
                    self.invite(contact, &applications);
                }
            }
            SessionsInput::SocketOpened { socket, result } => {
                self.socket_opened(socket, result, now);
            }
            SessionsInput::Datagram {
                socket,
                octets,
                received,
            } => {
                let link = self.sockets.get(&socket).copied();
                if let Some(id) = link
                    && let Some(link) = self.links.get_mut(&id)
                {
                    link.datagram(socket, &octets, now);
                    self.pump(id, received, now);
                }
            }
            SessionsInput::SocketFailed { socket, reason } => {
                if let Some(&link) = self.sockets.get(&socket) {
                    self.broke(link, reason, now);
                }
            }
            SessionsInput::Judged { push, outcome } => self.judged(push, outcome, now),
            SessionsInput::Suspend => self.suspend(now),
            SessionsInput::Resume => self.resume(now),
            SessionsInput::Stop => self.stopping = Some(now + self.settings.linger),
        }
        self.settle(now);
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Duration) {
        let links: Vec<_> = self.links.keys().copied().collect();
        for id in links {
            self.link_timeout(id, now);
        }
        self.settle(now);
    }

    /// The next thing to do.
    pub fn poll_output(&mut self) -> Option<SessionsOutput> {
        self.outputs.pop_front()
    }

    /// When [`handle_timeout`](Self::handle_timeout) is wanted next; absent: never.
    pub fn poll_timeout(&self) -> Option<Duration> {
        let links = self.links.values().flat_map(|link| {
            let own = [link.poll_timeout(), link.deadline, link.resume_at];
            own.into_iter().flatten().chain(self.ends_at(link))
        });
        let patience = self.waiting.iter().map(|waiting| waiting.deadline);
        links.chain(patience).chain(self.retries()).min()
    }

    /// Whether no socket is open, or being opened.
    pub fn is_idle(&self) -> bool {
        self.links.is_empty()
    }

    const fn number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }

    /// The session with a place that is in this role; of old ones the first.
    fn link_of(&self, place: PlaceId, role: fn(Role) -> bool) -> Option<(LinkId, &Link)> {
        let mut links = self.links.iter();
        links
            .find(|(_, link)| link.place == place && role(link.role))
            .map(|(id, link)| (*id, link))
    }

    fn current(&self, place: PlaceId) -> Option<(LinkId, &Link)> {
        self.link_of(place, |role| role == Role::Current)
    }

    fn next(&self, place: PlaceId) -> Option<(LinkId, &Link)> {
        self.link_of(place, |role| role == Role::Next)
    }

    fn note(&mut self, place: PlaceId, what: NoteKind) {
        if let Some(place) = self.places.get(&place) {
            let contact = place.contact.clone();
            self.outputs
                .push_back(SessionsOutput::Noted(Note { contact, what }));
        }
    }
}
