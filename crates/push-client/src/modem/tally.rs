//! What a source counts.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::short_messages::Settled;

/// What became of the messages of a source, by word.
#[derive(Debug, Default)]
pub(super) struct Tally(Mutex<BTreeMap<&'static str, u64>>);

impl Tally {
    /// Counts one more of `word`.
    pub(super) fn count(&self, word: &'static str) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry(word).or_default() += 1;
    }

    /// The counts by word.
    pub(super) fn counts(&self) -> BTreeMap<&'static str, u64> {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.clone()
    }
}

/// The word of what became of a delivery.
pub(super) const fn word(settled: &Settled) -> &'static str {
    match settled {
        Settled::Durable(verdict) => crate::counters::verdict_word(verdict),
        Settled::Kept => "kept",
        Settled::Followed => "followed",
        Settled::NotAPush { .. } => "no-push",
        Settled::Refused { word, .. } => word,
        Settled::NotNow => "not-now",
    }
}
