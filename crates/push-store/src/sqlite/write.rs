//! Applying changes inside a transaction.

use std::collections::BTreeMap;

use push_core::{
    Change, EventId, EventRecord, EventState, Fingerprint, RegistrationId, RegistrationRecord,
    SegmentId, SegmentRecord,
};
use push_message::{ApplicationId, UnixMillis};
use rusqlite::{CachedStatement, Connection, params};

use crate::StoreError;
use crate::encoding::encode_push;
use crate::text::{profiles_text, state_text, whitelist_text};

/// Octets of one remembered transmission: its fingerprint and its end.
pub(super) const RECORD_OCTETS: usize = 24;

/// Records in one row at most, so that a row stays on one page.
const RECORDS_A_ROW: usize = 128;

/// Rows of outlived transmissions removed by one commit at most, so that none pays for all;
/// [`SOONEST_REMEMBERED`] reads one more.
const OUTLIVED_A_COMMIT: usize = 8;

/// The unit of a row's end is 2^14 ms: transmissions that end within 16.384 s share a row.
const END_SHIFT: u32 = 14;

/// The greatest end that leaves room for the serial number in an id: some eleven centuries after 1970.
const GREATEST_END: u64 = (1 << 31) - 1;

const INSERT_EVENT: &str = "INSERT INTO events (id, registration, received, attempts, not_before, dead, push) \
                            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
const REMOVE_EVENTS: &str = "DELETE FROM events WHERE id BETWEEN ?1 AND ?2";
const ASSIGN_EVENT: &str = "UPDATE events SET registration = ?2 WHERE id = ?1";
const SET_EVENT_STATE: &str =
    "UPDATE events SET attempts = ?2, not_before = ?3, dead = ?4 WHERE id = ?1";
const PUT_REGISTRATION: &str = "INSERT OR REPLACE INTO registrations (id, owner, application_id, push_application_id, \
                                event_handler, whitelist, profiles, accept, suppress_equal_content_millis, registered, \
                                state, observes) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)";
const REMOVE_REGISTRATION: &str = "DELETE FROM registrations WHERE id = ?1";
const PUT_SEGMENT: &str = "INSERT OR REPLACE INTO segments (id, octets) VALUES (?1, ?2)";
const REMOVE_SEGMENT: &str = "DELETE FROM segments WHERE id = ?1";
const REMEMBER: &str = "INSERT INTO remembered (id, records) VALUES (?1, ?2)";
const SOONEST_REMEMBERED: &str = "SELECT id, length(records) FROM remembered ORDER BY id LIMIT 9";
const FORGET: &str = "DELETE FROM remembered WHERE id <= ?1";
const SET_META: &str = "UPDATE meta SET value = ?2 WHERE name = ?1";

const FORGETTING: &str = "forgetting transmissions";

const LAST_EVENT: &str = "last_event";
const LAST_REGISTRATION: &str = "last_registration";

/// What is known of the tables without reading them.
#[derive(Debug, Clone, Default)]
pub(super) struct Counters {
    event: LastId,
    registration: LastId,
    remembered: Remembered,
}

/// The greatest id of a table ever written.
///
/// As long as its row is there, that row is its record; `meta` holds it from the removal of that row on. So the row of
/// `meta` is not written with every commit.
#[derive(Debug, Clone, Copy, Default)]
struct LastId {
    greatest: u64,
    in_meta: u64,
    must_write: bool,
}

/// What is known of the rows of `remembered`.
#[derive(Debug, Clone, Copy, Default)]
struct Remembered {
    /// The id of the row that ends soonest.
    soonest: Option<i64>,
    /// Records in all rows.
    records: u64,
    /// The serial number of the latest row.
    serial: u32,
}

impl Counters {
    /// Takes up a row of `meta`.
    pub(super) fn restore(&mut self, name: &str, value: u64) {
        let last = match name {
            LAST_EVENT => &mut self.event,
            LAST_REGISTRATION => &mut self.registration,
            _ => return,
        };
        last.greatest = value;
        last.in_meta = value;
    }

