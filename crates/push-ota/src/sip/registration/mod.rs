//! The binding at the registrar, and what Push Sender Agents are told of it (Push-CAI 5.1, 5.2).
//!
//! Each announcement has a number, its epoch. The core is told by REGISTER, each Push Sender Agent by OPTIONS after that; what a server was
//! told is the newest epoch that it answered with success. One request at a time is under way to each server: what is announced meanwhile
//! waits, and one more request serves all of it. An announcement is answered once every server was told it (or a later one), or has
//! failed it; at the latest when its patience ends.
//!
//! The binding stays for as long as an application needs it, is renewed before it lapses, made anew over a new flow where the old one is
//! lost, and ended some time after the last application has left.

mod answers;
mod exchanges;
mod flows;
mod messages;
mod proofs;
mod target;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use push_message::{ApplicationId, PushApplicationId};

use super::chance::part_of;
use super::events::{
    AnnounceTicket, BindingView, FlowId, SipNote, SipReport, SipServerState, SipServerView,
    Transport,
};
use super::settings::{Account, AgentSettings, RegistrationSettings};
use super::stack::Request;
use super::tags::push_resource_identifier;
use super::transactions::Route;
use crate::backoff::Backoff;
use flows::Flows;
pub(super) use messages::contact_uri;
use proofs::Proofs;
use target::{Kind, Target};

/// What the terminal takes over OTA-SIP.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Announced {
    /// Every Push Application ID.
    pub(super) applications: BTreeSet<PushApplicationId>,
    /// Every application instance (IARI).
    pub(super) instances: BTreeSet<ApplicationId>,
    /// Every MIME type or range.
    pub(super) accept: BTreeSet<Box<str>>,
}

/// Counts announcements.
type Epoch = u64;

/// Names one request of the terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ExchangeId(u64);

/// What to do.
#[derive(Debug)]
pub(super) enum RegistrationOutput {
    /// Open a flow to the first hop.
    OpenFlow {
        /// Its name.
        flow: FlowId,
        /// By what.
        transport: Transport,
    },
    /// Close a flow, once what was sent on it is written.
    CloseFlow {
        /// Which.
        flow: FlowId,
    },
    /// Send a request.
    Send {
        /// Names its answer.
        exchange: ExchangeId,
        /// The request.
        request: Box<Request>,
        /// Where the terminal is reached.
        sent_by: SocketAddr,
        /// The way.
        route: Route,
    },
    /// Send a pair of empty lines.
    KeepAlive {
        /// The way.
        route: Route,
    },
    /// How far an announcement got.
    Announced {
        /// Which.
        ticket: AnnounceTicket,
        /// The core first.
        reports: Vec<SipReport>,
    },
    /// Something to count and to explain.
    Noted(SipNote),
}

/// An announcement that is not answered.
#[derive(Debug)]
struct Waiting {
    ticket: AnnounceTicket,
    epoch: Epoch,
    deadline: Duration,
}

/// What the registrar confirmed.
#[derive(Debug)]
struct Binding {
    contact: Box<str>,
    set: Arc<Announced>,
    gruu: Option<Box<str>>,
    service_route: Vec<Box<str>>,
    associated: Option<Box<str>>,
    refresh_at: Duration,
    expires: Duration,
}

/// What is wanted of the registrar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Duty {
    /// Nothing, and no flow.
    Rest,
    /// A binding with what is announced.
    Hold,
    /// No binding any more.
    Leave,
}

/// Keeps the binding, and tells Push Sender Agents.
#[derive(Debug)]
pub(super) struct Registration {
    account: Account,
    settings: RegistrationSettings,
    /// Large pushes are taken.
    sessions: bool,
    wanted: Arc<Announced>,
    epoch: Epoch,
    core: Target,
    senders: Vec<Target>,
    /// In order of arrival, which is that of their deadlines.
    waiting: VecDeque<Waiting>,
    flows: Flows,
    binding: Option<Binding>,
    /// Until when the registrar may have a binding of the terminal.
    bound_until: Option<Duration>,
    /// Former Contacts that the registrar may still have.
    stale: BTreeSet<Box<str>>,
    /// The last application has left: the binding ends then.
    leave_at: Option<Duration>,
    leaving: bool,
    stopping: bool,
    keep_alive_at: Option<Duration>,
    /// The lifetime to ask for, in seconds; the registrar may have called for more.
    asked: u32,
    call_id: Box<str>,
    from_tag: Box<str>,
    cseq: u32,
    next_exchange: u64,
    proofs: Proofs,
    chance: Backoff,
    outputs: VecDeque<RegistrationOutput>,
}

