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
    /// Those that count up, which come in order.
    counted: Sparse<Fingerprint, Seen>,
    others: BTreeMap<Fingerprint, Seen>,
    /// In the order in which they lapse; what lapses together, in the order in which it came.
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
        if let Some((until, write)) = self.insert(fingerprint, (until, write)) {
            self.lapses.remove((until, write, fingerprint));
        }
        self.lapses.add((until, write, fingerprint));
        while let Some((until, _, fingerprint)) = self.lapses.first()
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

    fn forget(&mut self, fingerprint: Fingerprint) {
        let seen = if fingerprint.counts_up() {
            self.counted.remove(fingerprint)
        } else {
            self.others.remove(&fingerprint)
        };
        if let Some((until, write)) = seen {
            self.lapses.remove((until, write, fingerprint));
        }
    }

    fn get(&self, fingerprint: Fingerprint) -> Option<&Seen> {
        if fingerprint.counts_up() {
            self.counted.get(fingerprint)
        } else {
            self.others.get(&fingerprint)
        }
    }

    /// Puts one in; returns the one that it replaces.
    fn insert(&mut self, fingerprint: Fingerprint, seen: Seen) -> Option<Seen> {
        if fingerprint.counts_up() {
            self.counted.insert(fingerprint, seen)
        } else {
            self.others.insert(fingerprint, seen)
        }
    }
}

fn nanoseconds(time: Duration) -> Nanoseconds {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
