//! Telling a push that comes again from a new one.
//!
//! HTTP names no transaction, and equal content is a new push. So each request is a transmission of its own, but for one
//! case: the connection broke before the gateway had the answer ([`Receipts`](super::receipts::Receipts) tells). It cannot know
//! what became of that push and sends it again; what has the same octets from the same address in a while after is that.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hyper::HeaderMap;
use push_message::UnixMillis;

/// What a transmission is called: octets of this start, and a number.
pub(super) type Transaction = [u8; 16];

/// A hash over everything that makes two pushes the same to the terminal. Its key is known to nobody, so that nobody can
/// search for two that look alike.
pub(super) type Digest = u64;

/// The pushes whose answer may not have come.
#[derive(Debug)]
pub(super) struct Transmissions {
    start: [u8; 8],
    /// Odd, and known to nobody.
    key: u64,
    next: AtomicU64,
    most: usize,
    lifetime: Duration,
    unanswered: Mutex<VecDeque<Unanswered>>,
    /// How many there are, to be looked at without a lock: mostly none.
    count: AtomicU64,
}

#[derive(Debug)]
struct Unanswered {
    peer: IpAddr,
    octets: Digest,
    transaction: Transaction,
    until: Duration,
}

impl Transmissions {
    /// `start` is chance that differs from start to start, `key` chance that nobody else knows. The numbers begin with the time,
    /// so that those of a later start are greater: what counts up is remembered at less cost.
    pub(super) fn new(
        start: [u8; 8],
        key: [u8; 8],
        began: UnixMillis,
        most: usize,
        lifetime: Duration,
    ) -> Self {
        Self {
            start,
            key: u64::from_ne_bytes(key) | 1,
            next: AtomicU64::new((began.0 / 1_000) << 20),
            most,
            lifetime,
            unanswered: Mutex::default(),
            count: AtomicU64::new(0),
        }
    }

    /// The hash of a push.
    pub(super) fn digest(&self, headers: &HeaderMap, body: &[u8]) -> Digest {
        let mut hash = KeyedHash::new(self.key);
        for (name, value) in headers {
            let name = name.as_str();
            if belongs_to_push(name) {
                hash.field(name.as_bytes());
                hash.field(value.as_bytes());
            }
        }
        hash.field(body);
        hash.state
    }

    /// What a push is called that has just come: its former name, if it comes again.
    pub(super) fn name(&self, peer: IpAddr, octets: Digest, now: Duration) -> Transaction {
        if self.count.load(Ordering::Relaxed) > 0
            && let Some(transaction) = self.recall(peer, octets, now)
        {
            return transaction;
        }
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let mut transaction = [0; 16];
        let (start, counted) = transaction.split_at_mut(8);
        start.copy_from_slice(&self.start);
        counted.copy_from_slice(&number.to_be_bytes());
        transaction
    }

    /// The answer to a push may not have come.
    pub(super) fn remember(
        &self,
        peer: IpAddr,
        octets: Digest,
        transaction: Transaction,
        now: Duration,
    ) {
        let mut unanswered = self.lock();
        if unanswered.len() >= self.most {
            unanswered.pop_front();
        }
        if self.most > 0 {
            unanswered.push_back(Unanswered {
                peer,
                octets,
                transaction,
                until: now + self.lifetime,
            });
        }
        self.count.store(unanswered.len() as u64, Ordering::Relaxed);
    }

    /// The answer has come after all.
    pub(super) fn forget(&self, transaction: &Transaction) {
        let mut unanswered = self.lock();
        unanswered.retain(|one| one.transaction != *transaction);
        self.count.store(unanswered.len() as u64, Ordering::Relaxed);
    }

