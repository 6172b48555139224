//! The machine: its parts, its inputs, its timers.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use push_message::{PushApplicationId, UnixMillis};

use crate::changes::Standings;
use crate::completed::Completed;
use crate::duplicates::Duplicates;
use crate::handlers::Handlers;
use crate::journal::{Journal, Stage};
use crate::pending::{Pending, Write};
use crate::ports::Ports;
use crate::random::Random;
use crate::registering::Waiting;
use crate::registry::Registry;
use crate::subscribers::Subscribers;
use crate::taking::Arrival;
use crate::timers::{Timer, Timers};
use crate::whitelist::Hosts;
use crate::{
    Change, EventId, Input, Now, Occurrence, Output, PersistTicket, RegistrationId, Settings,
    Snapshot,
};

/// The Push Client.
///
/// After every call, drain [`poll_output`](Self::poll_output) to `None`; then wait for the next input or until
/// [`poll_timeout`](Self::poll_timeout). Inputs that answer an output nobody waits for any more are ignored.
#[derive(Debug)]
pub struct PushClient {
    pub(crate) settings: Settings,
    pub(crate) outputs: VecDeque<Output>,
    pub(crate) registry: Registry,
    pub(crate) hosts: Hosts,
    pub(crate) duplicates: Duplicates,
    pub(crate) journal: Journal,
    pub(crate) completed: Completed,
    pub(crate) subscribers: Subscribers,
    pub(crate) handlers: Handlers,
    pub(crate) standings: Standings,
    pub(crate) timers: Timers,
    pub(crate) pending: Pending,
    pub(crate) ports: Ports,
    /// The ids for which a request is being carried out, each with the requests that wait for it.
    pub(crate) busy: BTreeMap<PushApplicationId, VecDeque<Waiting>>,
    pub(crate) random: Random,
    pub(crate) last_registration: u64,
    pub(crate) last_event: u64,
    /// When host names are resolved next, where there are any.
    pub(crate) resolution: Option<Duration>,
    /// How often in a row host names were resolved sooner than that, because some are not known yet.
    pub(crate) resolution_retries: u32,
    pub(crate) store_failure: Option<String>,
}

impl PushClient {
    /// The machine as it stood when `snapshot` was written down. Registrations that were pending are undone.
    ///
    /// `seed` drives the jitter of back-offs and nothing else.
    pub fn new(settings: Settings, seed: u64, snapshot: Snapshot, now: Now) -> Self {
        let mut client = Self {
            settings,
            outputs: VecDeque::new(),
            registry: Registry::default(),
            hosts: Hosts::default(),
            duplicates: Duplicates::default(),
            journal: Journal::default(),
            completed: Completed::default(),
            subscribers: Subscribers::default(),
            handlers: Handlers::default(),
            standings: Standings::default(),
            timers: Timers::default(),
            pending: Pending::default(),
            ports: Ports::default(),
            busy: BTreeMap::new(),
            random: Random::new(seed),
            last_registration: snapshot.last_registration,
            last_event: snapshot.last_event,
            resolution: None,
            resolution_retries: 0,
            store_failure: None,
        };
        client.restore(snapshot, now);
        client
    }