    /// Takes up the greatest ids of the tables.
    pub(super) fn see_rows(
        &mut self,
        event: Option<EventId>,
        registration: Option<RegistrationId>,
    ) {
        self.event.inserted(event.map_or(0, |event| event.0));
        self.registration
            .inserted(registration.map_or(0, |registration| registration.0));
    }

    /// Takes up a row of `remembered`; the rows come in order of their ids.
    pub(super) fn see_remembered(&mut self, id: u64, records: usize) {
        let remembered = &mut self.remembered;
        remembered.soonest.get_or_insert_with(|| id.cast_signed());
        remembered.records += records as u64;
        let [.., a, b, c, d] = id.to_be_bytes();
        remembered.serial = remembered.serial.max(u32::from_be_bytes([a, b, c, d]));
    }

    pub(super) const fn last_event(&self) -> u64 {
        self.event.greatest
    }

    pub(super) const fn last_registration(&self) -> u64 {
        self.registration.greatest
    }
}

impl LastId {
    fn inserted(&mut self, id: u64) {
        self.greatest = self.greatest.max(id);
    }

    fn removed(&mut self, id: u64) {
        self.must_write |= id >= self.greatest && self.greatest > self.in_meta;
    }
}

/// The statements of one transaction, prepared as they are needed, and what it has gathered to write at its end.
pub(super) struct Statements<'a> {
    connection: &'a Connection,
    counters: &'a mut Counters,
    insert_event: Option<CachedStatement<'a>>,
    blob: Vec<u8>,
    /// Events to remove: those of one transaction are often neighbours and go by range.
    removals: Vec<u64>,
    /// Transmissions to remember, by the end of their row.
    records: BTreeMap<u64, Vec<u8>>,
}

impl<'a> Statements<'a> {
    pub(super) fn new(connection: &'a Connection, counters: &'a mut Counters) -> Self {
        Self {
            connection,
            counters,
            insert_event: None,
            blob: Vec::new(),
            removals: Vec::new(),
            records: BTreeMap::new(),
        }
    }

    pub(super) fn apply(
        &mut self,
        changes: &mut dyn Iterator<Item = &Change>,
    ) -> Result<(), StoreError> {
        for change in changes {
            match change {
                Change::PutRegistration(registration) => self.put_registration(registration)?,
                Change::RemoveRegistration(id) => self.remove_registration(*id)?,
                Change::InsertEvent(event) => self.insert_event(event)?,
                Change::AssignEvent {
                    event,
                    registration,
                } => self.assign_event(*event, *registration)?,
                Change::SetEventState { event, state } => self.set_event_state(*event, *state)?,
                Change::RemoveEvent(id) => self.removals.push(id.0),
                Change::PutSegment(segment) => self.put_segment(segment)?,
                Change::RemoveSegments(ids) => self.remove_segments(ids)?,
                Change::Remember { fingerprint, until } => self.remember(*fingerprint, *until),
            }
        }
        Ok(())
    }

    /// Writes what was gathered, and forgets some of what has outlived its time.
    pub(super) fn finish(
        &mut self,
        now: UnixMillis,
        max_remembered: u32,
    ) -> Result<(), StoreError> {
        self.remove_events()?;
        self.write_records()?;
        self.forget_outlived(now, max_remembered)?;
        for (name, last) in [
            (LAST_EVENT, &mut self.counters.event),
            (LAST_REGISTRATION, &mut self.counters.registration),
        ] {
            if std::mem::take(&mut last.must_write) {
                last.in_meta = last.greatest;
                let value = last.greatest.cast_signed();
                execute(
                    self.connection,
                    "writing the last id",
                    SET_META,
                    params![name, value],
                )?;
            }
        }
        Ok(())
    }

