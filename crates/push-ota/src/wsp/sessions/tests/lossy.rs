//! A gateway of raw octets over a link that loses one of each three datagrams in each direction, by a virtual clock. Chance says which
//! of the three: were it always the third, repetitions at fixed intervals would fall on it for ever.

use std::collections::{BTreeMap, VecDeque};

use super::*;

const LATENCY: Duration = Duration::from_millis(20);
const JUDGING: Duration = Duration::from_millis(50);
const RETRY: Duration = Duration::from_secs(4);
/// More than a gateway has, so that it is not for chance to say whether one gives up: with a verification four datagrams in a row have to
/// arrive, which they do one time in five, and of the pushes of many runs one has twenty times no luck.
const MOST_ATTEMPTS: u32 = 80;
const PUSHES: u64 = 200;

/// What a gateway sends until it is answered.
struct Unanswered {
    octets: Vec<u8>,
    next: Duration,
    attempts: u32,
    /// The push, unless it is the result of a Connect.
    push: Option<u64>,
}

/// One session, as its gateway has it.
#[derive(Default)]
struct GatewaySession {
    id: u8,
    next_tid: u16,
    unanswered: BTreeMap<u16, Unanswered>,
    ended: bool,
}

/// A gateway: it pushes on the session that was opened last.
#[derive(Default)]
struct Gateway {
    sessions: BTreeMap<SocketId, GatewaySession>,
    newest: Option<SocketId>,
    last_id: u8,
    waiting: VecDeque<u64>,
    acknowledged: BTreeMap<u64, u32>,
    given_up: Vec<u64>,
}

impl Gateway {
    fn take(&mut self, socket: SocketId, datagram: &[u8], now: Duration) -> Vec<Vec<u8>> {
        let mut answers = Vec::new();
        for read in octets::read(datagram) {
            match read {
                Read::Invoke(tid, 2, message) if message[0] == 0x01 => {
                    answers.extend(self.connect(socket, tid, now));
                }
                Read::Invoke(_, 0, message) if message[0] == 0x05 => {
                    let session = self.sessions.get_mut(&socket).unwrap();
                    assert_eq!(message[1], session.id);
                    session.ended = true;
                    // Whatever was not answered in it would be sent again in another one.
                    let left = std::mem::take(&mut session.unanswered);
                    self.given_up
                        .extend(left.into_values().filter_map(|one| one.push));
                }
                Read::Ack(tid, true) => {
                    let session = self.sessions.get(&socket);
                    let is_mine = session.is_some_and(|one| one.unanswered.contains_key(&tid));
                    answers.push(if is_mine {
                        octets::tid_ok(tid & 0x7FFF)
                    } else {
                        octets::invalid_tid(tid & 0x7FFF)
                    });
                }
                Read::Ack(tid, false) => {
                    // The top bit says whose transaction it is.
                    if let Some(one) = self.answered(socket, tid)
                        && let Some(push) = one.push
                    {
                        *self.acknowledged.entry(push).or_default() += 1;
                    }
                }
                // The push came before the session stood, which took too long: it is for another transaction.
                Read::Abort(tid, ..) => {
                    let one = self.answered(socket, tid);
                    self.waiting.extend(one.and_then(|one| one.push));
                }
                other @ (Read::Invoke(..) | Read::NegativeAck(_)) => panic!("{other:?}"),
            }
        }
        answers
    }

    fn answered(&mut self, socket: SocketId, tid: u16) -> Option<Unanswered> {
        self.sessions.get_mut(&socket)?.unanswered.remove(&tid)
    }

    fn connect(&mut self, socket: SocketId, tid: u16, now: Duration) -> Option<Vec<u8>> {
        if self.sessions.contains_key(&socket) {
            return None;
        }
        self.last_id += 1;
        let reply = octets::connect_reply(self.last_id, 0xE0);
        let result = octets::result(tid, false, &reply);
        let mut session = GatewaySession {
            id: self.last_id,
            next_tid: 1,
            ..GatewaySession::default()
        };
        let unanswered = Unanswered {
            octets: octets::result(tid, true, &reply),
            next: now + RETRY,
            attempts: 1,
            push: None,
        };
        session.unanswered.insert(tid, unanswered);
        self.sessions.insert(socket, session);
        self.newest = Some(socket);
        Some(result)
    }

