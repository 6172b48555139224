//! The Push Client beside itself after a restart, whatever the store does.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use push_core::{
    Ambiguous, DeadLetters, DeregistrationRequest, EventId, Fate, Occurrence, Outcome,
    RegistrationRequest, Selector, ServerState, Settings, SubscriberId, Verdict,
};
use push_testkit::{PortsAnswer, ServersAnswer, StoreAnswer, Terminal};

use crate::handlers::HandlersAtWork;
use crate::steps::{IDS, NAMES, OWNERS, Step, departure, request, settings};

/// What was acknowledged to a server and is not known to be done with.
#[derive(Default)]
pub(crate) struct Ledger {
    owed: BTreeMap<EventId, (String, Option<String>, String)>,
    /// Applications that asked to leave; what they were owed may go at any time.
    leaving: BTreeSet<(String, Option<String>, String)>,
}

/// The Push Client over a store that answers late, in batches, out of luck, or never.
pub(crate) struct Unsettled {
    terminal: Terminal,
    ledger: Ledger,
    events: Vec<EventId>,
    pushes: Vec<push_core::RequestTicket>,
    subscribers: Vec<SubscriberId>,
    handlers: HandlersAtWork,
}

pub(crate) fn small() -> Settings {
    Settings {
        max_queue_events: 4,
        max_queue_octets: 1600,
        max_total_octets: 4000,
        max_held_events: 3,
        max_dead_letters: 2,
        max_registrations: 6,
        max_registrations_per_owner: 3,
        max_remembered: 8,
        max_waiting_requests: 4,
        max_attempts: 4,
        ..settings(Ambiguous::Refuse)
    }
}

impl Unsettled {
    pub(crate) fn new() -> Self {
        let mut terminal = Terminal::new(small());
        terminal.servers.answer = ServersAnswer::All(ServerState::Announced);
        terminal.store.answer = StoreAnswer::Late;
        Self {
            terminal,
            ledger: Ledger::default(),
            events: Vec::new(),
            pushes: Vec::new(),
            subscribers: Vec::new(),
            handlers: HandlersAtWork::default(),
        }
    }

    pub(crate) fn step(&mut self, step: Step) {
        match step {
            Step::Register(application) => {
                self.terminal
                    .register(&application.owner, request(&application));
            }
            Step::Deregister {
                owner,
                name,
                id,
                force,
            } => {
                let key = (
                    OWNERS[owner].to_owned(),
                    NAMES[name].map(str::to_owned),
                    IDS[id].to_owned(),
                );
                self.ledger.owed.retain(|_, to| *to != key);
                self.ledger.leaving.insert(key);
                self.terminal
                    .deregister(OWNERS[owner], departure(name, id, force));
            }
            Step::Push(pushed) => {
                let ticket = self.terminal.push(pushed.build());
                self.pushes.push(ticket);
            }
            Step::Subscribe { owner, window, .. } => {
                let subscriber =
                    self.terminal
                        .subscribe(OWNERS[owner], Selector::default(), window);
                self.subscribers.push(subscriber);
            }
            Step::Unsubscribe(index) if index < self.subscribers.len() => {
                let subscriber = self.subscribers.remove(index);
                self.terminal.unsubscribe(subscriber);
            }
            Step::Fetch { owner, limit, wait } => {
                self.terminal.fetch(
                    OWNERS[owner],
                    Selector::default(),
                    limit,
                    Duration::from_secs(wait),
                );
            }
            Step::Acknowledge {
                owner,
                events,
                outcome,
            } => self.acknowledge(owner, &events, outcome),
            Step::AttachHandler(index, window) => {
                self.handlers.attach(&mut self.terminal, index, window);
            }
            Step::DetachHandler(index) => self.handlers.detach(&mut self.terminal, index),
            Step::FailHandler(index) => self.handlers.fail(&mut self.terminal, index),
            Step::Settle {
                owner,
                events,
                fate,
            } => self.settle(owner, events, fate),
            Step::Advance(millis) => self.terminal.advance(Duration::from_millis(millis)),
            Step::Store(answer) if self.terminal.store.waiting() == 0 => {
                self.terminal.store.answer = answer;
            }
            Step::Servers(refusing) => {
                let state = if refusing {
                    ServerState::Unreachable
                } else {
                    ServerState::Announced
                };
                self.terminal.servers.answer = ServersAnswer::All(state);
            }
            Step::WriteNext(count) => self.write(count),
            Step::FailNext => {
                if let Some(result) = self.terminal.store.fail_next() {
                    self.terminal.persisted(result);
                }
            }
            Step::Ports(answer) => self.terminal.ports.answer = answer,
            Step::PortSays(open) => self.terminal.ports_say(open),
            Step::Crash => self.crash(),
            Step::Unsubscribe(_) | Step::Store(_) => {}
        }
        self.handlers.note(&mut self.terminal);
        self.note();
        self.check_bounds();
    }

    /// What dies is off the ledger already, whatever becomes of it then.
    fn settle(&mut self, owner: Option<usize>, events: Option<Vec<usize>>, fate: Fate) {
        let count = self.events.len().max(1);
        let named = |events: Vec<usize>| {
            let events = events.into_iter();
            events
                .filter_map(|index| self.events.get(index % count).copied())
                .collect()
        };
        let letters = match events {
            Some(events) => DeadLetters::Events(named(events)),
            None => DeadLetters::Selected(Selector::default()),
        };
        let owner = owner.map(|owner| OWNERS[owner]);
        self.terminal.ask_to_settle(owner, letters, fate);
    }

