//! The Push Client beside the reference model, and beside itself after a restart, over random histories.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use proptest::prelude::*;
use push_core::{
    Answer, BearerSettings, DeregistrationRequest, EventId, Occurrence, Outcome, OwnPorts,
    ProfileRequest, ProtocolSettings, PushRefusal, RegistrationRequest, Selector, ServerState,
    Settings, SubscriberId, Verdict,
};
use push_message::{Address, Bearer, DefaultWhitelistEntry, Protocol, Reason};
use push_testkit::{
    Model, ModelApplication, ModelProfile, ModelVerdict, PushBuilder, ServersAnswer, StoreAnswer,
    Terminal,
};

const OWNERS: [&str; 3] = ["uid:1", "uid:2", "uid:3"];
const IDS: [&str; 3] = [
    "x-wap-application:mms.ua",
    "x-wap-application:wml.ua",
    "x-example:private",
];
const NAMES: [Option<&str>; 3] = [None, Some("urn:a"), Some("urn:b")];
const SERVERS: [[u8; 4]; 3] = [[192, 0, 2, 1], [192, 0, 2, 2], [192, 0, 2, 3]];
const TYPES: [&str; 3] = ["text/plain", "image/png", "image/gif"];

/// One thing that happens.
#[derive(Debug, Clone)]
enum Step {
    Register(ModelApplication),
    Deregister {
        owner: usize,
        name: usize,
        id: usize,
        force: bool,
    },
    Push(Pushed),
    Subscribe {
        owner: usize,
        id: Option<usize>,
        window: u32,
        after: Option<usize>,
    },
    Unsubscribe(usize),
    Fetch {
        owner: usize,
        limit: u32,
        wait: u64,
    },
    Acknowledge {
        owner: usize,
        events: Vec<usize>,
        outcome: Outcome,
    },
    Advance(u64),
    Store(StoreAnswer),
    Servers(bool),
    WriteNext(usize),
    FailNext,
    Crash,
}

#[derive(Debug, Clone)]
struct Pushed {
    id: Option<usize>,
    server: usize,
    media_type: usize,
    place: usize,
    instance: Option<usize>,
    transaction: u32,
    content: u8,
    answerable: bool,
}

impl Pushed {
    fn build(&self) -> PushBuilder {
        let push = self
            .id
            .map_or_else(PushBuilder::default, |id| PushBuilder::to(IDS[id]));
        let (protocol, port) = [
            (Protocol::OtaWsp, Some(2948)),
            (Protocol::OtaWsp, Some(5000)),
            (Protocol::OtaWsp, Some(5001)),
            (Protocol::OtaSip, None),
        ][self.place];
        let sip = protocol == Protocol::OtaSip;
        push.from_ip(SERVERS[self.server])
            .media_type(TYPES[self.media_type])
            .over(protocol, port)
            .instance(self.instance.filter(|_| sip).and_then(|name| NAMES[name]))
            .transaction(self.transaction)
            .content([self.content; 40])
            .answerable(self.answerable)
    }
}

fn application() -> impl Strategy<Value = ModelApplication> {
    let profiles = prop_oneof![
        3 => Just(ModelProfile::Any),
        1 => Just(ModelProfile::Wsp),
        2 => Just(ModelProfile::WspAt(5000)),
        1 => Just(ModelProfile::WspAt(5001)),
        2 => Just(ModelProfile::Sip),
    ];
    let accept = prop_oneof![
        3 => Just(vec![]),
        1 => Just(vec!["text/plain".to_owned()]),
        1 => Just(vec!["image/*".to_owned(), "text/plain".to_owned()]),
    ];
    let whitelist = prop_oneof![
        3 => Just(vec![]),
        1 => Just(vec![IpAddr::from(SERVERS[1])]),
    ];
    (0..3usize, 0..3usize, 0..3usize, profiles, accept, whitelist).prop_map(
        |(owner, name, id, profile, accept, whitelist)| ModelApplication {
            owner: OWNERS[owner].to_owned(),
            name: NAMES[name].map(str::to_owned),
            id: IDS[id].to_owned(),
            profile,
            accept,
            whitelist,
        },
    )
}

