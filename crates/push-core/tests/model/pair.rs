//! The Push Client beside the reference model.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use push_core::{
    Ambiguous, Answer, DeadLetters, EventId, EventStage, Fate, HandlerStage, Outcome, PushRefusal,
    Selector, ServerState, Settings, SubscriberId, Verdict,
};
use push_message::{Address, Bearer, DefaultWhitelistEntry, Protocol, Reason};
use push_testkit::{
    Announced, Model, ModelApplication, ModelProfile, ModelVerdict, PortsAnswer, ServersAnswer,
    StoreAnswer, Terminal,
};

use crate::handlers::{HandlersAtWork, any_rests};
use crate::steps::{IDS, NAMES, OWNERS, Pushed, Step, departure, request, settings};

/// The Push Client and the model, side by side.
pub(crate) struct Pair {
    terminal: Terminal,
    model: Model,
    events: Vec<EventId>,
    subscribers: Vec<(SubscriberId, usize, Option<usize>)>,
    handlers: HandlersAtWork,
    delivered: BTreeSet<EventId>,
    refusing: bool,
}

impl Pair {
    pub(crate) fn new(default_whitelist: &[[u8; 4]], first: bool) -> Self {
        let entries = default_whitelist
            .iter()
            .map(|&server| DefaultWhitelistEntry::unlimited(Address::Ip(IpAddr::from(server))));
        let settings = Settings {
            default_whitelist: entries.collect(),
            ..settings(if first {
                Ambiguous::First
            } else {
                Ambiguous::Refuse
            })
        };
        let mut model = Model::default();
        let listed = default_whitelist.iter();
        model.default_whitelist = listed.map(|&server| IpAddr::from(server)).collect();
        model.first_gets_ambiguous = first;
        model.event_lifetime = settings.event_lifetime;
        model.hold_unmatched = settings.hold_unmatched;
        model.duplicate_window = settings.duplicate_window;
        let mut pair = Self {
            terminal: Terminal::new(settings),
            model,
            events: Vec::new(),
            subscribers: Vec::new(),
            handlers: HandlersAtWork::default(),
            delivered: BTreeSet::new(),
            refusing: false,
        };
        pair.terminal.servers.answer = ServersAnswer::All(ServerState::Confirmed);
        pair
    }

    fn can_write(&self) -> bool {
        self.terminal.store.answer == StoreAnswer::AtOnce
    }

    fn now(&self) -> u64 {
        self.terminal.clock.now().unix.0
    }

    fn event(&self, index: usize) -> Option<EventId> {
        let count = self.events.len();
        (count > 0).then(|| self.events[index % count])
    }

    pub(crate) fn step(&mut self, step: Step) {
        match step {
            Step::Register(application) => self.register(application),
            Step::Deregister {
                owner,
                name,
                id,
                force,
            } => self.deregister(owner, name, id, force),
            Step::Push(pushed) => self.push(&pushed),
            Step::Subscribe {
                owner,
                id,
                window,
                after,
            } => self.subscribe(owner, id, window, after),
            Step::Unsubscribe(index) if index < self.subscribers.len() => {
                let (subscriber, ..) = self.subscribers.remove(index);
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
            } => self.settle(owner, events.as_deref(), fate),
            Step::Advance(millis) => self.terminal.advance(Duration::from_millis(millis)),
            Step::Store(answer) => self.terminal.store.answer = answer,
            Step::Servers(refusing) => {
                self.refusing = refusing;
                let state = if refusing {
                    ServerState::Rejected
                } else {
                    ServerState::Confirmed
                };
                self.terminal.servers.answer = ServersAnswer::All(state);
            }
            Step::Ports(answer) => self.terminal.ports.answer = answer,
            Step::Crash => self.crash(),
            Step::Unsubscribe(_) | Step::WriteNext(_) | Step::FailNext | Step::PortSays(_) => {}
        }
        self.model.expire(self.now());
        self.handlers.note(&mut self.terminal);
        self.compare();
    }