    fn put_registration(&mut self, registration: &RegistrationRecord) -> Result<(), StoreError> {
        let RegistrationRecord {
            id,
            owner,
            application_id,
            push_application_id,
            event_handler,
            whitelist,
            profiles,
            accept,
            suppress_equal_content_millis,
            observes,
            registered,
            state,
        } = registration;
        self.counters.registration.inserted(id.0);
        let values = params![
            id.0.cast_signed(),
            owner.as_str(),
            application_id.as_ref().map(ApplicationId::as_str),
            push_application_id.as_text(),
            event_handler.as_deref(),
            whitelist_text(whitelist),
            profiles_text(profiles),
            accept.as_ref().map(ToString::to_string),
            suppress_equal_content_millis.map(u64::cast_signed),
            registered.0.cast_signed(),
            state_text(*state),
            observes,
        ];
        execute(
            self.connection,
            "writing a registration",
            PUT_REGISTRATION,
            values,
        )?;
        Ok(())
    }

    fn remove_registration(&mut self, id: RegistrationId) -> Result<(), StoreError> {
        self.counters.registration.removed(id.0);
        let values = params![id.0.cast_signed()];
        execute(
            self.connection,
            "removing a registration",
            REMOVE_REGISTRATION,
            values,
        )?;
        Ok(())
    }

    fn insert_event(&mut self, event: &EventRecord) -> Result<(), StoreError> {
        const DOING: &str = "inserting an event";
        let EventRecord {
            id,
            registration,
            push,
            state,
        } = event;
        self.flush_removal_of(*id)?;
        self.blob.clear();
        encode_push(push, &mut self.blob);
        if self.insert_event.is_none() {
            let prepared = self.connection.prepare_cached(INSERT_EVENT);
            self.insert_event =
                Some(prepared.map_err(|error| StoreError::while_doing(DOING, error))?);
        }
        if let Some(statement) = &mut self.insert_event {
            let values = params![
                id.0.cast_signed(),
                registration.map(|registration| registration.0.cast_signed()),
                push.received.0.cast_signed(),
                state.attempts,
                state.not_before.0.cast_signed(),
                state.dead,
                self.blob,
            ];
            statement
                .execute(values)
                .map_err(|error| StoreError::while_doing(DOING, error))?;
        }
        self.counters.event.inserted(id.0);
        Ok(())
    }

    fn assign_event(
        &mut self,
        event: EventId,
        registration: RegistrationId,
    ) -> Result<(), StoreError> {
        self.flush_removal_of(event)?;
        let values = params![event.0.cast_signed(), registration.0.cast_signed()];
        let changed = execute(self.connection, "assigning an event", ASSIGN_EVENT, values)?;
        must_be_there(event, changed)
    }

    fn set_event_state(&mut self, event: EventId, state: EventState) -> Result<(), StoreError> {
        self.flush_removal_of(event)?;
        let values = params![
            event.0.cast_signed(),
            state.attempts,
            state.not_before.0.cast_signed(),
            state.dead
        ];
        let doing = "writing the state of an event";
        let changed = execute(self.connection, doing, SET_EVENT_STATE, values)?;
        must_be_there(event, changed)
    }

    fn put_segment(&self, segment: &SegmentRecord) -> Result<(), StoreError> {
        let values = params![segment.id.0.cast_signed(), segment.octets];
        execute(self.connection, "writing a segment", PUT_SEGMENT, values)?;
        Ok(())
    }

    fn remove_segments(&self, ids: &[SegmentId]) -> Result<(), StoreError> {
        for id in ids {
            let values = params![id.0.cast_signed()];
            execute(
                self.connection,
                "removing a segment",
                REMOVE_SEGMENT,
                values,
            )?;
        }
        Ok(())
    }

    fn remember(&mut self, fingerprint: Fingerprint, until: UnixMillis) {
        let end = until.0.div_ceil(1 << END_SHIFT).min(GREATEST_END);
        let records = self.records.entry(end).or_default();
        records.extend_from_slice(&fingerprint.0.to_be_bytes());
        records.extend_from_slice(&until.0.to_be_bytes());
    }

