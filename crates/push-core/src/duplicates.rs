//! Transmissions remembered: the same server, protocol, transaction identity and octets within a window are a repetition.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::rising::Rising;
use crate::{Fingerprint, PersistTicket};

/// Fingerprints with the time until which each counts; bounded, the first to lapse give way.
///
/// Each is kept with the write that it came with: while that is under way, the transmission is not durable.
#[derive(Debug, Default)]
pub(crate) struct Duplicates {
    seen: BTreeMap<Fingerprint, (Duration, PersistTicket)>,
    lapses: Rising<(Duration, Fingerprint)>,
}

impl Duplicates {
    pub(crate) fn len(&self) -> usize {
        self.seen.len()
    }

    /// The write that this transmission came with, where it counts at this time.
    pub(crate) fn seen(&self, fingerprint: Fingerprint, now: Duration) -> Option<PersistTicket> {
        let &(until, write) = self.seen.get(&fingerprint)?;
        (until > now).then_some(write)
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
        if let Some((earlier, _)) = self.seen.insert(fingerprint, (until, write)) {
            self.lapses.remove((earlier, fingerprint));
        }
        self.lapses.add((until, fingerprint));
        while let Some((until, fingerprint)) = self.lapses.first()
            && (until <= now || self.seen.len() > bound)
        {
            self.forget(fingerprint);
        }
    }

    /// Forgets a transmission that could not be written.
    pub(crate) fn retract(&mut self, fingerprint: Fingerprint, write: PersistTicket) {
        if self
            .seen
            .get(&fingerprint)
            .is_some_and(|&(_, own)| own == write)
        {
            self.forget(fingerprint);
        }
    }

    fn forget(&mut self, fingerprint: Fingerprint) {
        if let Some((until, _)) = self.seen.remove(&fingerprint) {
            self.lapses.remove((until, fingerprint));
        }
    }
}