fn push() -> impl Strategy<Value = Step> {
    let places = prop_oneof![5 => Just(0usize), 2 => Just(1), 1 => Just(2), 2 => Just(3)];
    (
        prop::option::weighted(0.8, 0..3usize),
        0..3usize,
        0..3usize,
        places,
        prop::option::of(1..3usize),
        0..4u32,
        0..3u8,
        any::<bool>(),
    )
        .prop_map(
            |(id, server, media_type, place, instance, transaction, content, answerable)| {
                Step::Push(Pushed {
                    id,
                    server,
                    media_type,
                    place,
                    instance,
                    transaction,
                    content,
                    answerable,
                })
            },
        )
}

fn common_step() -> impl Strategy<Value = Step> {
    let outcome = prop_oneof![
        4 => Just(Outcome::Accepted),
        2 => Just(Outcome::Later),
        1 => Just(Outcome::Rejected),
    ];
    prop_oneof![
        6 => application().prop_map(Step::Register),
        2 => (0..3usize, 0..3usize, 0..3usize, any::<bool>())
            .prop_map(|(owner, name, id, force)| Step::Deregister { owner, name, id, force }),
        12 => push(),
        3 => (0..3usize, prop::option::of(0..3usize), 1..4u32, prop::option::of(0..64usize))
            .prop_map(|(owner, id, window, after)| Step::Subscribe { owner, id, window, after }),
        1 => (0..8usize).prop_map(Step::Unsubscribe),
        2 => (0..3usize, 0..4u32, 0..60u64).prop_map(|(owner, limit, wait)| Step::Fetch { owner, limit, wait }),
        6 => (0..3usize, prop::collection::vec(0..64usize, 1..4), outcome)
            .prop_map(|(owner, events, outcome)| Step::Acknowledge { owner, events, outcome }),
        3 => (1..100_000u64).prop_map(Step::Advance),
        1 => (1..2_000_000u64).prop_map(Step::Advance),
        1 => any::<bool>().prop_map(Step::Servers),
        1 => Just(Step::Crash),
    ]
}

fn settled_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        20 => common_step(),
        1 => prop_oneof![2 => Just(StoreAnswer::AtOnce), 1 => Just(StoreAnswer::Failing)].prop_map(Step::Store),
    ]
}

fn unsettled_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        20 => common_step(),
        8 => (1..6usize).prop_map(Step::WriteNext),
        1 => Just(Step::FailNext),
        1 => prop_oneof![Just(StoreAnswer::AtOnce), Just(StoreAnswer::Failing), Just(StoreAnswer::Late)].prop_map(Step::Store),
    ]
}

fn settings() -> Settings {
    let wsp = ProtocolSettings {
        explicit_registration: false,
        tells_instances_apart: false,
        any_port_is_standard: false,
        bearers: BTreeMap::from([(
            Bearer::Ip,
            BearerSettings::listening(vec![2948]).with_own_ports(OwnPorts::Opened),
        )]),
        session_port: None,
    };
    let sip = ProtocolSettings {
        explicit_registration: true,
        tells_instances_apart: true,
        any_port_is_standard: false,
        bearers: BTreeMap::from([(Bearer::Ip, BearerSettings::listening(Vec::new()))]),
        session_port: None,
    };
    Settings {
        protocols: BTreeMap::from([(Protocol::OtaWsp, wsp), (Protocol::OtaSip, sip)]),
        hold_unmatched: Duration::from_mins(10),
        event_lifetime: Duration::from_hours(1),
        backoff_limit: Duration::from_mins(1),
        max_attempts: u32::MAX,
        ..Settings::default()
    }
}

