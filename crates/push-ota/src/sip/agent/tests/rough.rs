//! A whole life of the user agent on a virtual clock, over a network that loses, reorders and doubles datagrams, with a registrar and a
//! Push Sender Agent that answer, forget and push.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::backoff::Backoff;

/// What happens, at its time.
#[derive(Debug, Clone)]
enum Event {
    ToCore(Bytes),
    ToAgent(Bytes),
    Opened(FlowId),
    Judge(SipPushTicket),
    /// The Push Sender Agent sends a push, or sends it again: the wait before it, and when it gives up.
    Send(u32, Duration, Duration),
}

/// What a test does.
#[derive(Debug, Clone)]
enum Act {
    Announce(Vec<u8>),
    Push,
    /// The core forgets all bindings; the Push Sender Agent forgets nothing.
    CoreRestarts,
    /// Nothing arrives for so many seconds.
    Outage(u64),
    NetworkChanged,
}

/// The core, and the Push Sender Agent behind it.
#[derive(Debug, Default)]
struct Core {
    /// The ids of each Contact, and when it lapses.
    bindings: BTreeMap<String, (BTreeSet<String>, Duration)>,
    cseq: u32,
    answered: BTreeMap<(String, u32), Bytes>,
    told: BTreeSet<String>,
}

impl Core {
    fn take(&mut self, octets: &[u8], now: Duration) -> Option<Bytes> {
        let request = Text::read(octets);
        let name = (request.header("Call-ID").to_owned(), request.cseq());
        assert!(!request.header("Contact").contains('*'), "{request:?}");
        if let Some(answer) = self.answered.get(&name) {
            return Some(answer.clone());
        }
        let answer = match request.first.split(' ').next() {
            Some("REGISTER") if name.1 <= self.cseq => return None,
            Some("REGISTER") => {
                self.cseq = name.1;
                self.register(&request, now)
            }
            Some("OPTIONS") => {
                self.told = request.ids();
                let contact = format!("Contact: {}", request.header("Contact"));
                request.answer("200 OK", &[contact])
            }
            _ => return None,
        };
        self.answered.insert(name, answer.clone());
        Some(answer)
    }

    fn register(&mut self, request: &Text, now: Duration) -> Bytes {
        let nonce = format!("nonce=\"{}\"", now.as_secs() / 100);
        let proof = request.header("Authorization");
        if !proof.contains(&nonce) {
            let challenge = format!(
                "WWW-Authenticate: Digest realm=\"ims\", {nonce}, qop=\"auth\", stale={}",
                !proof.is_empty()
            );
            return request.answer("401 Unauthorized", &[challenge]);
        }
        let expires: u64 = request.header("Expires").parse().unwrap();
        let contacts = request.header("Contact").split(", <").enumerate();
        for (number, contact) in contacts {
            let uri = contact.trim_start_matches('<').split('>').next().unwrap();
            if contact.ends_with(";expires=0") || expires == 0 {
                self.bindings.remove(uri);
            } else {
                assert_eq!(number, 0, "{contact}");
                let until = now + seconds(expires);
                self.bindings.insert(uri.to_owned(), (request.ids(), until));
            }
        }
        request.answer("200 OK", &[format!("Expires: {expires}")])
    }

    fn ids(&self, now: Duration) -> Vec<BTreeSet<String>> {
        let living = self.bindings.values().filter(|(_, until)| *until > now);
        living.map(|(ids, _)| ids.clone()).collect()
    }
}

struct World {
    agent: UserAgent,
    now: Duration,
    chance: Backoff,
    /// Of a thousand datagrams.
    lost: u64,
    doubled: u64,
    deaf_until: Duration,
    events: BTreeMap<(Duration, u64), Event>,
    next: u64,
    flow: Option<FlowId>,
    core: Core,
    tickets: u64,
    answered: BTreeSet<u64>,
    wanted: BTreeSet<String>,
    /// Pushes that came through, by their content, and how often.
    arrived: BTreeMap<String, usize>,
    pushes: u32,
    /// Pushes that were answered with success.
    confirmed: BTreeSet<u32>,
}