    /// Keeps the order where a change follows the removal of its event.
    fn flush_removal_of(&mut self, event: EventId) -> Result<(), StoreError> {
        if self.removals.contains(&event.0) {
            self.remove_events()?;
        }
        Ok(())
    }

    fn remove_events(&mut self) -> Result<(), StoreError> {
        self.removals.sort_unstable();
        let removals = std::mem::take(&mut self.removals);
        if let Some(&greatest) = removals.last() {
            self.counters.event.removed(greatest);
        }
        // A range must not cross from the positive to the negative half, between which every other id lies.
        let neighbours = |a: &u64, b: &u64| b - a <= 1 && (a ^ b) >> 63 == 0;
        for run in removals.chunk_by(neighbours) {
            if let (Some(first), Some(last)) = (run.first(), run.last()) {
                let values = params![first.cast_signed(), last.cast_signed()];
                execute(self.connection, "removing events", REMOVE_EVENTS, values)?;
            }
        }
        Ok(())
    }

    fn write_records(&mut self) -> Result<(), StoreError> {
        let remembered = &mut self.counters.remembered;
        for (end, records) in std::mem::take(&mut self.records) {
            for row in records.chunks(RECORD_OCTETS * RECORDS_A_ROW) {
                remembered.serial = remembered.serial.wrapping_add(1);
                let id = ((end << 32) | u64::from(remembered.serial)).cast_signed();
                let doing = "remembering transmissions";
                execute(self.connection, doing, REMEMBER, params![id, row])?;
                remembered.records += (row.len() / RECORD_OCTETS) as u64;
                remembered.soonest = Some(remembered.soonest.map_or(id, |soonest| soonest.min(id)));
            }
        }
        Ok(())
    }

    fn forget_outlived(&mut self, now: UnixMillis, max_remembered: u32) -> Result<(), StoreError> {
        // Ends are rounded up, so a row that ends in the current unit has nothing left to remember.
        let outlived = (((now.0 >> END_SHIFT).min(GREATEST_END) << 32) | 0xffff_ffff).cast_signed();
        let most = u64::from(max_remembered);
        let is_due = |id: i64, records: u64| id <= outlived || records > most;
        let remembered = &mut self.counters.remembered;
        if !remembered
            .soonest
            .is_some_and(|id| is_due(id, remembered.records))
        {
            return Ok(());
        }
        let mut forgotten = None;
        remembered.soonest = None;
        for (count, (id, octets)) in soonest_remembered(self.connection)?.into_iter().enumerate() {
            if count == OUTLIVED_A_COMMIT || !is_due(id, remembered.records) {
                remembered.soonest = Some(id);
                break;
            }
            forgotten = Some(id);
            remembered.records -= octets / RECORD_OCTETS as u64;
        }
        if let Some(id) = forgotten {
            execute(self.connection, FORGETTING, FORGET, [id])?;
        }
        Ok(())
    }
}

/// The rows that end soonest, one more than a commit removes: id and octets.
fn soonest_remembered(connection: &Connection) -> Result<Vec<(i64, u64)>, StoreError> {
    let read = || -> rusqlite::Result<Vec<(i64, u64)>> {
        connection
            .prepare_cached(SOONEST_REMEMBERED)?
            .query_map([], |row| {
                Ok((row.get(0)?, u64::from(row.get::<_, u32>(1)?)))
            })?
            .collect()
    };
    read().map_err(|error| StoreError::while_doing(FORGETTING, error))
}

fn must_be_there(event: EventId, changed: usize) -> Result<(), StoreError> {
    if changed > 0 {
        return Ok(());
    }
    Err(StoreError::Change {
        detail: format!("the event {event} is not in the journal"),
    })
}

fn execute(
    connection: &Connection,
    doing: &'static str,
    statement: &str,
    values: impl rusqlite::Params,
) -> Result<usize, StoreError> {
    connection
        .prepare_cached(statement)
        .and_then(|mut statement| statement.execute(values))
        .map_err(|error| StoreError::while_doing(doing, error))
}