    /// Replays or drops dead letters: those that are named, or all.
    fn settle(&mut self, owner: Option<usize>, events: Option<&[usize]>, fate: Fate) {
        let owner = owner.map(|owner| OWNERS[owner]);
        let named = events.map(|events| {
            let events = events.iter().filter_map(|&index| self.event(index));
            events.collect::<BTreeSet<_>>()
        });
        let all = || self.model.letters(owner).into_iter().collect();
        let meant = named.clone().unwrap_or_else(all);
        let (settled, unknown): (Vec<_>, Vec<_>) = meant
            .into_iter()
            .partition(|event| self.model.may_settle(owner, *event));
        let letters = match named {
            Some(named) => DeadLetters::Events(named.into_iter().rev().collect()),
            None => DeadLetters::Selected(Selector::default()),
        };
        match self.terminal.settle_letters(owner, letters, fate) {
            Answer::Settled {
                settled: count,
                refused,
            } => {
                let refused: Vec<_> = refused.into_iter().map(|(event, _)| event).collect();
                assert_eq!((count, refused), (settled.len(), unknown));
                assert!(self.can_write() || settled.is_empty());
                for event in settled {
                    self.model.settle(event, fate, self.now());
                }
            }
            Answer::Refused(refusal) => {
                assert!(!self.can_write() && !settled.is_empty());
                assert_eq!(refusal.reason, Reason::StoreFailed);
            }
            other @ (Answer::Registered { .. }
            | Answer::Deregistered { .. }
            | Answer::Acknowledged { .. }
            | Answer::Fetched(_)) => panic!("{other:?}"),
        }
    }

    /// Whether the port that an application wants is open, or can be opened.
    fn has_port(&self, application: &ModelApplication) -> bool {
        let ModelProfile::WspAt(port) = application.profile else {
            return true;
        };
        let ports = &self.terminal.ports;
        let port = (Protocol::OtaWsp, Bearer::Ip, port);
        ports.answer == PortsAnswer::Open || ports.open.contains(&port)
    }

    fn register(&mut self, application: ModelApplication) {
        let standing = self.model.find(
            &application.owner,
            application.name.as_deref(),
            &application.id,
        );
        let is_told = application.is_announced()
            || standing.is_some_and(|place| self.model.registered[place].is_announced());
        // In the order in which things are done: written as pending, opened, told, written as in force.
        let outcome = if is_told && !self.can_write() {
            Err(Reason::StoreFailed)
        } else if !self.has_port(&application) {
            Err(Reason::OptionNotAvailable)
        } else if is_told && self.refusing {
            Err(Reason::ServerRejected)
        } else if !self.can_write() {
            Err(Reason::StoreFailed)
        } else {
            Ok(())
        };
        let expected = self.model.may_register(&application).and(outcome);
        let ticket = self
            .terminal
            .register(&application.owner, request(&application));
        match (self.terminal.answer(ticket).unwrap(), expected) {
            (Answer::Registered { .. }, Ok(())) => self.model.register(application),
            (Answer::Refused(refusal), Err(reason)) => {
                assert_eq!(refusal.reason, reason, "{refusal}");
            }
            other => panic!("{other:?}"),
        }
    }

    fn deregister(&mut self, owner: usize, name: usize, id: usize, force: bool) {
        let place = self.model.find(OWNERS[owner], NAMES[name], IDS[id]);
        let is_told = place.is_some_and(|place| self.model.registered[place].is_announced());
        let expected = match place {
            None => Err(Reason::NotRegistered),
            Some(_) if is_told && self.refusing && !force => Err(Reason::ServerRejected),
            Some(_) if !self.can_write() => Err(Reason::StoreFailed),
            Some(place) => Ok(place),
        };
        let ticket = self
            .terminal
            .deregister(OWNERS[owner], departure(name, id, force));
        match (self.terminal.answer(ticket).unwrap(), expected) {
            (Answer::Deregistered { .. }, Ok(place)) => self.model.deregister(place),
            (Answer::Refused(refusal), Err(reason)) => {
                assert_eq!(refusal.reason, reason, "{refusal}");
            }
            other => panic!("{other:?}"),
        }
    }