impl World {
    fn new(seed: u64, lost: u64, doubled: u64) -> Self {
        Self {
            agent: UserAgent::new(settings(), seed),
            now: seconds(10),
            chance: Backoff::new(seconds(1), seconds(1), seed),
            lost,
            doubled,
            deaf_until: Duration::ZERO,
            events: BTreeMap::new(),
            next: 0,
            flow: None,
            core: Core::default(),
            tickets: 0,
            answered: BTreeSet::new(),
            wanted: BTreeSet::new(),
            arrived: BTreeMap::new(),
            pushes: 0,
            confirmed: BTreeSet::new(),
        }
    }

    fn after(&mut self, wait: Duration, event: Event) {
        self.next += 1;
        self.events.insert((self.now + wait, self.next), event);
    }

    /// Gives an octet string to the network.
    fn travel(&mut self, event: &Event) {
        let copies = 1 + u64::from(self.chance.next() % 1000 < self.doubled);
        for _ in 0..copies {
            let lost = self.chance.next() % 1000 < self.lost;
            let delay = Duration::from_millis(5 + self.chance.next() % 400);
            if !lost && self.now >= self.deaf_until {
                self.after(delay, event.clone());
            }
        }
    }

    fn input(&mut self, input: AgentInput) {
        self.agent.handle_input(input, self.now);
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(output) = self.agent.poll_output() {
            match output {
                AgentOutput::OpenFlow { flow, .. } => {
                    self.after(Duration::from_millis(20), Event::Opened(flow));
                }
                AgentOutput::CloseFlow { flow } => {
                    self.flow = self.flow.filter(|open| *open != flow);
                    let opening = |event: &Event| matches!(event, Event::Opened(it) if *it == flow);
                    self.events.retain(|_, event| !opening(event));
                }
                AgentOutput::Transmit { flow, octets, .. } => {
                    assert_eq!(self.flow, Some(flow));
                    self.travel(&Event::ToCore(octets));
                }
                AgentOutput::Announced { ticket, reports } => {
                    assert!(self.answered.insert(ticket.0), "answered twice: {ticket:?}");
                    assert_eq!(reports.len(), 2);
                }
                AgentOutput::Push { ticket, push } => {
                    let content = String::from_utf8(push.message.content.to_vec()).unwrap();
                    *self.arrived.entry(content).or_default() += 1;
                    let wait = Duration::from_millis(self.chance.next() % 3000);
                    self.after(wait, Event::Judge(ticket));
                }
                _ => {}
            }
        }
        let due = self.agent.poll_timeout();
        assert!(
            due.is_none_or(|due| due > self.now),
            "{due:?} at {:?}",
            self.now
        );
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::ToCore(octets) if octets.starts_with(b"SIP/2.0 2") => {
                let response = Text::read(&octets);
                let call_id = response.header("Call-ID").strip_prefix('m');
                let number = call_id.and_then(|id| id.split('@').next()?.parse::<u32>().ok());
                self.confirmed.extend(number);
            }
            Event::ToCore(octets) if octets.starts_with(b"SIP/2.0 ") => {}
            Event::ToCore(octets) => {
                if let Some(answer) = self.core.take(&octets, self.now) {
                    self.travel(&Event::ToAgent(answer));
                }
            }
            Event::ToAgent(octets) => {
                if let Some(flow) = self.flow {
                    self.input(AgentInput::Datagram {
                        flow,
                        source: CORE.parse().unwrap(),
                        octets,
                        received: UnixMillis(9),
                    });
                }
            }
            Event::Opened(flow) => {
                self.flow = Some(flow);
                self.input(AgentInput::FlowOpened {
                    flow,
                    local: LOCAL.parse().unwrap(),
                    peer: CORE.parse().unwrap(),
                });
            }
            Event::Judge(push) => self.input(AgentInput::Judged {
                push,
                outcome: PushOutcome::Delivered,
            }),
            Event::Send(number, wait, end) => {
                if !self.confirmed.contains(&number) && self.now < end {
                    self.travel(&Event::ToAgent(message(number, "UDP")));
                    let next = (wait * 2).min(seconds(4)).max(Duration::from_millis(500));
                    self.after(next, Event::Send(number, next, end));
                }
            }
        }
    }

    fn act(&mut self, act: &Act) {
        match act {
            Act::Announce(numbers) => {
                self.tickets += 1;
                let names: Vec<_> = numbers.iter().map(|it| format!("app-{it}.ua")).collect();
                let names: Vec<_> = names.iter().map(String::as_str).collect();
                self.wanted = names.iter().map(|name| (*name).to_owned()).collect();
                self.input(AgentInput::Announce {
                    ticket: AnnounceTicket(self.tickets),
                    applications: ids(&names),
                    instances: BTreeSet::new(),
                    accept: BTreeSet::from(["text/plain".into()]),
                });
            }
            Act::Push => {
                self.pushes += 1;
                self.happen(Event::Send(
                    self.pushes,
                    Duration::ZERO,
                    self.now + seconds(31),
                ));
            }
            Act::CoreRestarts => {
                self.core = Core {
                    told: std::mem::take(&mut self.core.told),
                    ..Core::default()
                };
            }
            Act::Outage(time) => self.deaf_until = self.now + seconds(*time),
            Act::NetworkChanged => self.input(AgentInput::NetworkChanged),
        }
    }

    fn run(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            let event = self.events.keys().next().map(|(at, _)| *at);
            let due = self.agent.poll_timeout();
            let next = event.into_iter().chain(due).min();
            let Some(next) = next.filter(|next| *next <= end) else {
                break;
            };
            self.now = self.now.max(next);
            if due == Some(next) {
                self.agent.handle_timeout(self.now);
                self.drain();
            } else if let Some((_, event)) = self.events.pop_first() {
                self.happen(event);
            }
        }
        self.now = end;
    }
}