    fn acknowledge(&mut self, owner: usize, events: &[usize], outcome: Outcome) {
        let count = self.events.len();
        if count == 0 {
            return;
        }
        let events: Vec<_> = events
            .iter()
            .map(|index| self.events[index % count])
            .collect();
        for event in &events {
            let is_owners = self
                .ledger
                .owed
                .get(event)
                .is_some_and(|to| to.0 == OWNERS[owner]);
            if is_owners && outcome != Outcome::Later {
                self.ledger.owed.remove(event);
            }
        }
        self.terminal.acknowledge(OWNERS[owner], &events, outcome);
    }

    /// Writes a batch, then answers it from its end to its beginning.
    fn write(&mut self, count: usize) {
        let batch: Vec<_> = std::iter::from_fn(|| self.terminal.store.write_next())
            .take(count)
            .collect();
        for result in batch.into_iter().rev() {
            self.terminal.persisted(result);
        }
    }

    fn crash(&mut self) {
        self.note();
        let written: BTreeSet<_> = self.terminal.store.events().map(|event| event.id).collect();
        for event in self.ledger.owed.keys() {
            assert!(
                written.contains(event),
                "{event} was acknowledged to its server and is lost"
            );
        }
        self.handlers = HandlersAtWork::default();
        self.terminal.crash();
        self.terminal.advance(Duration::ZERO);
        self.ledger.leaving.clear();
        self.pushes.clear();
        self.subscribers.clear();
    }

    /// Takes what came out into the ledger.
    fn note(&mut self) {
        let registrations: BTreeMap<_, _> = self
            .terminal
            .client
            .registrations()
            .map(|view| {
                let record = view.record;
                let name = record.application_id.as_ref().map(ToString::to_string);
                (
                    record.id,
                    (
                        record.owner.to_string(),
                        name,
                        record.push_application_id.to_string(),
                    ),
                )
            })
            .collect();
        for ticket in self.pushes.clone() {
            let Some(Verdict::Accepted { event, .. }) = self.terminal.verdict(ticket) else {
                continue;
            };
            self.events.push(event);
            let stored = self.terminal.store.events().find(|one| one.id == event);
            let registration = stored.and_then(|one| one.registration);
            let to = registration.and_then(|id| registrations.get(&id));
            if let Some(to) = to.filter(|to| !self.ledger.leaving.contains(to)) {
                self.ledger.owed.insert(event, to.clone());
            }
        }
        for occurrence in std::mem::take(&mut self.terminal.out.occurrences) {
            if let Occurrence::Expired { event, .. } | Occurrence::Died { event } = occurrence {
                self.ledger.owed.remove(&event);
            }
        }
    }

    fn check_bounds(&self) {
        let (counts, bounds) = (self.terminal.client.counts(), small());
        assert!(
            self.terminal
                .client
                .poll_timeout()
                .is_none_or(|(_, reason)| !reason.is_empty())
        );
        assert!(counts.octets <= bounds.max_total_octets);
        assert!(counts.held_events <= bounds.max_held_events);
        assert!(counts.dead_letters <= bounds.max_dead_letters);
        assert!(counts.remembered <= bounds.max_remembered);
        assert!(counts.registrations <= bounds.max_registrations);
        for view in self.terminal.client.registrations() {
            assert!(view.waiting + view.unacknowledged <= bounds.max_queue_events);
        }
    }

    /// Once everything is written, a restart finds the same Push Client.
    pub(crate) fn finish(mut self) {
        self.terminal.servers.answer = ServersAnswer::All(ServerState::Announced);
        self.terminal.ports.answer = PortsAnswer::Open;
        while self.terminal.store.waiting() + self.terminal.ports.waiting() > 0 {
            self.terminal.write_all();
            self.terminal.ports_say(true);
        }
        self.terminal.store.answer = StoreAnswer::AtOnce;
        let free = RegistrationRequest {
            push_application_id: "x-example:last".to_owned(),
            ..RegistrationRequest::default()
        };
        let first = self.terminal.client.registrations().next();
        if let Some(record) = first.map(|view| view.record) {
            let leave = DeregistrationRequest {
                push_application_id: record.push_application_id.to_string(),
                application_id: record.application_id.as_ref().map(ToString::to_string),
                revoked: false,
                force: true,
            };
            self.terminal.deregister(record.owner.as_str(), leave);
        }
        self.terminal.register("uid:9", free);
        self.terminal.advance(Duration::ZERO);
        let before = self.terminal.client.counts();
        let registrations: Vec<_> = self
            .terminal
            .client
            .registrations()
            .map(|view| view.record)
            .collect();
        let capabilities = self.terminal.client.capabilities();
        self.terminal.crash();
        self.terminal.advance(Duration::ZERO);
        let after = self.terminal.client.counts();
        assert_eq!(
            before.waiting_events + before.unacknowledged_events,
            after.waiting_events
        );
        assert_eq!(
            (before.held_events, before.dead_letters, before.octets),
            (after.held_events, after.dead_letters, after.octets)
        );
        let again: Vec<_> = self
            .terminal
            .client
            .registrations()
            .map(|view| view.record)
            .collect();
        assert_eq!(registrations, again);
        assert_eq!(capabilities, self.terminal.client.capabilities());
    }
}