    fn push(&mut self, pushed: &Pushed) {
        let push = pushed.build().received(self.terminal.clock.now().unix);
        let expected = self.model.judge(&push, self.now());
        let ticket = self.terminal.push(pushed.build());
        let verdict = self.terminal.verdict(ticket).unwrap();
        let refused = |refusal| Verdict::Refused(refusal);
        match &expected {
            ModelVerdict::For(_) | ModelVerdict::Observed | ModelVerdict::Held
                if !self.can_write() =>
            {
                assert_eq!(verdict, refused(PushRefusal::NoRoom));
            }
            ModelVerdict::For(_) | ModelVerdict::Observed | ModelVerdict::Held => {
                let event = match (&verdict, &expected) {
                    (
                        Verdict::Accepted { event, .. },
                        ModelVerdict::For(_) | ModelVerdict::Observed,
                    )
                    | (Verdict::Held { event }, ModelVerdict::Held) => *event,
                    other => panic!("{other:?}"),
                };
                assert!(self.events.last() < Some(&event), "ids grow");
                let written = self.terminal.store.events().map(|event| event.id);
                let events: Vec<_> = written.filter(|written| *written >= event).collect();
                let takers = self.model.takers(&push, &expected).len();
                assert_eq!(events.len(), takers.max(1), "one for each that takes it");
                self.events.extend(&events);
                self.model.take(&events, &expected, &push);
            }
            ModelVerdict::Duplicate => assert_eq!(verdict, Verdict::Duplicate),
            ModelVerdict::ServerNotListed => {
                assert_eq!(verdict, refused(PushRefusal::ServerNotListed));
            }
            ModelVerdict::NoSuchApplication => {
                assert_eq!(verdict, refused(PushRefusal::NoSuchApplication));
            }
            ModelVerdict::ContentType => assert_eq!(verdict, refused(PushRefusal::ContentType)),
            ModelVerdict::Ambiguous => assert_eq!(verdict, refused(PushRefusal::Ambiguous)),
        }
    }

    fn subscribe(&mut self, owner: usize, id: Option<usize>, window: u32, after: Option<usize>) {
        let selector = Selector {
            push_application_id: id.map(|id| IDS[id].to_owned()),
            application_id: None,
            handler_of: None,
        };
        let after = after.and_then(|index| self.event(index));
        // What the application says that it has need not come to it again.
        let received = self
            .events
            .iter()
            .filter(|event| after.is_some_and(|after| **event <= after));
        self.delivered.extend(received);
        let subscriber = self
            .terminal
            .subscribe_after(OWNERS[owner], selector, window, after);
        self.subscribers.push((subscriber, owner, id));
    }

    fn acknowledge(&mut self, owner: usize, events: &[usize], outcome: Outcome) {
        let events: Vec<_> = events
            .iter()
            .filter_map(|&index| self.event(index))
            .collect();
        let is_new = |event: &EventId| {
            self.model.owed.contains_key(event)
                && self.model.may_acknowledge(OWNERS[owner], *event, outcome)
        };
        let fails = !self.can_write() && events.iter().any(is_new);
        let ticket = self.terminal.acknowledge(OWNERS[owner], &events, outcome);
        match self.terminal.answer(ticket).unwrap() {
            Answer::Refused(refusal) => {
                assert!(fails);
                assert_eq!(refusal.reason, Reason::StoreFailed);
            }
            Answer::Acknowledged { refused } => {
                assert!(!fails);
                let refused: Vec<_> = refused.into_iter().map(|(event, _)| event).collect();
                let unheard =
                    |event: &&EventId| !self.model.may_acknowledge(OWNERS[owner], **event, outcome);
                let expected: Vec<_> = events.iter().filter(unheard).copied().collect();
                assert_eq!(refused, expected);
                for event in events {
                    self.model.acknowledge(OWNERS[owner], event, outcome);
                }
            }
            other @ (Answer::Registered { .. }
            | Answer::Deregistered { .. }
            | Answer::Settled { .. }
            | Answer::Fetched(_)) => {
                panic!("{other:?}")
            }
        }
    }

