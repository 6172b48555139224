//! A terminal and a gateway over a network that loses, doubles, delays and reorders datagrams, on a virtual clock.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::super::{Class, Output, Settings, TransactionHandle, Verification, Wtp};
use super::{MILLISECOND, PEER, SECOND};

/// Chance, the same for the same seed.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: u64) -> u64 {
        // xorshift64*
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % bound
    }

    fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    fn milliseconds(&mut self, bound: u64) -> Duration {
        MILLISECOND * u32::try_from(self.below(bound + 1)).unwrap()
    }
}

#[derive(Clone, Copy)]
enum Loss {
    Percent(u64),
    /// Each n-th datagram, whatever its direction.
    Each(u64),
}

/// What the network does to datagrams.
#[derive(Clone, Copy)]
struct Weather {
    loss: Loss,
    /// Of datagrams that are doubled, in percent.
    doubled: u64,
    /// The most milliseconds that a datagram takes.
    delay: u64,
}

struct Network {
    weather: Weather,
    chance: Chance,
    sent: u64,
    /// By time of arrival: for the terminal or the gateway.
    under_way: BTreeMap<(Duration, u64), (bool, Vec<u8>)>,
}

impl Network {
    fn send(&mut self, to_terminal: bool, octets: &[u8], now: Duration) {
        let copies = if self.chance.percent(self.weather.doubled) {
            2
        } else {
            1
        };
        for _ in 0..copies {
            self.sent += 1;
            let lost = match self.weather.loss {
                Loss::Percent(percent) => self.chance.percent(percent),
                Loss::Each(each) => self.sent.is_multiple_of(each),
            };
            if !lost {
                let at = now + self.chance.milliseconds(self.weather.delay);
                self.under_way
                    .insert((at, self.sent), (to_terminal, octets.to_vec()));
            }
        }
    }
}

/// The other side.
trait Gateway {
    /// Begins the next push, if one is due.
    fn push(&mut self, data: &[u8], now: Duration);
    fn receive(&mut self, octets: &[u8], now: Duration);
    fn next(&self) -> Option<Duration>;
    fn timeout(&mut self, now: Duration);
    fn sent(&mut self) -> Vec<Vec<u8>>;
    /// The pushes that were confirmed.
    fn confirmed(&self) -> &BTreeSet<Vec<u8>>;
    /// The pushes that were given up.
    fn given_up(&self) -> &BTreeSet<Vec<u8>>;
}

/// A gateway that counts its TIDs.
struct Counting {
    wtp: Wtp,
    pushes: BTreeMap<TransactionHandle, Vec<u8>>,
    confirmed: BTreeSet<Vec<u8>>,
    given_up: BTreeSet<Vec<u8>>,
}

impl Counting {
    fn new(first_tid: u16, settings: Settings) -> Self {
        Self {
            wtp: Wtp::new(settings, first_tid),
            pushes: BTreeMap::new(),
            confirmed: BTreeSet::new(),
            given_up: BTreeSet::new(),
        }
    }
}

impl Gateway for Counting {
    fn push(&mut self, data: &[u8], now: Duration) {
        let class = Class::ReliableInvoke;
        let handle = self
            .wtp
            .invoke(PEER, class, true, data.into(), now)
            .unwrap();
        self.pushes.insert(handle, data.to_vec());
    }

    fn receive(&mut self, octets: &[u8], now: Duration) {
        self.wtp.handle_datagram(PEER, octets, now);
    }

    fn next(&self) -> Option<Duration> {
        self.wtp.poll_timeout()
    }

    fn timeout(&mut self, now: Duration) {
        self.wtp.handle_timeout(now);
    }

