//! Events: those that come in numbers share a row, and have one of their own once something becomes of them.

use push_core::{EventId, EventRecord, EventState, RegistrationId};
use rusqlite::{CachedStatement, Connection, OptionalExtension as _, params};

use super::batches::{Batch, EVENTS_A_BATCH};
use super::write::{Counters, Database, execute};
use crate::StoreError;
use crate::batch::{FRESH, Packed, Packing, unpack};
use crate::encoding::encode_push;

/// Octets of an event in a batch at most: larger ones have a row of their own, so that little is kept with what stays.
const EVENT_OCTETS: usize = 4 << 10;

/// Octets of a batch at most.
const BATCH_OCTETS: usize = 64 << 10;

/// Octets of an event beside its content, about.
const HEADER_OCTETS: usize = 192;

const INSERT_EVENT: &str = "INSERT INTO events (id, registration, received, attempts, not_before, dead, push) \
                            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
const REMOVE_EVENTS: &str = "DELETE FROM events WHERE id BETWEEN ?1 AND ?2";
const ASSIGN_EVENT: &str = "UPDATE events SET registration = ?2 WHERE id = ?1";
const SET_EVENT_STATE: &str =
    "UPDATE events SET attempts = ?2, not_before = ?3, dead = ?4 WHERE id = ?1";
const INSERT_BATCH: &str = "INSERT INTO batches (id, events) VALUES (?1, ?2)";
const READ_BATCH: &str = "SELECT events FROM batches WHERE id = ?1";
const REMOVE_BATCH: &str = "DELETE FROM batches WHERE id = ?1";
const PUT_GONE: &str = "INSERT OR REPLACE INTO gone (batch, events) VALUES (?1, ?2)";
const REMOVE_GONE: &str = "DELETE FROM gone WHERE batch = ?1";

const INSERTING: &str = "inserting an event";
const INSERTING_BATCH: &str = "inserting a batch of events";
const MOVING: &str = "moving events out of their batch";
const REMOVING_BATCH: &str = "removing a batch of events";

/// What one transaction does to events.
pub(super) struct Journal<'a, 'c> {
    database: Database<'a>,
    insert: Option<CachedStatement<'a>>,
    /// Events to insert, one id after the other.
    pending: Vec<&'c EventRecord>,
    packing: Packing,
    blob: Vec<u8>,
    /// Events with a row of their own to remove: those of one transaction are often neighbours and go by range.
    removals: Vec<u64>,
}

impl<'a, 'c> Journal<'a, 'c> {
    pub(super) const fn new(database: Database<'a>) -> Self {
        Self {
            database,
            insert: None,
            pending: Vec::new(),
            packing: Packing::new(),
            blob: Vec::new(),
            removals: Vec::new(),
        }
    }

    pub(super) fn insert(
        &mut self,
        event: &'c EventRecord,
        counters: &mut Counters,
    ) -> Result<(), StoreError> {
        let id = event.id.0;
        self.flush_removal_of(event.id, counters)?;
        let follows = |last: &&EventRecord| last.id.0.checked_add(1) == Some(id);
        if !self.pending.last().is_none_or(follows) {
            self.flush(counters)?;
        }
        // Batches have no event in common as long as each begins beyond all that there ever were.
        if id > counters.last_event() && event.state == FRESH {
            self.pending.push(event);
            counters.see_event(id);
            return Ok(());
        }
        self.flush(counters)?;
        if self.find(event.id, counters).is_some() {
            return Err(StoreError::Change {
                detail: format!("the event {} is in the journal already", event.id),
            });
        }
        self.insert_alone(event)?;
        counters.see_event(id);
        Ok(())
    }

    pub(super) fn assign(
        &mut self,
        event: EventId,
        registration: RegistrationId,
        counters: &mut Counters,
    ) -> Result<(), StoreError> {
        self.give_own_row(event, counters)?;
        let values = params![event.0.cast_signed(), registration.0.cast_signed()];
        let doing = "assigning an event";
        let changed = execute(self.database.connection, doing, ASSIGN_EVENT, values)?;
        must_be_there(event, changed)
    }

    pub(super) fn set_state(
        &mut self,
        event: EventId,
        state: EventState,
        counters: &mut Counters,
    ) -> Result<(), StoreError> {
        self.give_own_row(event, counters)?;
        let values = params![
            event.0.cast_signed(),
            state.attempts,
            state.not_before.0.cast_signed(),
            state.dead
        ];
        let doing = "writing the state of an event";
        let changed = execute(self.database.connection, doing, SET_EVENT_STATE, values)?;
        must_be_there(event, changed)
    }

