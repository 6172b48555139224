//! A client and a server with a bad network between them: datagrams are lost, come twice, and in another order.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::Backoff;

/// One end, and the answers that its user owes.
struct End {
    machine: Transactions,
    address: SocketAddr,
    owed: Vec<(Duration, ServerId, Request)>,
}

struct World {
    now: Duration,
    chance: Backoff,
    loss: u64,
    /// Arrival, order, receiver, octets.
    on_the_way: BTreeMap<(Duration, u64), (usize, SocketAddr, Bytes)>,
    sent: u64,
    ends: [End; 2],
    asked: BTreeMap<ClientId, String>,
    given_up: BTreeMap<String, u32>,
    answered: BTreeMap<ClientId, u32>,
    ended: BTreeMap<ClientId, u32>,
}

impl World {
    fn new(seed: u64, loss: u64) -> Self {
        let end = |text: &str, seed| End {
            machine: Transactions::new(TransactionSettings::default(), 5, seed),
            address: address(text),
            owed: Vec::new(),
        };
        Self {
            now: Duration::from_secs(1),
            chance: Backoff::new(Duration::ZERO, Duration::ZERO, seed),
            loss,
            on_the_way: BTreeMap::new(),
            sent: 0,
            ends: [end(LOCAL, seed), end(PEER, seed + 1)],
            asked: BTreeMap::new(),
            given_up: BTreeMap::new(),
            answered: BTreeMap::new(),
            ended: BTreeMap::new(),
        }
    }

    fn roll(&mut self, sides: u64) -> u64 {
        self.chance.next() % sides
    }

    fn ask(&mut self, number: u32) {
        let request = Request::new(Method::Message, "sip:terminal@192.0.2.1")
            .unwrap()
            .header("From", "<sip:a@example.net>;tag=1")
            .header("To", "<sip:b@example.net>")
            .header("Call-ID", &format!("call-{number}"))
            .cseq(number)
            .build();
        let route = way(Transport::Udp);
        let id = self.ends[0]
            .machine
            .send(&request, address(LOCAL), route, self.now);
        self.asked.insert(id, format!("call-{number}"));
        self.flush(0);
    }

    /// Lets everything that an end says take its way.
    fn flush(&mut self, end: usize) {
        while let Some(event) = self.ends[end].machine.poll() {
            match event {
                TransactionEvent::Transmit { route, octets } => {
                    let to = 1 - end;
                    assert_eq!(route.peer, self.ends[to].address);
                    let copies = match self.roll(100) {
                        roll if roll < self.loss => 0,
                        roll if roll > 90 => 2,
                        _ => 1,
                    };
                    for _ in 0..copies {
                        let at = self.now + Duration::from_millis(1 + self.roll(900));
                        self.sent += 1;
                        let from = self.ends[end].address;
                        self.on_the_way
                            .insert((at, self.sent), (to, from, octets.clone()));
                    }
                }
                TransactionEvent::Request { id, request, .. } => {
                    *self
                        .given_up
                        .entry(request.call_id().to_owned())
                        .or_default() += 1;
                    let at = self.now + Duration::from_millis(self.roll(3_000));
                    self.ends[end].owed.push((at, id, request));
                }
                TransactionEvent::Response { id, response } => {
                    assert_eq!(self.asked[&id], response.call_id());
                    if response.status() >= 200 {
                        assert_eq!(response.status(), 202);
                        *self.answered.entry(id).or_default() += 1;
                    }
                }
                TransactionEvent::Ended { id, why } => {
                    assert_eq!(why, Unanswered::TimedOut);
                    *self.ended.entry(id).or_default() += 1;
                }
                TransactionEvent::Noted(SipNote::Stray) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// Goes to the next thing that happens; whether there is one.
    fn step(&mut self) -> bool {
        let timers = self
            .ends
            .iter()
            .filter_map(|end| end.machine.poll_timeout());
        let owed = self
            .ends
            .iter()
            .flat_map(|end| end.owed.iter().map(|(at, ..)| *at));
        let arrivals = self.on_the_way.keys().next().map(|(at, _)| *at);
        let Some(next) = timers.chain(owed).chain(arrivals).min() else {
            return false;
        };
        self.now = self.now.max(next);
        while let Some(first) = self.on_the_way.first_entry() {
            if first.key().0 > self.now {
                break;
            }
            let (to, from, octets) = first.remove();
            let route = Route {
                peer: from,
                ..way(Transport::Udp)
            };
            let incoming = parse_datagram(&octets, &LIMITS).unwrap();
            self.ends[to]
                .machine
                .incoming(incoming, route, UnixMillis(1), self.now);
            self.flush(to);
        }
        for end in 0..2 {
            let now = self.now;
            let (due, later) = std::mem::take(&mut self.ends[end].owed)
                .into_iter()
                .partition(|(at, ..)| *at <= now);
            self.ends[end].owed = later;
            let due: Vec<(Duration, ServerId, Request)> = due;
            for (_, id, request) in due {
                let response = reply(&request, 202, Some("t")).build();
                self.ends[end].machine.respond(id, &response, now);
            }
            self.ends[end].machine.handle_timeout(now);
            self.flush(end);
        }
        true
    }
}

#[test]
fn each_request_is_given_up_once_and_answered_once() {
    let mut timed_out = 0;
    for seed in 0..40 {
        let mut world = World::new(
            seed * 1_000,
            [0, 20, 45, 70][usize::try_from(seed % 4).unwrap()],
        );
        for number in 1..=25 {
            world.ask(number);
            for _ in 0..world.roll(6) {
                world.step();
            }
        }
        while world.step() {}
        assert!(
            world.given_up.values().all(|times| *times == 1),
            "{:?}",
            world.given_up
        );
        let settled: BTreeSet<_> = world.answered.keys().chain(world.ended.keys()).collect();
        assert_eq!(settled, world.asked.keys().collect());
        assert_eq!(
            world.answered.len() + world.ended.len(),
            25,
            "an answer or an end, and not both"
        );
        assert!(
            world
                .answered
                .values()
                .chain(world.ended.values())
                .all(|times| *times == 1)
        );
        if world.loss < 30 {
            assert_eq!(world.answered.len(), 25);
        }
        timed_out += world.ended.len();
        for end in &world.ends {
            assert!(end.machine.clients.all.is_empty() && end.machine.servers.all.is_empty());
        }
    }
    assert!(timed_out > 0, "the worst network loses some");
}