    fn recall(&self, peer: IpAddr, octets: Digest, now: Duration) -> Option<Transaction> {
        let mut unanswered = self.lock();
        while unanswered.front().is_some_and(|first| first.until <= now) {
            unanswered.pop_front();
        }
        let found = unanswered
            .iter()
            .position(|one| one.peer == peer && one.octets == octets);
        let found = found.and_then(|found| unanswered.remove(found));
        self.count.store(unanswered.len() as u64, Ordering::Relaxed);
        found.map(|found| found.transaction)
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Unanswered>> {
        self.unanswered
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a header of a request belongs to its push.
fn belongs_to_push(name: &str) -> bool {
    matches!(
        name,
        "content-type"
            | "x-wap-application-id"
            | "x-wap-cpitag"
            | "x-wap-push-info"
            | "x-wap-push-provurl"
    )
}

/// A hash for who has the key and nobody else: words are multiplied into what came of those before, and by each other, which cannot be
/// foreseen without the key.
struct KeyedHash {
    state: u64,
    key: u64,
}

impl KeyedHash {
    const fn new(key: u64) -> Self {
        Self {
            state: key.rotate_left(32),
            key,
        }
    }

    /// Octets behind their length, so that no two lists of fields look alike.
    fn field(&mut self, octets: &[u8]) {
        self.word(octets.len() as u64);
        let (words, rest) = octets.as_chunks::<8>();
        let (pairs, words) = words.as_chunks::<2>();
        for [first, second] in pairs {
            self.pair(u64::from_le_bytes(*first), u64::from_le_bytes(*second));
        }
        for word in words {
            self.word(u64::from_le_bytes(*word));
        }
        let rest = rest.iter().rev();
        self.word(rest.fold(0, |word, &octet| word << 8 | u64::from(octet)));
    }

    fn word(&mut self, word: u64) {
        self.pair(word, 0);
    }

    /// Two words at the cost of one. Each is hidden before they are multiplied: the first by what came before, the second by the key.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "both halves are folded into one"
    )]
    fn pair(&mut self, first: u64, second: u64) {
        let product = u128::from(self.state ^ first) * u128::from(self.key ^ second);
        self.state = (product >> 64) as u64 ^ product as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
    const LIFETIME: Duration = Duration::from_mins(1);

    fn of(transmissions: &Transmissions, body: &[u8]) -> Digest {
        transmissions.digest(&HeaderMap::new(), body)
    }

    fn name(transmissions: &Transmissions, body: &[u8], at: u64) -> Transaction {
        transmissions.name(PEER, of(transmissions, body), Duration::from_secs(at))
    }

    #[test]
    fn equal_pushes_are_two_unless_the_first_one_went_without_an_answer() {
        let transmissions = Transmissions::new([7; 8], [0x9d; 8], UnixMillis(0), 2, LIFETIME);
        let first = name(&transmissions, b"push", 0);
        let second = name(&transmissions, b"push", 0);
        assert_ne!(first, second);
        transmissions.remember(PEER, of(&transmissions, b"push"), second, Duration::ZERO);
        assert_ne!(name(&transmissions, b"other", 1), second);
        let elsewhere = IpAddr::from([192, 0, 2, 1]);
        let now = Duration::from_secs(1);
        assert_ne!(
            transmissions.name(elsewhere, of(&transmissions, b"push"), now),
            second
        );
        assert_eq!(name(&transmissions, b"push", 1), second);
        assert_ne!(name(&transmissions, b"push", 1), second);
    }

    #[test]
    fn what_belongs_to_the_push_counts_and_nothing_else() {
        let transmissions = Transmissions::new([7; 8], [0x9d; 8], UnixMillis(0), 2, LIFETIME);
        let of = |headers: &[(&'static str, &'static str)], body: &[u8]| {
            let pairs = headers.iter().map(|&(name, value)| {
                let name = hyper::header::HeaderName::from_static(name);
                (name, hyper::header::HeaderValue::from_static(value))
            });
            transmissions.digest(&pairs.collect(), body)
        };
        let base = of(&[("x-wap-cpitag", "one")], b"body");
        assert_eq!(of(&[("host", ""), ("x-wap-cpitag", "one")], b"body"), base);
        for other in [
            of(&[("x-wap-cpitag", "two")], b"body"),
            of(&[("x-wap-cpitag", "one")], b"another"),
            of(&[("x-wap-cpitag", "onebody")], b""),
            of(&[("x-wap-push-info", "one")], b"body"),
            of(&[], b"body"),
        ] {
            assert_ne!(other, base);
        }
    }

    #[test]
    fn an_answer_that_came_after_all_ends_the_doubt() {
        let transmissions = Transmissions::new([7; 8], [0x9d; 8], UnixMillis(0), 2, LIFETIME);
        let first = name(&transmissions, b"push", 0);
        transmissions.remember(PEER, of(&transmissions, b"push"), first, Duration::ZERO);
        transmissions.forget(&first);
        assert_ne!(name(&transmissions, b"push", 1), first);
    }

    #[test]
    fn what_went_without_an_answer_is_forgotten_in_time_and_for_want_of_room() {
        let transmissions = Transmissions::new([7; 8], [0x9d; 8], UnixMillis(0), 2, LIFETIME);
        let names: Vec<_> = (0..3_u8)
            .map(|body| name(&transmissions, &[body], 0))
            .collect();
        for (body, named) in (0..3_u8).zip(&names) {
            transmissions.remember(PEER, of(&transmissions, &[body]), *named, Duration::ZERO);
        }
        assert_ne!(name(&transmissions, &[0], 59), names[0]);
        assert_eq!(name(&transmissions, &[1], 59), names[1]);
        assert_ne!(name(&transmissions, &[2], 60), names[2]);
    }
}
