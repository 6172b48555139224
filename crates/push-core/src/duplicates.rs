//! Transmissions remembered: the same server, protocol, transaction identity and octets within a window are a repetition.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::rising::Rising;
use crate::sparse::Sparse;
use crate::{Fingerprint, PersistTicket};

/// Fingerprints with the time until which each counts; bounded, the first to lapse give way.
///
/// Each is kept with the write that it came with: while that is under way, the transmission is not durable.
#[derive(Debug, Default)]
pub(crate) struct Duplicates {
    /// Those that [count up](Fingerprint::counts_up) and came in order. All count equally long, so that they lapse in order too.
    counted: Sparse<Fingerprint, Seen>,
    others: BTreeMap<Fingerprint, Seen>,
    /// The others in the order in which they lapse; what lapses together, in the order in which it came.
    lapses: Rising<(Nanoseconds, PersistTicket, Fingerprint)>,
}

/// Until when a transmission counts, and the write that it came with.
type Seen = (Nanoseconds, PersistTicket);

/// A time on the monotonic clock. There are many of these, and a `Duration` has twice the octets.
type Nanoseconds = u64;

impl Duplicates {
    pub(crate) fn len(&self) -> usize {
        self.counted.len() + self.others.len()
    }

    /// The write that this transmission came with, where it counts at this time.
    pub(crate) fn seen(&self, fingerprint: Fingerprint, now: Duration) -> Option<PersistTicket> {
        let &(until, write) = self.get(fingerprint)?;
        (until > nanoseconds(now)).then_some(write)
    }

    /// Remembers a transmission, and drops what has lapsed and what is over the bound.
    pub(crate) fn remember(
        &mut self,
        fingerprint: Fingerprint,
        until: Duration,
        write: PersistTicket,
        now: Duration,
        bound: usize,
    ) {
        let (until, now) = (nanoseconds(until), nanoseconds(now));
        if fingerprint.counts_up() && self.counted.last() < Some(fingerprint) {
            self.counted.insert(fingerprint, (until, write));
        } else {
            self.counted.remove(fingerprint);
            let before = self.others.insert(fingerprint, (until, write));
            if let Some((until, write)) = before {
                self.lapses.remove((until, write, fingerprint));
            }
            self.lapses.add((until, write, fingerprint));
        }
        while let Some((until, fingerprint)) = self.first_to_lapse()
            && (until <= now || self.len() > bound)
        {
            self.forget(fingerprint);
        }
    }

    /// Forgets a transmission that could not be written.
    pub(crate) fn retract(&mut self, fingerprint: Fingerprint, write: PersistTicket) {
        if self.get(fingerprint).is_some_and(|&(_, own)| own == write) {
            self.forget(fingerprint);
        }
    }

    fn get(&self, fingerprint: Fingerprint) -> Option<&Seen> {
        let counted = self.counted.get(fingerprint);
        counted.or_else(|| self.others.get(&fingerprint))
    }

    fn forget(&mut self, fingerprint: Fingerprint) {
        self.counted.remove(fingerprint);
        if let Some((until, write)) = self.others.remove(&fingerprint) {
            self.lapses.remove((until, write, fingerprint));
        }
    }

    fn first_to_lapse(&self) -> Option<(Nanoseconds, Fingerprint)> {
        let counted = self.counted.first().and_then(|fingerprint| {
            let &(until, _) = self.counted.get(fingerprint)?;
            Some((until, fingerprint))
        });
        let other = self.lapses.first();
        let other = other.map(|(until, _, fingerprint)| (until, fingerprint));
        counted.into_iter().chain(other).min()
    }
}

fn nanoseconds(time: Duration) -> Nanoseconds {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn remembered(fingerprints: &[(u128, u64)], now: u64, bound: usize) -> Duplicates {
        let mut duplicates = Duplicates::default();
        for (ticket, &(fingerprint, until)) in (1..).zip(fingerprints) {
            let fingerprint = Fingerprint(fingerprint);
            duplicates.remember(
                fingerprint,
                at(until),
                PersistTicket(ticket),
                at(now),
                bound,
            );
        }
        duplicates
    }

    fn left(duplicates: &Duplicates, fingerprints: &[(u128, u64)], now: u64) -> Vec<u128> {
        let all = fingerprints.iter().map(|&(fingerprint, _)| fingerprint);
        all.filter(|&fingerprint| duplicates.seen(Fingerprint(fingerprint), at(now)).is_some())
            .collect()
    }

    const HASH: u128 = 7 << 120;

    #[test]
    fn the_first_to_lapse_give_way_whichever_kind_they_are_of() {
        let all = [(1 << 64, 20), (HASH, 10), (2 << 64, 21), (HASH + 1, 22)];
        for (bound, expected) in [
            (4, &[1 << 64, HASH, 2 << 64, HASH + 1][..]),
            (3, &[1 << 64, 2 << 64, HASH + 1]),
            (2, &[2 << 64, HASH + 1]),
            (0, &[]),
        ] {
            let duplicates = remembered(&all, 0, bound);
            assert_eq!(left(&duplicates, &all, 0), expected);
            assert_eq!(duplicates.len(), expected.len());
        }
    }

    #[test]
    fn what_comes_out_of_order_or_again_is_remembered_like_the_rest() {
        let all = [
            (5 << 64, 20),
            (3 << 64, 20),
            (4 << 64, 20),
            (3 << 64, 30),
            (5 << 64, 30),
        ];
        let mut duplicates = remembered(&all, 0, 9);
        assert_eq!(duplicates.len(), 3);
        assert_eq!(
            left(&duplicates, &all[..3], 19),
            [5 << 64, 3 << 64, 4 << 64]
        );
        assert_eq!(left(&duplicates, &all[..3], 20), [5 << 64, 3 << 64]);
        // Only the write that it came with takes it back.
        duplicates.retract(Fingerprint(3 << 64), PersistTicket(2));
        assert_eq!(left(&duplicates, &all[..3], 20), [5 << 64, 3 << 64]);
        duplicates.retract(Fingerprint(3 << 64), PersistTicket(4));
        duplicates.retract(Fingerprint(5 << 64), PersistTicket(5));
        assert_eq!(left(&duplicates, &all[..3], 0), [4 << 64]);
    }
}