    fn sent(&mut self) -> Vec<Vec<u8>> {
        let mut sent = Vec::new();
        while let Some(output) = self.wtp.poll_output() {
            match output {
                Output::Transmit { octets, .. } => sent.push(octets.into()),
                Output::InvokeConfirmed { handle } => {
                    self.confirmed.extend(self.pushes.remove(&handle));
                }
                Output::Aborted { handle, .. } => {
                    self.given_up.extend(self.pushes.remove(&handle));
                }
                Output::Invoked { .. } | Output::ResultIndicated { .. } => {
                    panic!("the terminal begins nothing: {output:?}")
                }
            }
        }
        sent
    }

    fn confirmed(&self) -> &BTreeSet<Vec<u8>> {
        &self.confirmed
    }

    fn given_up(&self) -> &BTreeSet<Vec<u8>> {
        &self.given_up
    }
}

/// A gateway as Kannel is: TID 0 and `TIDnew` for every push, one after the other; written by hand.
#[derive(Default)]
struct AlwaysZero {
    /// The push under way: its octets, how often it was sent, when it is sent again, whether its TID was confirmed.
    under_way: Option<(Vec<u8>, u8, Duration, bool)>,
    sent: Vec<Vec<u8>>,
    confirmed: BTreeSet<Vec<u8>>,
    given_up: BTreeSet<Vec<u8>>,
}

impl AlwaysZero {
    fn invoke(data: &[u8], again: u8) -> Vec<u8> {
        [&[0x0E | again, 0, 0, 0x31], data].concat()
    }
}

impl Gateway for AlwaysZero {
    fn push(&mut self, data: &[u8], now: Duration) {
        assert_eq!(self.under_way, None);
        self.sent.push(Self::invoke(data, 0));
        self.under_way = Some((data.to_vec(), 0, now + SECOND * 4, false));
    }

    fn receive(&mut self, octets: &[u8], _: Duration) {
        match (octets, &mut self.under_way) {
            ([0x1C | 0x1D, 0x80, 0], Some((_, _, _, asked))) => {
                *asked = true;
                self.sent.push(vec![0x1D, 0, 0]);
            }
            ([0x1C | 0x1D, 0x80, 0], None) => self.sent.push(vec![0x20, 0, 0, 2]),
            ([0x18 | 0x19, 0x80, 0], Some(_)) => {
                self.confirmed
                    .extend(self.under_way.take().map(|(data, ..)| data));
            }
            ([0x18 | 0x19, 0x80, 0], None) => {}
            _ => panic!("{octets:02X?}"),
        }
    }

    fn next(&self) -> Option<Duration> {
        self.under_way.as_ref().map(|(_, _, at, _)| *at)
    }

    fn timeout(&mut self, now: Duration) {
        if let Some((data, times, at, asked)) =
            self.under_way.as_mut().filter(|(_, _, at, _)| *at <= now)
        {
            if *times == 8 {
                self.given_up.insert(data.clone());
                self.under_way = None;
                return;
            }
            *times += 1;
            *at = now + SECOND * 4;
            let again = if *asked {
                vec![0x1D, 0, 0]
            } else {
                Self::invoke(data, 1)
            };
            self.sent.push(again);
        }
    }

    fn sent(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.sent)
    }

    fn confirmed(&self) -> &BTreeSet<Vec<u8>> {
        &self.confirmed
    }

    fn given_up(&self) -> &BTreeSet<Vec<u8>> {
        &self.given_up
    }
}

/// How often each push was indicated.
struct Outcome<G> {
    indicated: BTreeMap<Vec<u8>, u32>,
    gateway: G,
}