    /// What is sent at this time: what was not answered, and pushes within the Push-MOR.
    fn send(&mut self, now: Duration) -> Vec<(SocketId, Vec<u8>)> {
        let mut sent = Vec::new();
        for (socket, session) in &mut self.sessions {
            for one in session
                .unanswered
                .values_mut()
                .filter(|one| one.next <= now)
            {
                one.next = now + RETRY;
                one.attempts += 1;
                assert!(
                    one.attempts < MOST_ATTEMPTS,
                    "a gateway would have given up: {socket:?} {:02X?} {:?} {now:?}",
                    one.octets,
                    one.push
                );
                sent.push((*socket, one.octets.clone()));
            }
        }
        let Some(socket) = self.newest else {
            return sent;
        };
        let session = self.sessions.get_mut(&socket).unwrap();
        let pushes = |session: &GatewaySession| {
            session
                .unanswered
                .values()
                .filter(|one| one.push.is_some())
                .count()
        };
        while !session.ended && pushes(session) < 4 {
            let Some(push) = self.waiting.pop_front() else {
                break;
            };
            let tid = session.next_tid;
            session.next_tid += 1;
            let message = octets::push(true, &[], &push.to_be_bytes());
            let unanswered = Unanswered {
                octets: octets::invoke(tid, 1, 0, true, &message),
                next: now + RETRY,
                attempts: 1,
                push: Some(push),
            };
            session.unanswered.insert(tid | 0x8000, unanswered);
            sent.push((socket, octets::invoke(tid, 1, 0, false, &message)));
        }
        sent
    }

    fn next(&self) -> Option<Duration> {
        let sessions = self.sessions.values();
        sessions
            .flat_map(|session| session.unanswered.values().map(|one| one.next))
            .min()
    }
}

/// What happens at a time.
enum Event {
    ToTerminal(SocketId, Vec<u8>),
    ToGateway(SocketId, Vec<u8>),
    Judged(SessionPushTicket),
}

/// Both sides, with the link between them.
struct World {
    sessions: Sessions,
    gateway: Gateway,
    now: Duration,
    events: BTreeMap<(Duration, u64), Event>,
    count: u64,
    /// Datagrams to the terminal and to the gateway.
    sent: [u64; 2],
    /// Which one of those that come next is lost.
    lost: [u64; 2],
    chance: Backoff,
    lose_every: u64,
    given: BTreeMap<u64, u32>,
    transactions: BTreeSet<push_message::TransactionId>,
    confirmed: u64,
}

impl World {
    fn at(&mut self, after: Duration, event: Event) {
        self.count += 1;
        self.events.insert((self.now + after, self.count), event);
    }

    fn send(&mut self, event: Event) {
        let direction = usize::from(matches!(event, Event::ToGateway(..)));
        let sent = self.sent[direction];
        self.sent[direction] += 1;
        if sent.is_multiple_of(self.lose_every.max(1)) {
            self.lost[direction] = sent + self.chance.next() % self.lose_every.max(1);
        }
        if self.lose_every == 0 || self.lost[direction] != sent {
            self.at(LATENCY, event);
        }
    }

    fn input(&mut self, input: SessionsInput) {
        self.sessions.handle_input(input, self.now);
    }

    fn announce(&mut self, ticket: u64, applications: &[&str]) {
        self.input(SessionsInput::Announce {
            ticket: AnnounceTicket(ticket),
            applications: ids(applications.iter().copied()),
            accept: BTreeSet::new(),
            asked_for: false,
        });
    }

    fn drain(&mut self) {
        while let Some(output) = self.sessions.poll_output() {
            match output {
                SessionsOutput::OpenSocket { socket, contact } => {
                    let result = Ok(peer_of(&contact));
                    self.input(SessionsInput::SocketOpened { socket, result });
                }
                SessionsOutput::Transmit { socket, octets } => {
                    self.send(Event::ToGateway(socket, octets.into()));
                }
                SessionsOutput::Push { ticket, push } => {
                    let number = u64::from_be_bytes(push.message.content[..].try_into().unwrap());
                    *self.given.entry(number).or_default() += 1;
                    assert!(self.transactions.insert(push.origin.transaction));
                    self.at(JUDGING, Event::Judged(ticket));
                }
                SessionsOutput::Announced { reports, .. } => {
                    let states = reports.iter().map(|report| report.state);
                    self.confirmed += states
                        .filter(|state| *state == GatewayState::Confirmed)
                        .count() as u64;
                }
                SessionsOutput::CloseSocket { .. } | SessionsOutput::Noted(_) => {}
            }
        }
    }