    fn crash(&mut self) {
        self.handlers = HandlersAtWork::default();
        self.terminal.crash();
        self.terminal.advance(Duration::ZERO);
        self.model.restart();
        self.subscribers.clear();
        self.delivered.clear();
    }

    fn compare(&mut self) {
        assert!(
            self.terminal.client.poll_output().is_none(),
            "nothing comes after a drain"
        );
        self.compare_registrations();
        self.compare_capabilities();
        self.compare_events();
        self.check_handlers();
        self.check_deliveries();
    }

    fn compare_registrations(&self) {
        let mut owed = BTreeMap::new();
        for one in self.model.owed.values().filter(|one| !one.dead) {
            *owed.entry(&one.to).or_insert(0) += 1;
        }
        let expected: BTreeSet<_> = self
            .model
            .registered
            .iter()
            .map(|one| (one.owner.clone(), one.name.clone(), one.id.clone()))
            .map(|key| (owed.get(&key).copied().unwrap_or(0), key))
            .collect();
        let registered: BTreeSet<_> = self
            .terminal
            .client
            .registrations()
            .map(|view| {
                let record = view.record;
                let name = record.application_id.as_ref().map(ToString::to_string);
                let key = (
                    record.owner.to_string(),
                    name,
                    record.push_application_id.to_string(),
                );
                (view.waiting + view.unacknowledged, key)
            })
            .collect();
        assert_eq!(registered, expected);
    }

    fn compare_capabilities(&self) {
        let capabilities = self.terminal.client.capabilities();
        assert_eq!(capabilities.len(), 2);
        for told in &capabilities {
            let texts = |all: Vec<String>| all.into_iter().collect::<BTreeSet<_>>();
            let announced = Announced {
                ids: texts(told.applications.iter().map(ToString::to_string).collect()),
                names: texts(told.instances.iter().map(ToString::to_string).collect()),
                types: texts(told.accept.iter().map(ToString::to_string).collect()),
                sessions_asked_for: told.sessions_asked_for,
            };
            assert_eq!(announced, self.model.announced(told.protocol));
            // An announcement names the protocols that it concerns.
            let mut announcements = self.terminal.servers.told.iter().rev().flatten();
            let last = announcements.find(|one| one.protocol == told.protocol);
            assert_eq!(last, Some(told), "what was told last holds");
        }
    }

    fn compare_events(&self) {
        let counts = self.terminal.client.counts();
        let dead = self.model.owed.values().filter(|one| one.dead).count();
        assert_eq!(counts.dead_letters, dead);
        assert_eq!(counts.held_events, self.model.held.len());
        assert_eq!(
            counts.waiting_events + counts.unacknowledged_events,
            self.model.owed.len() - dead
        );
        let written: BTreeSet<_> = self.terminal.store.events().map(|event| event.id).collect();
        let kept = self.model.owed.keys().chain(self.model.held.keys());
        assert!(
            kept.copied().all(|event| written.contains(&event)),
            "what is owed is durable"
        );
        let open = &self.terminal.ports.open;
        let open: BTreeSet<_> = open.iter().map(|(_, _, port)| *port).collect();
        let wanted = self.model.own_ports();
        assert!(open.is_subset(&wanted), "no port is open for nobody");
        let waits = !self.model.owed.is_empty()
            || open != wanted
            || !self.model.held.is_empty()
            || counts.waiting_fetches > 0
            || any_rests(&self.terminal);
        assert_eq!(
            self.terminal.client.poll_timeout().is_some(),
            waits,
            "no waking up for nothing"
        );
    }

