//! What is known of the rows of `batches` and `gone` without reading them: where each event of a batch is, and whether it still
//! counts.

use std::collections::{BTreeMap, BTreeSet};

/// Events in one batch at most: one bit each in the row that says which of them are gone.
pub(super) const EVENTS_A_BATCH: u32 = u64::BITS;

/// Batches that are mostly gone and stay so for a while: what is left in them is often removed next.
const SPARSE_KEPT: usize = 16;

/// Batches that are taken apart by one commit at most, beside as many as it touches itself.
const DISSOLVED_A_COMMIT: usize = 4;

/// One row of `batches`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Batch {
    /// Its events, 1 to [`EVENTS_A_BATCH`].
    count: u32,
    /// The events that no longer count, the first as the lowest bit: removed, or moved to a row of their own.
    gone: u64,
    /// What the row of `gone` says; 0: there is none.
    written: u64,
}

impl Batch {
    /// One with that many events, of which those are gone; absent where there is no such batch.
    pub(super) fn new(count: u32, gone: u64) -> Option<Self> {
        let batch = Self {
            count,
            gone,
            written: gone,
        };
        ((1..=EVENTS_A_BATCH).contains(&count) && gone & !batch.all() == 0).then_some(batch)
    }

    const fn all(self) -> u64 {
        u64::MAX >> (EVENTS_A_BATCH - self.count)
    }

    /// The events that count.
    pub(super) const fn living(self) -> u64 {
        self.all() & !self.gone
    }

    pub(super) const fn count(self) -> u32 {
        self.count
    }

    pub(super) const fn gone(self) -> u64 {
        self.gone
    }

    /// Whether there is a row of `gone`.
    pub(super) const fn has_written(self) -> bool {
        self.written != 0
    }

    const fn is_to_write(self) -> bool {
        self.gone != self.written
    }

    /// Whether less than a quarter is left.
    const fn is_sparse(self) -> bool {
        self.living().count_ones() * 4 < self.count
    }
}

/// The rows of `batches` as they are committed, by their ids. No two have an event in common.
#[derive(Debug, Default)]
pub(super) struct Batches {
    known: BTreeMap<u64, Batch>,
    /// Those of which little is left.
    sparse: BTreeSet<u64>,
}

/// The rows as a transaction leaves them: absent ones are removed.
#[derive(Debug, Clone, Default)]
pub(super) struct Staged(BTreeMap<u64, Option<Batch>>);

/// Where an event is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// The id of the batch.
    pub(super) batch: u64,
    /// The bit of the event.
    pub(super) bit: u64,
}

impl Batches {
    /// Takes up a row.
    pub(super) fn restore(&mut self, id: u64, batch: Batch) {
        self.known.insert(id, batch);
        if batch.is_sparse() {
            self.sparse.insert(id);
        }
    }

    /// Takes up what a transaction has committed.
    pub(super) fn take_up(&mut self, staged: Staged) {
        for (id, batch) in staged.0 {
            self.sparse.remove(&id);
            match batch {
                Some(batch) => self.restore(id, batch),
                None => {
                    self.known.remove(&id);
                }
            }
        }
    }

    /// Where the event is, if it is in a batch and still counts.
    pub(super) fn find(&self, staged: &Staged, event: u64) -> Option<Place> {
        let known = self.known.range(..=event).next_back();
        let known = known.map(|(id, batch)| (*id, Some(*batch)));
        let changed = staged.0.range(..=event).next_back();
        let changed = changed.map(|(id, batch)| (*id, *batch));
        // The one that begins last is the only one that can have it.
        let (id, batch) = match (known, changed) {
            (Some(known), Some(changed)) if known.0 > changed.0 => known,
            (known, changed) => changed.or(known)?,
        };
        let position = u32::try_from(event - id).ok()?;
        let bit = 1_u64.checked_shl(position)?;
        (batch?.living() & bit != 0).then_some(Place { batch: id, bit })
    }

    /// The batch as the transaction has it so far.
    pub(super) fn get(&self, staged: &Staged, id: u64) -> Option<Batch> {
        match staged.0.get(&id) {
            Some(changed) => *changed,
            None => self.known.get(&id).copied(),
        }
    }

    /// Whether there are batches to take apart.
    pub(super) fn are_overdue(&self) -> bool {
        self.sparse.len() > SPARSE_KEPT
    }

    /// The batches that a transaction should take apart.
    pub(super) fn to_dissolve(&self, staged: &Staged) -> Vec<u64> {
        let overdue = self.sparse.len().saturating_sub(SPARSE_KEPT);
        let most = staged.touched().count() + DISSOLVED_A_COMMIT;
        let due = self.sparse.iter().take(overdue.min(most));
        due.copied().collect()
    }
}

impl Staged {
    /// A batch is new.
    pub(super) fn insert(&mut self, id: u64, batch: Batch) {
        self.0.insert(id, Some(batch));
    }

    /// Events of a batch no longer count.
    pub(super) fn mark_gone(&mut self, batches: &Batches, id: u64, events: u64) {
        if let Some(mut batch) = batches.get(self, id) {
            batch.gone |= events;
            self.0.insert(id, Some(batch));
        }
    }

    /// The batches with events that went since they were written.
    pub(super) fn touched(&self) -> impl Iterator<Item = (u64, Batch)> {
        self.0.iter().filter_map(|(id, batch)| {
            let batch = batch.filter(|batch| batch.is_to_write())?;
            Some((*id, batch))
        })
    }

    /// The rows of a batch are as they should be.
    pub(super) fn written(&mut self, id: u64, batch: Batch) {
        let written = Batch {
            written: batch.gone,
            ..batch
        };
        let is_left = batch.living() != 0;
        self.0.insert(id, is_left.then_some(written));
    }
}