    /// Lets the next thing happen.
    fn step(&mut self) {
        for (socket, octets) in self.gateway.send(self.now) {
            self.send(Event::ToTerminal(socket, octets));
        }
        self.drain();
        let event = self.events.keys().next().map(|(at, _)| *at);
        let times = [event, self.sessions.poll_timeout(), self.gateway.next()];
        let next = times.into_iter().flatten().min().unwrap_or_else(|| {
            panic!(
                "{:?} {:?} {:?}",
                self.sessions.views(),
                self.gateway.acknowledged.len(),
                self.confirmed
            )
        });
        assert!(next >= self.now || self.sessions.poll_timeout() == Some(next));
        self.now = self.now.max(next);
        if self
            .sessions
            .poll_timeout()
            .is_some_and(|at| at <= self.now)
        {
            self.sessions.handle_timeout(self.now);
        }
        let now = (self.now, u64::MAX);
        let due: Vec<_> = self.events.range(..=now).map(|(key, _)| *key).collect();
        for key in due {
            match self.events.remove(&key).unwrap() {
                Event::ToTerminal(socket, octets) => self.input(SessionsInput::Datagram {
                    socket,
                    octets: octets.into(),
                    received: UnixMillis(0),
                }),
                Event::ToGateway(socket, octets) => {
                    for answer in self.gateway.take(socket, &octets, self.now) {
                        self.send(Event::ToTerminal(socket, answer));
                    }
                }
                Event::Judged(push) => self.input(SessionsInput::Judged {
                    push,
                    outcome: PushOutcome::Accepted,
                }),
            }
        }
        self.drain();
    }
}

fn run(lose_every: u64, seed: u64) -> World {
    let settings = SessionsSettings {
        gateways: vec![gateway(1, Start::Always)],
        announce_patience: SECOND * 45,
        // As long as this gateway tries.
        linger: RETRY * MOST_ATTEMPTS,
        ..SessionsSettings::default()
    };
    let mut world = World {
        sessions: Sessions::new(settings, 11),
        gateway: Gateway {
            waiting: (0..PUSHES).collect(),
            ..Gateway::default()
        },
        now: SECOND,
        events: BTreeMap::new(),
        count: 0,
        sent: [0, 0],
        lost: [0, 0],
        chance: Backoff::new(SECOND, SECOND, seed),
        lose_every,
        given: BTreeMap::new(),
        transactions: BTreeSet::new(),
        confirmed: 0,
    };
    world.announce(0, &[MMS]);
    world.drain();
    let sets: [&[&str]; 4] = [&[MMS, METER], &[MMS], &[WML, METER], &[MMS]];
    for (set, ticket) in sets.into_iter().zip(1..) {
        while (world.gateway.acknowledged.len() as u64) < PUSHES * ticket / 5 {
            world.step();
        }
        world.announce(ticket, set);
    }
    while (world.gateway.acknowledged.len() as u64) < PUSHES || world.confirmed < 5 {
        world.step();
    }
    // What is left of the old sessions ends.
    let end = world.now + RETRY * MOST_ATTEMPTS * 3;
    while world.now < end && world.sessions.poll_timeout().is_some() {
        world.step();
    }
    world
}

#[test]
fn each_push_is_given_once_and_acknowledged_over_a_link_that_loses_every_third_datagram() {
    // Among them gateways that repeat for longer than a transaction is remembered that has ended.
    for (lose_every, seed) in [(0, 0), (7, 1)]
        .into_iter()
        .chain((2..60).map(|seed| (3, seed)))
    {
        let world = run(lose_every, seed);
        assert_eq!(world.given.len() as u64, PUSHES, "{lose_every}");
        assert!(
            world.given.values().all(|count| *count == 1),
            "{:?}",
            world.given
        );
        assert_eq!(world.gateway.acknowledged.len() as u64, PUSHES);
        assert_eq!(world.gateway.given_up, [] as [u64; 0]);
        assert_eq!(world.confirmed, 5, "every announcement is confirmed");
        let stands = world
            .gateway
            .sessions
            .values()
            .filter(|session| !session.ended)
            .count();
        assert!(stands >= 1);
        assert_eq!(world.sessions.views()[0].pushes, PUSHES);
    }
}

#[test]
fn equal_worlds_have_equal_histories() {
    let (one, other) = (run(3, 9), run(3, 9));
    assert_eq!(
        (one.now, one.sent, one.count),
        (other.now, other.sent, other.count)
    );
}