/// Sends pushes, one `gap` after the other, until nothing is under way any more.
fn run<G: Gateway>(
    mut gateway: G,
    settings: &Settings,
    weather: Weather,
    seed: u64,
    pushes: &[Vec<u8>],
    gap: Duration,
) -> Outcome<G> {
    let mut terminal = Wtp::new(settings.clone(), 0);
    let mut network = Network {
        weather,
        chance: Chance(seed * 2 + 1),
        sent: 0,
        under_way: BTreeMap::new(),
    };
    let mut indicated = BTreeMap::new();
    // When the terminal's user responds, and to what.
    let mut responses = BTreeSet::new();
    let mut due: BTreeMap<Duration, &Vec<u8>> = BTreeMap::new();
    for (number, push) in (1_u32..).zip(pushes) {
        due.insert(gap * number, push);
    }
    let mut now = Duration::ZERO;
    for _ in 0..1_000_000 {
        while let Some(output) = terminal.poll_output() {
            match output {
                Output::Transmit { octets, .. } => network.send(false, &octets, now),
                Output::Invoked { handle, data, .. } => {
                    *indicated.entry(data.into_vec()).or_default() += 1;
                    responses.insert((now + network.chance.milliseconds(3000), handle));
                }
                Output::Aborted { .. } => {}
                Output::InvokeConfirmed { .. } | Output::ResultIndicated { .. } => {
                    panic!("the terminal begins nothing: {output:?}")
                }
            }
        }
        for octets in gateway.sent() {
            network.send(true, &octets, now);
        }
        assert!(terminal.transactions() <= settings.max_transactions);
        let times = [
            network.under_way.keys().next().map(|(at, _)| *at),
            responses.first().map(|(at, _)| *at),
            due.keys().next().copied(),
            terminal.poll_timeout(),
            gateway.next(),
        ];
        let Some(at) = times.into_iter().flatten().min() else {
            return Outcome { indicated, gateway };
        };
        now = at.max(now);
        terminal.handle_timeout(now);
        gateway.timeout(now);
        if let Some(push) = due.remove(&now) {
            gateway.push(push, now);
        }
        if let Some((at, handle)) = responses.first().copied()
            && at <= now
        {
            responses.pop_first();
            terminal.respond(handle, now);
        }
        if let Some(((at, _), _)) = network.under_way.first_key_value()
            && *at <= now
            && let Some((_, (to_terminal, octets))) = network.under_way.pop_first()
        {
            if to_terminal {
                terminal.handle_datagram(PEER, &octets, now);
            } else {
                gateway.receive(&octets, now);
            }
        }
    }
    panic!("something goes on for ever");
}

fn numbered(count: u16) -> Vec<Vec<u8>> {
    (0..count)
        .map(|number| [b"push ", &number.to_be_bytes()[..]].concat())
        .collect()
}

const BAD: Weather = Weather {
    loss: Loss::Percent(15),
    doubled: 15,
    delay: 1500,
};

fn each_once<G: Gateway>(outcome: &Outcome<G>, pushes: &[Vec<u8>], what: &str) {
    let confirmed = outcome.gateway.confirmed();
    assert_eq!(
        confirmed.len(),
        pushes.len(),
        "{what}: some were not confirmed"
    );
    for push in pushes {
        let times = outcome.indicated.get(push).copied().unwrap_or_default();
        assert_eq!(times, 1, "{what}: {push:02X?} was indicated {times} times");
    }
}

#[test]
fn each_push_is_indicated_once_and_confirmed_over_a_bad_network() {
    for seed in 0..60 {
        let pushes = numbered(20);
        // Around the end of the TIDs, and several at a time.
        let gateway = Counting::new(0x7FF5, Settings::default());
        let gap = SECOND / 2;
        let outcome = run(gateway, &Settings::default(), BAD, seed, &pushes, gap);
        each_once(&outcome, &pushes, &format!("seed {seed}"));
    }
}

#[test]
fn each_push_is_indicated_once_where_every_third_datagram_is_lost() {
    for (seed, delay) in (0..20).flat_map(|seed| [(seed, 0), (seed, 1500)]) {
        let weather = Weather {
            loss: Loss::Each(3),
            doubled: 0,
            delay,
        };
        let pushes = numbered(10);
        let gateway = Counting::new(1, Settings::default());
        // One after the other: among several at a time one may have no luck as often as it is sent.
        let gap = SECOND * 45;
        let outcome = run(gateway, &Settings::default(), weather, seed, &pushes, gap);
        each_once(&outcome, &pushes, &format!("seed {seed}, delay {delay}"));
    }
}

