//! Applying changes inside a transaction.

use std::collections::BTreeMap;

use push_core::{
    Change, Fingerprint, RegistrationId, RegistrationRecord, SegmentId, SegmentRecord,
};
use push_message::{ApplicationId, UnixMillis};
use rusqlite::{Connection, params};

use super::batches::{Batches, Staged};
use super::journal::Journal;
use crate::text::{profiles_text, state_text, whitelist_text};
use crate::{StoreError, StoreSettings};

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
    /// What becomes of the batches once the transaction is committed.
    pub(super) staged: Staged,
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

    /// An event has a row, or a batch that it was in has.
    pub(super) fn see_event(&mut self, id: u64) {
        self.event.inserted(id);
    }

    /// The row of an event is removed, or that of its batch.
    pub(super) fn event_removed(&mut self, id: u64) {
        self.event.removed(id);
    }

    /// A registration has a row.
    pub(super) fn see_registration(&mut self, id: RegistrationId) {
        self.registration.inserted(id.0);
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

/// What a transaction works on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Database<'a> {
    pub(super) connection: &'a Connection,
    pub(super) batches: &'a Batches,
    pub(super) settings: &'a StoreSettings,
    /// Whether batches that little is left of are taken apart.
    pub(super) takes_apart: bool,
}

/// What one transaction does, and what it has gathered to write at its end.
pub(super) struct Statements<'a, 'c> {
    connection: &'a Connection,
    counters: &'a mut Counters,
    max_remembered: u32,
    journal: Journal<'a, 'c>,
    /// Transmissions to remember, by the end of their row.
    records: BTreeMap<u64, Vec<u8>>,
}

impl<'a, 'c> Statements<'a, 'c> {
    pub(super) fn new(database: Database<'a>, counters: &'a mut Counters) -> Self {
        Self {
            connection: database.connection,
            counters,
            max_remembered: database.settings.max_remembered,
            journal: Journal::new(database),
            records: BTreeMap::new(),
        }
    }

    pub(super) fn apply(
        &mut self,
        changes: &mut dyn Iterator<Item = &'c Change>,
    ) -> Result<(), StoreError> {
        for change in changes {
            match change {
                Change::PutRegistration(registration) => self.put_registration(registration)?,
                Change::RemoveRegistration(id) => self.remove_registration(*id)?,
                Change::InsertEvent(event) => self.journal.insert(event, self.counters)?,
                Change::AssignEvent {
                    event,
                    registration,
                } => self.journal.assign(*event, *registration, self.counters)?,
                Change::SetEventState { event, state } => {
                    self.journal.set_state(*event, *state, self.counters)?;
                }
                Change::RemoveEvent(id) => self.journal.remove(*id, self.counters)?,
                Change::PutSegment(segment) => self.put_segment(segment)?,
                Change::RemoveSegments(ids) => self.remove_segments(ids)?,
                Change::Remember { fingerprint, until } => self.remember(*fingerprint, *until),
            }
        }
        Ok(())
    }

    /// Writes what was gathered, and forgets some of what has outlived its time.
    pub(super) fn finish(&mut self, now: UnixMillis) -> Result<(), StoreError> {
        self.journal.finish(self.counters)?;
        self.write_records()?;
        self.forget_outlived(now)?;
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
        self.counters.see_registration(*id);
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

    fn forget_outlived(&mut self, now: UnixMillis) -> Result<(), StoreError> {
        // Ends are rounded up, so a row that ends in the current unit has nothing left to remember.
        let outlived = (((now.0 >> END_SHIFT).min(GREATEST_END) << 32) | 0xffff_ffff).cast_signed();
        let most = u64::from(self.max_remembered);
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

pub(super) fn execute(
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