    /// A handler is at work, asked for, or at rest wherever something waits that nobody else takes; and never without a reason.
    fn check_handlers(&self) {
        let now = self.terminal.clock.now();
        for view in self.terminal.client.registrations() {
            let record = &view.record;
            let Some(handler) = view.handler else {
                assert_eq!(record.event_handler, None);
                continue;
            };
            let name = record.application_id.as_ref().map(ToString::to_string);
            let to = (
                record.owner.to_string(),
                name,
                record.push_application_id.to_string(),
            );
            let owed = self.model.owed.iter().filter(|(_, owed)| owed.to == to);
            let mut waiting = owed.filter_map(|(event, _)| {
                let view = self.terminal.client.event(*event, now)?;
                (view.stage == EventStage::Waiting).then_some(view.not_before)
            });
            let is_due = waiting
                .next()
                .is_some_and(|not_before| not_before.is_none());
            let is_own = |(_, owner, id): &(SubscriberId, usize, Option<usize>)| {
                OWNERS[*owner] == to.0 && id.is_none_or(|id| IDS[id] == to.2)
            };
            let has_own = self.subscribers.iter().any(is_own);
            match handler.stage {
                HandlerStage::Idle => assert!(!is_due || has_own, "forgotten: {view:?}"),
                HandlerStage::Wanted => assert!(is_due && !has_own, "for nothing: {view:?}"),
                HandlerStage::Attached | HandlerStage::Resting { .. } => {}
            }
            self.handlers.check(record.id, handler.stage);
        }
    }

    /// Events of this step: each to its owner, with the content sent, in order of arrival.
    fn check_deliveries(&mut self) {
        let mut handed = Vec::new();
        for (subscriber, delivery) in self.terminal.deliveries() {
            let owner = self.subscribers.iter().find(|(id, ..)| *id == subscriber);
            if let Some((_, owner, _)) = owner {
                handed.push((Some(OWNERS[*owner]), delivery));
            } else if let Some(registration) = self.handlers.of(subscriber) {
                assert_eq!(delivery.registration, registration);
                handed.push((None, delivery));
            }
        }
        for (_, answer) in std::mem::take(&mut self.terminal.out.answers) {
            if let Answer::Fetched(deliveries) = answer {
                handed.extend(deliveries.into_iter().map(|delivery| (None, delivery)));
            }
        }
        for (owner, delivery) in &handed {
            let Some(owed) = self.model.owed.get(&delivery.event) else {
                continue;
            };
            assert!(
                owner.is_none_or(|owner| owner == owed.to.0),
                "only its owner sees an event"
            );
            assert_eq!(delivery.push.message.content, owed.push.message.content);
            assert_eq!(
                delivery.push.message.content_type,
                owed.push.message.content_type
            );
        }
        self.delivered
            .extend(handed.iter().map(|(_, delivery)| delivery.event));
        for (_, delivery) in handed.iter().filter(|(_, delivery)| delivery.attempt == 1) {
            self.check_order(delivery.event);
        }
        self.terminal.out.occurrences.clear();
    }

    fn check_order(&self, event: EventId) {
        let Some(owed) = self.model.owed.get(&event) else {
            return;
        };
        let earlier = self.model.owed.range(..event);
        let earlier = earlier.filter(|(_, one)| one.to == owed.to && !one.dead);
        for (id, _) in earlier {
            assert!(self.delivered.contains(id), "{id} comes before {event}");
        }
    }

    /// Whatever is owed arrives in the end, and nothing else.
    pub(crate) fn finish(mut self) {
        self.step(Step::Store(StoreAnswer::AtOnce));
        for (subscriber, ..) in std::mem::take(&mut self.subscribers) {
            self.terminal.unsubscribe(subscriber);
        }
        self.handlers.detach_all(&mut self.terminal);
        self.terminal.advance(Duration::from_mins(1));
        self.terminal.deliveries();
        for owner in 0..OWNERS.len() {
            self.subscribe(owner, None, 256, None);
        }
        self.terminal.advance(Duration::from_mins(2));
        self.model.expire(self.now());
        let arrived: BTreeSet<_> = self
            .terminal
            .deliveries()
            .iter()
            .map(|(_, one)| one.event)
            .collect();
        let owed = self.model.owed.iter().filter(|(_, one)| !one.dead);
        for (event, _) in owed {
            assert!(
                arrived.contains(event),
                "{event} is owed and did not arrive"
            );
        }
    }
}