    /// Takes one thing that happened outside.
    pub fn handle_input(&mut self, input: Input, now: Now) {
        match input {
            Input::Register {
                ticket,
                owner,
                request,
            } => self.register(ticket, owner, &request, now),
            Input::Deregister {
                ticket,
                owner,
                request,
            } => self.deregister(ticket, owner, &request, now),
            Input::Push {
                ticket,
                push,
                segments,
            } => self.take_push(
                Arrival {
                    ticket,
                    push,
                    segments,
                },
                now,
            ),
            Input::Persisted { ticket, result } => self.persisted(ticket, result, now),
            Input::Announced { ticket, servers } => self.announced(ticket, servers, now),
            Input::ServersChanged { servers } => self.servers_changed(servers),
            Input::PortOpened { ticket, result } => self.port_opened(ticket, result, now),
            Input::Resolved { host, addresses } => self.resolved(&host, addresses, now),
            Input::Subscribe {
                subscriber,
                owner,
                selector,
                after,
                window,
            } => self.subscribe(subscriber, &owner, &selector, after, window, now),
            Input::Unsubscribe { subscriber } => self.leave(subscriber, now),
            Input::Fetch {
                ticket,
                owner,
                selector,
                limit,
                wait,
            } => self.fetch(ticket, owner, &selector, limit, wait, now),
            Input::CancelFetch { ticket } => self.cancel_fetch(ticket),
            Input::Acknowledge {
                ticket,
                owner,
                acknowledgements,
            } => self.acknowledge(ticket, owner, &acknowledgements, now),
            Input::HandlerFailed {
                registration,
                handler,
                reason,
                after,
            } => {
                if self.has_handler(registration, &handler) {
                    self.handler_failed(registration, reason, after, now);
                }
            }
            Input::HandlerReturned { registration } => self.handler_returned(registration, now),
            Input::SettleDeadLetters {
                ticket,
                owner,
                letters,
                fate,
            } => self.settle_dead_letters(ticket, owner.as_ref(), &letters, fate, now),
        }
    }

    /// Does what is due by now; call it at or after [`poll_timeout`](Self::poll_timeout). Harmless at any other time.
    pub fn handle_timeout(&mut self, now: Now) {
        while let Some(timer) = self.timers.pop_due(now.monotonic) {
            match timer {
                Timer::Expiry(event) => self.expire(event, now),
                Timer::Acknowledgement(event) => self.overdue(event, now),
                Timer::Resumption(registration) => self.pump(registration, now),
                Timer::Fetch(ticket) => self.end_fetch(ticket),
                Timer::Announcement(ticket) => self.announcement_overdue(ticket, now),
                Timer::Resolution => self.resolve_again(now),
                Timer::Port(port) => self.open_again(port),
                Timer::Handler(registration) => self.handler_due(registration, now),
            }
        }
    }

    /// The next effect to carry out, in order.
    pub fn poll_output(&mut self) -> Option<Output> {
        let output = self.outputs.pop_front();
        if output.is_none() && self.outputs.capacity() > 1024 {
            self.outputs.shrink_to(64);
        }
        output
    }

    /// When [`handle_timeout`](Self::handle_timeout) is wanted, on the monotonic clock, and why; `None` while there is
    /// nothing to wait for.
    pub fn poll_timeout(&self) -> Option<(Duration, &'static str)> {
        self.timers.next()
    }

    /// The settings.
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    pub(crate) fn occurred(&mut self, occurrence: Occurrence) {
        self.outputs.push_back(Output::Occurred(occurrence));
    }

    /// Asks for these changes to be written.
    pub(crate) fn persist(&mut self, changes: Vec<Change>, write: Write) -> PersistTicket {
        let ticket = self.pending.next_ticket();
        self.pending.writes.insert(ticket, write);
        self.outputs.push_back(Output::Persist { ticket, changes });
        ticket
    }

    /// Asks for changes to be written that memory holds already.
    pub(crate) fn keep_house(&mut self, changes: Vec<Change>) {
        if !changes.is_empty() {
            self.persist(changes.clone(), Write::Housekeeping(changes));
        }
    }

    fn persisted(&mut self, ticket: PersistTicket, result: Result<(), String>, now: Now) {
        let Some(write) = self.pending.writes.remove(ticket) else {
            return;
        };
        match result {
            Ok(()) => {
                let had_failed = self.store_failure.take().is_some();
                self.written(write, now);
                self.write_again(now);
                if had_failed {
                    self.replay_held(now);
                }
            }
            Err(reason) => {
                self.occurred(Occurrence::StoreFailed {
                    reason: reason.clone(),
                });
                self.not_written(ticket, write, &reason, now);
                self.store_failure = Some(reason);
            }
        }
    }