impl Registration {
    /// Nobody knows anything. `seed` is chance.
    pub(super) fn new(settings: &AgentSettings, seed: u64) -> Self {
        let account = settings.account.clone();
        let registration = settings.registration.clone();
        let mut chance = Backoff::new(registration.backoff_base, registration.backoff_limit, seed);
        let senders = settings.push_sender_agents.iter();
        Self {
            sessions: settings.sessions.enabled,
            wanted: Arc::default(),
            epoch: 0,
            core: Target::new(&account.registrar),
            senders: senders.map(|uri| Target::new(uri)).collect(),
            waiting: VecDeque::new(),
            flows: Flows::new(),
            binding: None,
            bound_until: None,
            stale: BTreeSet::new(),
            leave_at: None,
            leaving: false,
            stopping: false,
            keep_alive_at: None,
            asked: u32::try_from(registration.expires.as_secs()).unwrap_or(u32::MAX),
            call_id: word(&mut chance),
            from_tag: word(&mut chance),
            cseq: 0,
            next_exchange: 0,
            proofs: Proofs::new(&account.auth_user, &account.password),
            chance,
            outputs: VecDeque::new(),
            account,
            settings: registration,
        }
    }

    /// What the terminal takes is this from now on.
    pub(super) fn announce(&mut self, ticket: AnnounceTicket, set: Announced, now: Duration) {
        let same = *self.wanted == set;
        self.epoch += 1;
        if !same {
            self.wanted = Arc::new(set);
        }
        if !self.wanted.applications.is_empty() {
            self.leave_at = None;
            self.leaving = false;
        }
        let epoch = self.epoch;
        for target in std::iter::once(&mut self.core).chain(&mut self.senders) {
            target.announced(epoch, same, now);
        }
        if self.waiting.len() >= self.settings.max_announcements.max(1)
            && let Some(oldest) = self.waiting.pop_front()
        {
            self.answer(&oldest, false);
        }
        self.waiting.push_back(Waiting {
            ticket,
            epoch,
            deadline: now.saturating_add(self.settings.announce_patience),
        });
        self.settle(now);
    }

    /// The network has changed: the binding is made anew over a flow of its own.
    pub(super) fn network_changed(&mut self, now: Duration) {
        self.close_flows();
        self.forget_exchanges();
        for target in std::iter::once(&mut self.core).chain(&mut self.senders) {
            target.failures = 0;
            target.retry_at = now;
            target.not_before = Duration::ZERO;
        }
        self.core.told = None;
        self.core.failure = None;
        self.settle(now);
    }

    /// Ends the binding.
    pub(super) fn stop(&mut self, now: Duration) {
        self.stopping = true;
        for waiting in std::mem::take(&mut self.waiting) {
            self.answer(&waiting, true);
        }
        for sender in &mut self.senders {
            sender.exchange = None;
        }
        if self.flows.open().is_none() {
            // Without a way to the registrar the binding is left to lapse.
            self.unbound();
        }
        self.settle(now);
    }

    /// Does what is due.
    pub(super) fn handle_timeout(&mut self, now: Duration) {
        self.keep_alive(now);
        self.settle(now);
    }

    /// The next thing to do.
    pub(super) fn poll(&mut self) -> Option<RegistrationOutput> {
        self.outputs.pop_front()
    }

    /// When [`handle_timeout`](Self::handle_timeout) is wanted next.
    pub(super) fn poll_timeout(&self) -> Option<Duration> {
        let duty = self.duty();
        let open = self.flows.open().is_some();
        let patience = self.waiting.front().map(|waiting| waiting.deadline);
        let connect =
            (duty != Duty::Rest && self.flows.main.is_none()).then(|| self.core.next_attempt());
        let register = (open && self.core.exchange.is_none() && duty == Duty::Hold)
            .then(|| self.register_at());
        let mut senders = self.senders.iter().filter(|_| open);
        let tell = senders
            .by_ref()
            .filter(|sender| self.wants_telling(sender))
            .map(Target::next_attempt)
            .min();
        let nobody = self.wanted.applications.is_empty();
        let lapse = self.bound_until.filter(|_| nobody);
        let expiry = self.binding.as_ref().map(|binding| binding.expires);
        let times = [
            patience,
            connect,
            register,
            tell,
            lapse,
            expiry,
            self.leave_at,
            self.keep_alive_at,
        ];
        times.into_iter().flatten().min()
    }