fn request(application: &ModelApplication) -> RegistrationRequest {
    let profile = |protocol: &str, port: Option<u16>| ProfileRequest {
        protocol: Some(protocol.to_owned()),
        bearer_type: None,
        port: port.map(|port| port.to_string()),
    };
    RegistrationRequest {
        push_application_id: application.id.clone(),
        application_id: application.name.clone(),
        whitelist: application
            .whitelist
            .iter()
            .map(ToString::to_string)
            .collect(),
        connection_profile: match application.profile {
            ModelProfile::Any => Vec::new(),
            ModelProfile::Wsp => vec![profile("OTA-WSP", None)],
            ModelProfile::WspAt(port) => vec![profile("OTA-WSP", Some(port))],
            ModelProfile::Sip => vec![profile("OTA-SIP", None)],
        },
        accept: (!application.accept.is_empty()).then(|| application.accept.join(", ")),
        ..RegistrationRequest::default()
    }
}

fn departure(name: usize, id: usize, force: bool) -> DeregistrationRequest {
    DeregistrationRequest {
        push_application_id: IDS[id].to_owned(),
        application_id: NAMES[name].map(str::to_owned),
        force,
    }
}

/// The Push Client and the model, side by side.
struct Pair {
    terminal: Terminal,
    model: Model,
    events: Vec<EventId>,
    subscribers: Vec<(SubscriberId, usize)>,
    delivered: BTreeSet<EventId>,
    refusing: bool,
}

impl Pair {
    fn new(default_whitelist: &[[u8; 4]]) -> Self {
        let entries = default_whitelist
            .iter()
            .map(|&server| DefaultWhitelistEntry::unlimited(Address::Ip(IpAddr::from(server))));
        let settings = Settings {
            default_whitelist: entries.collect(),
            ..settings()
        };
        let mut model = Model::default();
        let listed = default_whitelist.iter();
        model.default_whitelist = listed.map(|&server| IpAddr::from(server)).collect();
        model.event_lifetime = settings.event_lifetime;
        model.hold_unmatched = settings.hold_unmatched;
        model.duplicate_window = settings.duplicate_window;
        let mut pair = Self {
            terminal: Terminal::new(settings),
            model,
            events: Vec::new(),
            subscribers: Vec::new(),
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

    fn step(&mut self, step: Step) {
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
                let (subscriber, _) = self.subscribers.remove(index);
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
            Step::Crash => self.crash(),
            Step::Unsubscribe(_) | Step::WriteNext(_) | Step::FailNext => {}
        }
        self.model.expire(self.now());
        self.compare();
    }

    fn register(&mut self, application: ModelApplication) {
        let standing = self.model.find(
            &application.owner,
            application.name.as_deref(),
            &application.id,
        );
        let is_told = application.is_announced()
            || standing.is_some_and(|place| self.model.registered[place].is_announced());
        let outcome = if !self.can_write() {
            Err(Reason::StoreFailed)
        } else if is_told && self.refusing {
            Err(Reason::ServerRejected)
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
            ModelVerdict::For(_) | ModelVerdict::Held if !self.can_write() => {
                assert_eq!(verdict, refused(PushRefusal::NoRoom));
            }
            ModelVerdict::For(_) | ModelVerdict::Held => {
                let event = match (&verdict, &expected) {
                    (Verdict::Accepted { event }, ModelVerdict::For(_))
                    | (Verdict::Held { event }, ModelVerdict::Held) => *event,
                    other => panic!("{other:?}"),
                };
                assert!(self.events.last() < Some(&event), "ids grow");
                self.events.push(event);
                self.model.take(event, &expected, push, self.now());
            }
            ModelVerdict::Duplicate => assert_eq!(verdict, Verdict::Duplicate),
            ModelVerdict::ServerNotListed => {
                assert_eq!(verdict, refused(PushRefusal::ServerNotListed));
            }
            ModelVerdict::NoSuchApplication => {
                assert_eq!(verdict, refused(PushRefusal::NoSuchApplication));
            }
            ModelVerdict::ContentType => assert_eq!(verdict, refused(PushRefusal::ContentType)),
        }
    }

    fn subscribe(&mut self, owner: usize, id: Option<usize>, window: u32, after: Option<usize>) {
        let selector = Selector {
            push_application_id: id.map(|id| IDS[id].to_owned()),
            application_id: None,
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
        self.subscribers.push((subscriber, owner));
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
            | Answer::Fetched(_)) => {
                panic!("{other:?}")
            }
        }
    }