    pub(super) fn remove(
        &mut self,
        event: EventId,
        counters: &mut Counters,
    ) -> Result<(), StoreError> {
        self.flush_insertion_of(event, counters)?;
        match self.find(event, counters) {
            Some(place) => {
                let batches = self.database.batches;
                counters.staged.mark_gone(batches, place.batch, place.bit);
            }
            None => self.removals.push(event.0),
        }
        Ok(())
    }

    /// Writes what was gathered.
    pub(super) fn finish(&mut self, counters: &mut Counters) -> Result<(), StoreError> {
        self.flush(counters)?;
        self.remove_events(counters)?;
        if self.database.takes_apart {
            for batch in self.database.batches.to_dissolve(&counters.staged) {
                self.move_out(batch, u64::MAX, counters)?;
            }
        }
        let touched: Vec<(u64, Batch)> = counters.staged.touched().collect();
        for (id, batch) in touched {
            self.write_gone(id, batch, counters)?;
        }
        Ok(())
    }

    fn find(&self, event: EventId, counters: &Counters) -> Option<super::batches::Place> {
        self.database.batches.find(&counters.staged, event.0)
    }

    /// Sees to it that an event that is there has a row to be changed.
    fn give_own_row(&mut self, event: EventId, counters: &mut Counters) -> Result<(), StoreError> {
        self.flush_removal_of(event, counters)?;
        self.flush_insertion_of(event, counters)?;
        match self.find(event, counters) {
            Some(place) => self.move_out(place.batch, place.bit, counters),
            None => Ok(()),
        }
    }

    /// Keeps the order where a change follows the removal of its event.
    fn flush_removal_of(
        &mut self,
        event: EventId,
        counters: &mut Counters,
    ) -> Result<(), StoreError> {
        if self.removals.contains(&event.0) {
            self.remove_events(counters)?;
        }
        Ok(())
    }

    /// Keeps the order where a change follows the insertion of its event.
    fn flush_insertion_of(
        &mut self,
        event: EventId,
        counters: &mut Counters,
    ) -> Result<(), StoreError> {
        let first = self.pending.first().map(|first| first.id);
        if first.is_some_and(|first| first <= event) {
            self.flush(counters)?;
        }
        Ok(())
    }

    /// Inserts what is gathered: in batches where it is enough, otherwise one by one.
    fn flush(&mut self, counters: &mut Counters) -> Result<(), StoreError> {
        let pending = std::mem::take(&mut self.pending);
        let mut rest = pending.as_slice();
        while let Some((first, after)) = rest.split_first() {
            let count = if rest.len() < self.least() {
                0
            } else {
                self.pack(rest)
            };
            if count == 0 {
                self.insert_alone(first)?;
                rest = after;
                continue;
            }
            self.insert_batch(first.id, counters)?;
            rest = rest.get(count..).unwrap_or_default();
        }
        self.pending = pending;
        self.pending.clear();
        Ok(())
    }

    /// Events that share a row at least.
    fn least(&self) -> usize {
        match self.database.settings.shared_rows_from {
            0 => usize::MAX,
            from => usize::try_from(from).unwrap_or(usize::MAX),
        }
    }

    /// Packs as many events as have room, and says how many; none where they are too few.
    fn pack(&mut self, events: &[&EventRecord]) -> usize {
        let most = usize::try_from(EVENTS_A_BATCH).unwrap_or(usize::MAX);
        let events = events.get(..most).unwrap_or(events);
        let contents = events.iter().map(|event| event.push.message.content.len());
        let octets = contents.sum::<usize>() + events.len() * HEADER_OCTETS;
        self.packing.begin(octets.min(BATCH_OCTETS));
        let count = events
            .iter()
            .take_while(|event| self.packing.put(event, EVENT_OCTETS, BATCH_OCTETS))
            .count();
        if count < self.least() { 0 } else { count }
    }

    /// Inserts what was packed.
    fn insert_batch(&self, first: EventId, counters: &mut Counters) -> Result<(), StoreError> {
        let values = params![first.0.cast_signed(), self.packing.octets()];
        execute(
            self.database.connection,
            INSERTING_BATCH,
            INSERT_BATCH,
            values,
        )?;
        if let Some(batch) = Batch::new(self.packing.events(), 0) {
            counters.staged.insert(first.0, batch);
        }
        Ok(())
    }

