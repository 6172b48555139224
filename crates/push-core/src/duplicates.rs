//! Transmissions remembered: the same server, protocol, transaction identity and octets within a window are a repetition.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::{Fingerprint, PersistTicket};

/// What is known of a transmission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seen {
    /// It is durable.
    Durable,
    /// It is being written.
    InFlight(PersistTicket),
}

/// Fingerprints with the time until which each counts; bounded, the first to lapse give way.
#[derive(Debug, Default)]
pub(crate) struct Duplicates {
    seen: BTreeMap<Fingerprint, (Duration, Seen)>,
    lapses: BTreeSet<(Duration, Fingerprint)>,
}

impl Duplicates {
    pub(crate) fn len(&self) -> usize {
        self.seen.len()
    }

    /// What is known of this transmission at this time.
    pub(crate) fn seen(&self, fingerprint: Fingerprint, now: Duration) -> Option<Seen> {
        let &(until, seen) = self.seen.get(&fingerprint)?;
        (until > now).then_some(seen)
    }

    /// Remembers a transmission, and drops what has lapsed and what is over the bound.
    pub(crate) fn remember(
        &mut self,
        fingerprint: Fingerprint,
        until: Duration,
        seen: Seen,
        now: Duration,
        bound: usize,
    ) {
        self.forget(fingerprint);
        self.seen.insert(fingerprint, (until, seen));
        self.lapses.insert((until, fingerprint));
        while let Some(&(until, fingerprint)) = self.lapses.first()
            && (until <= now || self.seen.len() > bound)
        {
            self.forget(fingerprint);
        }
    }

    /// Says that a transmission in flight is durable.
    pub(crate) fn settle(&mut self, fingerprint: Fingerprint, ticket: PersistTicket) {
        if let Some((_, seen)) = self.seen.get_mut(&fingerprint)
            && *seen == Seen::InFlight(ticket)
        {
            *seen = Seen::Durable;
        }
    }

    /// Forgets a transmission that could not be written.
    pub(crate) fn retract(&mut self, fingerprint: Fingerprint, ticket: PersistTicket) {
        if self
            .seen
            .get(&fingerprint)
            .is_some_and(|&(_, seen)| seen == Seen::InFlight(ticket))
        {
            self.forget(fingerprint);
        }
    }

    fn forget(&mut self, fingerprint: Fingerprint) {
        if let Some((until, _)) = self.seen.remove(&fingerprint) {
            self.lapses.remove(&(until, fingerprint));
        }
    }
}