    fn written(&mut self, write: Write, now: Now) {
        match write {
            Write::Push(push) => self.push_written(push, now),
            Write::Hold(push) => self.hold_written(push, now),
            Write::Assign {
                registration,
                events,
            } => self.assigned(registration, &events, now),
            Write::Candidate(registering) => self.candidate_written(registering, now),
            Write::Activation(registering) => self.activated(*registering, now),
            Write::Removal(deregistering) => self.removed(*deregistering, now),
            Write::Acknowledgement {
                ticket,
                owner,
                events,
                refused,
            } => self.acknowledged(ticket, &owner, &events, refused, now),
            Write::DeadLetters(settling) => self.letters_settled(settling, now),
            Write::Segments(reply) => self.judged(reply.ticket, reply.decision),
            Write::Housekeeping(_) => {}
        }
    }

    fn not_written(&mut self, ticket: PersistTicket, write: Write, reason: &str, now: Now) {
        match write {
            Write::Push(push) | Write::Hold(push) => self.push_not_written(ticket, push, now),
            Write::Assign {
                registration,
                events,
            } => self.not_assigned(registration, &events, now),
            Write::Candidate(registering) | Write::Activation(registering) => {
                self.registration_not_written(*registering, reason, now);
            }
            Write::Removal(deregistering) => {
                self.removal_not_written(&deregistering, reason, now);
            }
            Write::Acknowledgement { ticket, events, .. } => {
                self.not_acknowledged(ticket, &events, reason, now);
            }
            Write::DeadLetters(settling) => self.letters_not_settled(&settling, reason, now),
            Write::Segments(reply) => self.offer_again(reply),
            Write::Housekeeping(changes) => self.write_later(changes),
        }
    }

    /// Writes what could not be written before, as it stands by now.
    fn write_again(&mut self, now: Now) {
        let unwritten = std::mem::take(&mut self.pending.unwritten);
        let states = std::mem::take(&mut self.pending.unwritten_states);
        let states = states
            .into_iter()
            .filter(|event| !self.is_being_settled(*event) && !self.is_ending(*event))
            .filter_map(|event| self.journal.state_change(event, now));
        let changes = unwritten.into_iter().chain(states).collect();
        self.keep_house(changes);
    }

    /// Remembers what memory holds and the store could not write.
    fn write_later(&mut self, changes: Vec<Change>) {
        for change in changes {
            if let Change::SetEventState { event, .. } = change {
                self.pending.unwritten_states.insert(event);
            } else {
                self.pending.unwritten.push(change);
            }
        }
    }

    fn is_being_settled(&self, event: EventId) -> bool {
        let event = self.journal.get(event);
        event.is_some_and(|event| event.settlement.is_some() || event.stage == Stage::Settling)
    }

    /// Whether the end of an event is being written together with that of its registration: its state may no longer be.
    pub(crate) fn is_ending(&self, event: EventId) -> bool {
        let registration = self.journal.registration_of(event);
        registration.is_some_and(|id| self.registry.is_ending(id))
    }

    pub(crate) fn next_registration(&mut self) -> RegistrationId {
        self.last_registration += 1;
        RegistrationId(self.last_registration)
    }

    /// The next event id. The wall clock is in its upper bits, so that it is new even where every row that would tell of
    /// earlier ids is gone.
    pub(crate) fn next_event(&mut self, now: Now) -> EventId {
        let by_clock = now.unix.0.min(u64::MAX >> 16) << 16;
        self.last_event = by_clock.max(self.last_event.saturating_add(1));
        EventId(self.last_event)
    }
}

/// The wall-clock time a while after another.
pub(crate) fn later(time: UnixMillis, delay: Duration) -> UnixMillis {
    let millis = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
    UnixMillis(time.0.saturating_add(millis))
}

/// The time on the monotonic clock that stands for a time on the wall clock; the past becomes now.
pub(crate) fn deadline(unix: UnixMillis, now: Now) -> Duration {
    now.monotonic + Duration::from_millis(unix.0.saturating_sub(now.unix.0))
}