    fn insert_alone(&mut self, event: &EventRecord) -> Result<(), StoreError> {
        let mut blob = std::mem::take(&mut self.blob);
        blob.clear();
        encode_push(&event.push, &mut blob);
        let packed = Packed {
            received: event.push.received,
            registration: event.registration,
            push: &blob,
        };
        let inserted = self.insert_row(event.id.0, packed, event.state);
        self.blob = blob;
        inserted
    }

    fn insert_row(
        &mut self,
        id: u64,
        event: Packed<'_>,
        state: EventState,
    ) -> Result<(), StoreError> {
        let explain = |error| StoreError::while_doing(INSERTING, error);
        if self.insert.is_none() {
            let connection = self.database.connection;
            self.insert = Some(connection.prepare_cached(INSERT_EVENT).map_err(explain)?);
        }
        if let Some(statement) = &mut self.insert {
            let values = params![
                id.cast_signed(),
                event
                    .registration
                    .map(|registration| registration.0.cast_signed()),
                event.received.0.cast_signed(),
                state.attempts,
                state.not_before.0.cast_signed(),
                state.dead,
                event.push,
            ];
            statement.execute(values).map_err(explain)?;
        }
        Ok(())
    }

    /// Gives those of the events that count rows of their own.
    fn move_out(
        &mut self,
        batch: u64,
        events: u64,
        counters: &mut Counters,
    ) -> Result<(), StoreError> {
        let Some(known) = self.database.batches.get(&counters.staged, batch) else {
            return Ok(());
        };
        let events = events & known.living();
        let blob = read_batch(self.database.connection, batch)?;
        let unpacked = unpack(&blob).ok_or_else(|| unreadable(batch))?;
        for (position, event) in (0..known.count()).zip(unpacked) {
            if events & (1 << position) != 0 {
                self.insert_row(batch + u64::from(position), event, FRESH)?;
            }
        }
        let batches = self.database.batches;
        counters.staged.mark_gone(batches, batch, events);
        Ok(())
    }

    /// Writes down which events of a batch are gone, and removes it when all are.
    fn write_gone(&self, id: u64, batch: Batch, counters: &mut Counters) -> Result<(), StoreError> {
        let connection = self.database.connection;
        let row = id.cast_signed();
        if batch.living() == 0 {
            execute(connection, REMOVING_BATCH, REMOVE_BATCH, params![row])?;
            if batch.has_written() {
                execute(connection, REMOVING_BATCH, REMOVE_GONE, params![row])?;
            }
            counters.event_removed(id + u64::from(batch.count()) - 1);
        } else {
            let values = params![row, batch.gone().cast_signed()];
            execute(connection, "removing events", PUT_GONE, values)?;
        }
        counters.staged.written(id, batch);
        Ok(())
    }

    fn remove_events(&mut self, counters: &mut Counters) -> Result<(), StoreError> {
        self.removals.sort_unstable();
        let removals = std::mem::take(&mut self.removals);
        if let Some(&greatest) = removals.last() {
            counters.event_removed(greatest);
        }
        // A range must not cross from the positive to the negative half, between which every other id lies.
        let neighbours = |a: &u64, b: &u64| b - a <= 1 && (a ^ b) >> 63 == 0;
        for run in removals.chunk_by(neighbours) {
            if let (Some(first), Some(last)) = (run.first(), run.last()) {
                let values = params![first.cast_signed(), last.cast_signed()];
                let doing = "removing events";
                execute(self.database.connection, doing, REMOVE_EVENTS, values)?;
            }
        }
        Ok(())
    }
}

fn read_batch(connection: &Connection, batch: u64) -> Result<Vec<u8>, StoreError> {
    let explain = |error| StoreError::while_doing(MOVING, error);
    let mut statement = connection.prepare_cached(READ_BATCH).map_err(explain)?;
    let blob = statement
        .query_row([batch.cast_signed()], |row| row.get(0))
        .optional()
        .map_err(explain)?;
    blob.ok_or_else(|| unreadable(batch))
}

/// A row that was written by this process, or checked when the store was opened, is not as it was.
fn unreadable(batch: u64) -> StoreError {
    StoreError::Change {
        detail: format!("the batch of events {batch} cannot be read back"),
    }
}

fn must_be_there(event: EventId, changed: usize) -> Result<(), StoreError> {
    if changed > 0 {
        return Ok(());
    }
    Err(StoreError::Change {
        detail: format!("the event {event} is not in the journal"),
    })
}
