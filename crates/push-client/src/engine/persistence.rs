//! The engine's way to the store.

use push_core::{Change, Now, PersistTicket};
use push_store::{StoreError, SubmitError, Transaction, Writer};

/// Where changes go.
#[derive(Debug)]
pub(crate) enum Backing {
    /// To the thread that owns a store.
    Writer(Writer),
    /// Nowhere: memory alone holds them.
    Memory,
}

/// Changes on their way to the store. All that came up in one turn goes in one piece, and is synced as one.
#[derive(Debug)]
pub(crate) struct Persistence {
    backing: Backing,
    waiting: Vec<Transaction>,
    unanswered: usize,
    most: usize,
}

/// Tickets that are answered at once.
pub(crate) type Settled = Vec<(PersistTicket, Result<(), String>)>;

impl Persistence {
    pub(crate) const fn new(backing: Backing, most: usize) -> Self {
        Self {
            backing,
            waiting: Vec::new(),
            unanswered: 0,
            most,
        }
    }

    /// Whether there is room for more work.
    pub(crate) const fn has_room(&self) -> bool {
        self.unanswered < self.most
    }

    /// Whether nothing is under way.
    pub(crate) const fn is_idle(&self) -> bool {
        self.unanswered == 0
    }

    /// Changes that the store has not answered.
    pub(crate) const fn unanswered(&self) -> usize {
        self.unanswered
    }

    /// Takes changes up, to be given to the store by [`flush`](Self::flush).
    pub(crate) fn add(&mut self, ticket: PersistTicket, changes: Vec<Change>, now: Now) {
        self.unanswered += 1;
        // Where nothing is written, the ticket is all that counts.
        let changes = match &self.backing {
            Backing::Memory => Vec::new(),
            Backing::Writer(_) => changes,
        };
        self.waiting.push(Transaction {
            ticket,
            now: now.unix,
            changes,
        });
    }

    /// The store has answered one ticket.
    pub(crate) const fn answered(&mut self) {
        self.unanswered = self.unanswered.saturating_sub(1);
    }

    /// Gives the store what waits. What is answered at once is put behind `settled`; the rest comes as notices.
    pub(crate) fn flush(&mut self, settled: &mut Settled) {
        let result = match &self.backing {
            Backing::Memory => Ok(()),
            Backing::Writer(writer) => match writer.submit(&mut self.waiting) {
                // What found no room goes with the next turn, which the answer to what is in the queue brings about.
                Ok(()) | Err(SubmitError::Full) => return,
                Err(SubmitError::Ended) => Err(SubmitError::Ended.to_string()),
            },
        };
        self.unanswered = self.unanswered.saturating_sub(self.waiting.len());
        settled.extend(
            self.waiting
                .drain(..)
                .map(|transaction| (transaction.ticket, result.clone())),
        );
    }

    /// Writes what waits and closes the store.
    pub(crate) fn close(self) -> Result<(), StoreError> {
        match self.backing {
            Backing::Writer(writer) => writer.shut_down(),
            Backing::Memory => Ok(()),
        }
    }
}