fn act() -> impl Strategy<Value = (u64, Act)> {
    let ids = prop::collection::btree_set(0..5_u8, 0..4);
    let act = prop_oneof![
        6 => ids.prop_map(|ids| Act::Announce(ids.into_iter().collect())),
        6 => Just(Act::Push),
        1 => Just(Act::CoreRestarts),
        1 => (1..100_u64).prop_map(Act::Outage),
        1 => Just(Act::NetworkChanged),
    ];
    (0..40_000_u64, act)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn everything_settles_whatever_the_network_did(
        acts in prop::collection::vec(act(), 1..25),
        seed in any::<u64>(),
        lost in 0..400_u64,
        doubled in 0..300_u64,
    ) {
        let mut world = World::new(seed, lost, doubled);
        let moved = acts.iter().any(|(_, act)| matches!(act, Act::NetworkChanged));
        for (wait, act) in acts {
            world.run(Duration::from_millis(wait));
            world.act(&act);
        }
        // The network is well from now on.
        world.lost = 0;
        world.deaf_until = Duration::ZERO;
        world.run(seconds(400));
        let states: Vec<_> = world.agent.views().into_iter().map(|view| view.state).collect();
        let ids = world.core.ids(world.now);
        if world.wanted.is_empty() {
            prop_assert!(ids.iter().all(BTreeSet::is_empty), "{:?}", ids);
            prop_assert_eq!(states, [SipServerState::Idle; 2]);
            prop_assert_eq!(world.agent.poll_timeout(), None);
        } else {
            prop_assert_eq!(&ids, &[world.wanted.clone()]);
            prop_assert_eq!(states, [SipServerState::Confirmed; 2]);
            // Where nobody is left, a Push Sender Agent that could not be told meanwhile is left with what it knows.
            prop_assert_eq!(&world.core.told, &world.wanted);
        }
        prop_assert_eq!(world.answered.len() as u64, world.tickets);
        for (content, times) in &world.arrived {
            prop_assert!(*times == 1 || moved, "{} came {} times", content, times);
        }
        for number in &world.confirmed {
            let content = format!("{number:05}");
            prop_assert!(world.arrived.contains_key(&content), "{} was lost", content);
        }

        world.input(AgentInput::Stop);
        world.run(seconds(5));
        prop_assert!(world.agent.is_idle());
        prop_assert_eq!(world.core.ids(world.now), Vec::<BTreeSet<String>>::new());
        world.run(seconds(40));
        prop_assert_eq!(world.agent.poll_timeout(), None);
    }
}