    fn crash(&mut self) {
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
        let (ids, names, types) = self.model.announced();
        let capabilities = self.terminal.client.capabilities();
        assert_eq!(capabilities.len(), 1);
        let told = &capabilities[0];
        assert_eq!(
            told.applications
                .iter()
                .map(ToString::to_string)
                .collect::<BTreeSet<_>>(),
            ids
        );
        assert_eq!(
            told.instances
                .iter()
                .map(ToString::to_string)
                .collect::<BTreeSet<_>>(),
            names
        );
        assert_eq!(
            told.accept
                .iter()
                .map(ToString::to_string)
                .collect::<BTreeSet<_>>(),
            types
        );
        assert_eq!(
            self.terminal.servers.told.last(),
            Some(&capabilities),
            "what was told last holds"
        );
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
        let waits = !self.model.owed.is_empty()
            || !self.model.held.is_empty()
            || counts.waiting_fetches > 0;
        assert_eq!(
            self.terminal.client.poll_timeout().is_some(),
            waits,
            "no waking up for nothing"
        );
    }

    /// Events of this step: each to its owner, with the content sent, in order of arrival.
    fn check_deliveries(&mut self) {
        let mut handed = Vec::new();
        for (subscriber, delivery) in self.terminal.deliveries() {
            let owner = self.subscribers.iter().find(|(id, _)| *id == subscriber);
            if let Some((_, owner)) = owner {
                handed.push((Some(OWNERS[*owner]), delivery));
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
    fn finish(mut self) {
        self.step(Step::Store(StoreAnswer::AtOnce));
        for (subscriber, _) in std::mem::take(&mut self.subscribers) {
            self.terminal.unsubscribe(subscriber);
        }
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

/// What was acknowledged to a server and is not known to be done with.
#[derive(Default)]
struct Ledger {
    owed: BTreeMap<EventId, (String, Option<String>, String)>,
    /// Applications that asked to leave; what they were owed may go at any time.
    leaving: BTreeSet<(String, Option<String>, String)>,
}

/// The Push Client over a store that answers late, in batches, out of luck, or never.
struct Unsettled {
    terminal: Terminal,
    ledger: Ledger,
    events: Vec<EventId>,
    pushes: Vec<push_core::RequestTicket>,
    subscribers: Vec<SubscriberId>,
}

fn small() -> Settings {
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
        ..settings()
    }
}

impl Unsettled {
    fn new() -> Self {
        let mut terminal = Terminal::new(small());
        terminal.servers.answer = ServersAnswer::All(ServerState::Announced);
        terminal.store.answer = StoreAnswer::Late;
        Self {
            terminal,
            ledger: Ledger::default(),
            events: Vec::new(),
            pushes: Vec::new(),
            subscribers: Vec::new(),
        }
    }

    fn step(&mut self, step: Step) {
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
            Step::Crash => self.crash(),
            Step::Unsubscribe(_) | Step::Store(_) => {}
        }
        self.note();
        self.check_bounds();
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
            let Some(Verdict::Accepted { event }) = self.terminal.verdict(ticket) else {
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
    fn finish(mut self) {
        self.terminal.servers.answer = ServersAnswer::All(ServerState::Announced);
        self.terminal.write_all();
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

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_push_client_does_what_the_model_says(
        listed in any::<bool>(),
        steps in prop::collection::vec(settled_step(), 1..80),
    ) {
        let mut pair = Pair::new(if listed { &SERVERS[..1] } else { &[] });
        for step in steps {
            pair.step(step);
        }
        pair.finish();
    }

    #[test]
    fn nothing_acknowledged_is_lost_whatever_the_store_does(
        steps in prop::collection::vec(unsettled_step(), 1..120),
    ) {
        let mut client = Unsettled::new();
        for step in steps {
            client.step(step);
        }
        client.finish();
    }
}