#[test]
fn each_large_push_is_indicated_once_and_confirmed_over_a_bad_network() {
    let small = Settings {
        max_datagram: 104,
        ..Settings::default()
    };
    for seed in 0..30 {
        let pushes: Vec<_> = (0_u8..4).map(|number| vec![number; 2600]).collect();
        let gateway = Counting::new(0x7FFE, small.clone());
        let outcome = run(gateway, &Settings::default(), BAD, seed, &pushes, SECOND);
        each_once(&outcome, &pushes, &format!("seed {seed}"));
    }
}

#[test]
fn each_push_is_indicated_once_where_all_are_verified() {
    let always = Settings {
        verification: Verification::Always,
        ..Settings::default()
    };
    for seed in 0..30 {
        let pushes = numbered(10);
        let gateway = Counting::new(100, Settings::default());
        let outcome = run(gateway, &always, BAD, seed, &pushes, SECOND);
        each_once(&outcome, &pushes, &format!("seed {seed}"));
    }
}

/// What a gateway did not get confirmed it gave up, and never was a push indicated twice.
#[test]
fn in_a_storm_nothing_is_indicated_twice() {
    let storm = Weather {
        loss: Loss::Percent(50),
        doubled: 40,
        delay: 10_000,
    };
    for seed in 0..40 {
        let pushes = numbered(20);
        let gateway = Counting::new(0x7FF0, Settings::default());
        let outcome = run(gateway, &Settings::default(), storm, seed, &pushes, SECOND);
        assert!(
            outcome.indicated.values().all(|&times| times == 1),
            "seed {seed}"
        );
        let gateway = &outcome.gateway;
        assert_eq!(gateway.confirmed().len() + gateway.given_up().len(), 20);
        let indicated = |push: &Vec<u8>| outcome.indicated.contains_key(push);
        assert!(gateway.confirmed().iter().all(indicated), "seed {seed}");
    }
}

#[test]
fn each_push_of_a_gateway_that_does_not_count_is_indicated_once() {
    for (seed, loss) in (0..40).flat_map(|seed| {
        [Loss::Percent(15), Loss::Each(3), Loss::Percent(0)].map(|loss| (seed, loss))
    }) {
        let weather = Weather {
            loss,
            doubled: 0,
            delay: 1500,
        };
        let pushes = numbered(10);
        // It waits for the end of one before it begins the next.
        let gap = SECOND * 45;
        let gateway = AlwaysZero::default();
        let outcome = run(gateway, &Settings::default(), weather, seed, &pushes, gap);
        each_once(&outcome, &pushes, &format!("seed {seed}"));
    }
}

#[test]
fn equal_pushes_of_a_gateway_that_does_not_count_all_come() {
    let fair = Weather {
        loss: Loss::Percent(0),
        doubled: 0,
        delay: 500,
    };
    let pushes = vec![b"same".to_vec(); 5];
    let gateway = AlwaysZero::default();
    let outcome = run(gateway, &Settings::default(), fair, 1, &pushes, SECOND * 8);
    assert_eq!(outcome.indicated.get(&pushes[0]), Some(&5));
}

#[test]
fn no_push_of_a_gateway_that_does_not_count_is_missed_where_datagrams_are_doubled() {
    for seed in 0..40 {
        let pushes = numbered(10);
        let gateway = AlwaysZero::default();
        let outcome = run(
            gateway,
            &Settings::default(),
            BAD,
            seed,
            &pushes,
            SECOND * 45,
        );
        for push in outcome.gateway.confirmed() {
            assert!(
                outcome.indicated.contains_key(push),
                "seed {seed}: {push:02X?}"
            );
        }
        assert!(outcome.gateway.given_up().len() <= 1, "seed {seed}");
    }
}