    /// What the terminal takes.
    pub(super) fn announced(&self) -> &Announced {
        &self.wanted
    }

    /// The transport of a flow that was asked for.
    pub(super) fn transport_of(&self, flow: FlowId) -> Option<Transport> {
        self.flows.transport_of(flow)
    }

    /// Whether a flow is one to the first hop.
    pub(super) fn is_to_core(&self, flow: FlowId) -> bool {
        self.flows.holds(flow)
    }

    /// Whether the binding has ended, and nothing is asked any more.
    pub(super) fn is_over(&self) -> bool {
        self.duty() == Duty::Rest && self.core.exchange.is_none()
    }

    /// Whether nothing is under way, and no flow is there.
    pub(super) fn is_idle(&self) -> bool {
        self.is_over() && self.flows.main.is_none() && self.outputs.is_empty()
    }

    /// The core and each Push Sender Agent.
    pub(super) fn views(&self) -> Vec<SipServerView> {
        let secure = self.account.transport == Transport::Tls;
        let idle = self.duty() == Duty::Rest;
        let view = |target: &Target| {
            let (state, reason) = if idle {
                (SipServerState::Idle, None)
            } else {
                target.state(self.epoch)
            };
            SipServerView {
                uri: target.uri.clone(),
                secure,
                rejected_applications: target.report(state, None).rejected_applications,
                state,
                reason,
                last_exchange: target.last_exchange.clone(),
                binding: None,
            }
        };
        let mut views: Vec<_> = self.targets().map(view).collect();
        if let Some(core) = views.first_mut() {
            core.binding = self.binding.as_ref().map(Binding::view);
        }
        views
    }

    /// The core, then each Push Sender Agent.
    fn targets(&self) -> impl Iterator<Item = &Target> {
        std::iter::once(&self.core).chain(&self.senders)
    }

    fn target(&mut self, server: usize) -> Option<&mut Target> {
        match server.checked_sub(1) {
            None => Some(&mut self.core),
            Some(sender) => self.senders.get_mut(sender),
        }
    }

    fn duty(&self) -> Duty {
        let bound = self.bound_until.is_some();
        let held = bound || self.senders.iter().any(|sender| sender.holds);
        if self.stopping || self.leaving {
            if bound { Duty::Leave } else { Duty::Rest }
        } else if held || !self.wanted.applications.is_empty() {
            Duty::Hold
        } else {
            Duty::Rest
        }
    }

    /// Does what can be done, as things stand.
    fn settle(&mut self, now: Duration) {
        self.lapse(now);
        match self.duty() {
            Duty::Rest => {
                // While the terminal stops, pushes are being answered over them.
                if self.core.exchange.is_none() && !self.stopping {
                    self.close_flows();
                }
            }
            Duty::Hold | Duty::Leave if self.flows.main.is_none() => {
                if now >= self.core.next_attempt() {
                    self.open_main();
                }
            }
            Duty::Hold => self.hold(now),
            Duty::Leave => {
                if self.core.exchange.is_none() && self.flows.open().is_some() {
                    self.begin(0, Kind::Unbind, now);
                }
            }
        }
        self.answer_waiting(now);
    }

    /// Takes note of what time alone has changed.
    fn lapse(&mut self, now: Duration) {
        if self.binding.as_ref().is_some_and(|it| now >= it.expires) {
            self.binding = None;
            self.core.told = None;
        }
        if self.bound_until.is_some_and(|until| now >= until) {
            self.bound_until = None;
            if self.wanted.applications.is_empty() && self.core.exchange.is_none() {
                self.unbound();
            }
        }
        if self.leave_at.is_some_and(|at| now >= at) {
            self.leave_at = None;
            self.leaving = true;
        }
        if self.leaving && self.bound_until.is_none() {
            self.unbound();
        }
    }

    /// Registers, and tells whoever does not know it.
    fn hold(&mut self, now: Duration) {
        if self.flows.open().is_none() {
            return;
        }
        if self.core.exchange.is_none() && now >= self.register_at() {
            if self.flows.silent {
                return self.replace_main();
            }
            self.begin(0, Kind::Bind, now);
        }
        let nothing = self.wanted.applications.is_empty();
        for server in 1..=self.senders.len() {
            let epoch = self.epoch;
            let Some(sender) = server.checked_sub(1).and_then(|at| self.senders.get(at)) else {
                return;
            };
            if !self.wants_telling(sender) {
                continue;
            }
            let (due, holds) = (now >= sender.next_attempt(), sender.holds);
            if nothing && !holds {
                if let Some(sender) = self.target(server) {
                    sender.succeeded(epoch);
                    sender.contact = None;
                }
            } else if due {
                self.begin(server, Kind::Tell, now);
            }
        }
    }

    //= specs/ota-sip.md#registration
    //# A binding MUST be renewed before it lapses for as long as an application needs it.
    /// When REGISTER goes out next, if none is under way.
    fn register_at(&self) -> Duration {
        match &self.binding {
            Some(binding) if self.core.told == Some(self.epoch) => binding.refresh_at,
            Some(_) | None => self.core.next_attempt(),
        }
    }

    /// Whether a Push Sender Agent is to be told, and can be.
    fn wants_telling(&self, sender: &Target) -> bool {
        let known = sender.told == Some(self.epoch)
            && (sender.contact == self.public_contact() || sender.contact.is_none());
        self.duty() == Duty::Hold
            && self.core.told == Some(self.epoch)
            && sender.exchange.is_none()
            && !known
    }

    /// The Contact that Push Sender Agents are told.
    fn public_contact(&self) -> Option<Box<str>> {
        let binding = self.binding.as_ref()?;
        Some(binding.gruu.as_ref().unwrap_or(&binding.contact).clone())
    }

    /// The registrar has no binding of the terminal, or is left with it.
    fn unbound(&mut self) {
        self.binding = None;
        self.bound_until = None;
        self.leave_at = None;
        self.leaving = false;
        self.stale.clear();
        self.core.told = None;
        for sender in &mut self.senders {
            sender.holds = false;
            sender.told = None;
            sender.contact = None;
        }
    }

    fn forget_exchanges(&mut self) {
        for target in std::iter::once(&mut self.core).chain(&mut self.senders) {
            target.exchange = None;
        }
    }

    /// Answers the announcements that can be.
    fn answer_waiting(&mut self, now: Duration) {
        for waiting in std::mem::take(&mut self.waiting) {
            let due = now >= waiting.deadline || self.stopping;
            if due || self.is_settled(waiting.epoch) {
                self.answer(&waiting, due);
            } else {
                self.waiting.push_back(waiting);
            }
        }
    }

    fn is_settled(&self, epoch: Epoch) -> bool {
        let settled = |target: &Target| target.knows(epoch) || target.failed(epoch);
        // Nobody is asked while the core does not take part.
        let hopeless = self.core.failed(epoch);
        self.duty() == Duty::Rest
            || settled(&self.core) && self.senders.iter().all(|it| hopeless || settled(it))
    }

    fn answer(&mut self, waiting: &Waiting, due: bool) {
        let idle = self.duty() == Duty::Rest && !self.stopping;
        let patience = self.settings.announce_patience.as_secs();
        let report = |target: &Target| {
            let (state, reason) = target.state(waiting.epoch);
            match state {
                _ if idle => target.report(SipServerState::Idle, None),
                SipServerState::Requested if due && self.stopping => target.report(
                    SipServerState::Unreachable,
                    Some("the terminal is being stopped".to_owned()),
                ),
                SipServerState::Requested if due => target.report(
                    SipServerState::Unreachable,
                    Some(format!("it has not answered within {patience} s")),
                ),
                SipServerState::Idle
                | SipServerState::Requested
                | SipServerState::Confirmed
                | SipServerState::Rejected
                | SipServerState::Unreachable => target.report(state, reason),
            }
        };
        let reports = self.targets().map(report).collect();
        self.outputs.push_back(RegistrationOutput::Announced {
            ticket: waiting.ticket,
            reports,
        });
    }

    fn note(&mut self, note: SipNote) {
        self.outputs.push_back(RegistrationOutput::Noted(note));
    }
}

impl Binding {
    fn view(&self) -> BindingView {
        let identifiers: BTreeSet<_> = self
            .set
            .applications
            .iter()
            .map(push_resource_identifier)
            .collect();
        let instances = self.set.instances.iter();
        BindingView {
            contact: self.contact.clone(),
            gruu: self.gruu.clone(),
            applications: identifiers.into_iter().map(Into::into).collect(),
            instances: instances.map(|it| it.as_str().into()).collect(),
            expires: self.expires,
            service_route: self.service_route.clone(),
        }
    }
}

/// A word of chance, for Call-IDs, tags and proofs, that tells nothing of the next.
fn word(chance: &mut Backoff) -> Box<str> {
    format!("{:016x}", part_of(chance.next(), "word")).into()
}
