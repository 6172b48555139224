//! Reading everything back at start.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use push_core::{
    EventId, EventRecord, EventState, Fingerprint, RegistrationId, RegistrationRecord, SegmentId,
    SegmentRecord, Snapshot,
};
use push_message::{Accept, ApplicationId, Owner, PushApplicationId, UnixMillis};
use rusqlite::{Connection, Row};

use super::batches::{Batch, Batches};
use super::open::explain;
use super::write::{Counters, RECORD_OCTETS};
use crate::StoreError;
use crate::batch::{FRESH, unpack};
use crate::encoding::decode_push;
use crate::text::{parse_optional, parse_profiles, parse_state, parse_whitelist};

const REGISTRATIONS: &str = "SELECT id, owner, application_id, push_application_id, event_handler, whitelist, profiles, \
                             accept, suppress_equal_content_millis, registered, state, observes FROM registrations";
const EVENTS: &str =
    "SELECT id, registration, received, attempts, not_before, dead, push FROM events";
const BATCHES: &str = "SELECT id, events FROM batches";
const GONE: &str = "SELECT batch, events FROM gone";
const SEGMENTS: &str = "SELECT id, octets FROM segments";
const REMEMBERED: &str = "SELECT id, records FROM remembered ORDER BY id";
const META: &str = "SELECT value, name FROM meta";

/// Reads every row, of the log too.
pub(super) fn read_snapshot(
    connection: &Connection,
    path: &Path,
) -> Result<(Snapshot, Counters, Batches), StoreError> {
    let source = Source { connection, path };
    let mut registrations = source.rows("registrations", REGISTRATIONS, registration)?;
    registrations.sort_unstable_by_key(|registration| registration.id);
    let mut events = source.rows("events", EVENTS, event)?;
    let mut counters = Counters::default();
    for (name, value) in source.rows("meta", META, |value, row| {
        Ok(Some((row.get::<_, String>(1)?, value)))
    })? {
        counters.restore(&name, value);
    }
    if let Some(last) = events.iter().map(|event| event.id.0).max() {
        counters.see_event(last);
    }
    let batches = source.batches(&mut events, &mut counters)?;
    source.order(&mut events)?;
    let mut segments = source.rows("segments", SEGMENTS, |id, row| {
        let octets = row.get_ref(1)?.as_blob()?.into();
        let id = SegmentId(id);
        Ok(Some(SegmentRecord { id, octets }))
    })?;
    segments.sort_unstable_by_key(|segment| segment.id);
    let remembered = source.rows("remembered", REMEMBERED, |id, row| {
        Ok(records(row.get_ref(1)?.as_blob()?).map(|records| (id, records)))
    })?;
    if let Some(last) = registrations.last() {
        counters.see_registration(last.id);
    }
    for (id, records) in &remembered {
        counters.see_remembered(*id, records.len());
    }
    let snapshot = Snapshot {
        registrations,
        events,
        segments,
        remembered: remembered
            .into_iter()
            .flat_map(|(_, records)| records)
            .collect(),
        last_event: counters.last_event(),
        last_registration: counters.last_registration(),
    };
    Ok((snapshot, counters, batches))
}

struct Source<'a> {
    connection: &'a Connection,
    path: &'a Path,
}

impl Source<'_> {
    /// Every row of `query`, whose first column is a number; `decode` says nothing where a value is none of ours.
    fn rows<T>(
        &self,
        table: &str,
        query: &str,
        decode: impl Fn(u64, &Row<'_>) -> rusqlite::Result<Option<T>>,
    ) -> Result<Vec<T>, StoreError> {
        let explain = |error| explain(self.path, error);
        let mut statement = self.connection.prepare(query).map_err(explain)?;
        let mut rows = statement.query([]).map_err(explain)?;
        let mut decoded = Vec::new();
        while let Some(row) = rows.next().map_err(explain)? {
            let id = unsigned(row, 0).map_err(explain)?;
            let damaged =
                || self.damaged(format!("the row {id:#x} of `{table}` cannot be decoded"));
            decoded.push(decode(id, row).ok().flatten().ok_or_else(damaged)?);
        }
        Ok(decoded)
    }

    /// Puts the events of all batches that are not gone behind `events`.
    fn batches(
        &self,
        events: &mut Vec<EventRecord>,
        counters: &mut Counters,
    ) -> Result<Batches, StoreError> {
        let gone = self.rows("gone", GONE, |id, row| {
            let mask = unsigned(row, 1)?;
            Ok((mask != 0).then_some((id, mask)))
        })?;
        let mut gone: BTreeMap<u64, u64> = gone.into_iter().collect();
        let mut batches = Batches::default();
        let rows = self.rows("batches", BATCHES, |id, row| {
            Ok(batch(id, row.get_ref(1)?.as_blob()?))
        })?;
        for (id, of_batch) in rows {
            let mask = gone.remove(&id).unwrap_or(0);
            let count = u32::try_from(of_batch.len()).ok();
            let known = count.and_then(|count| Batch::new(count, mask));
            let known = known.filter(|known| known.living() != 0);
            let known = known.ok_or_else(|| {
                self.damaged(format!("the row {id:#x} of `gone` does not fit its batch"))
            })?;
            if let Some(last) = of_batch.last() {
                counters.see_event(last.id.0);
            }
            let counting = of_batch
                .into_iter()
                .filter(|event| known.living() & (1 << (event.id.0 - id)) != 0);
            events.extend(counting);
            batches.restore(id, known);
        }
        match gone.keys().next() {
            None => Ok(batches),
            Some(id) => Err(self.damaged(format!("the row {id:#x} of `gone` has no batch"))),
        }
    }

    /// Puts the events in order of their ids.
    fn order(&self, events: &mut [EventRecord]) -> Result<(), StoreError> {
        events.sort_unstable_by_key(|event| event.id);
        let twice = events
            .iter()
            .zip(events.iter().skip(1))
            .find(|(event, next)| event.id == next.id);
        match twice {
            None => Ok(()),
            Some((event, _)) => {
                Err(self.damaged(format!("the event {} is in the journal twice", event.id)))
            }
        }
    }

    fn damaged(&self, detail: String) -> StoreError {
        StoreError::Damaged {
            path: self.path.to_owned(),
            detail,
        }
    }
}

/// A number without a sign, whose bits are kept as they are.
fn unsigned(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    row.get(column).map(i64::cast_unsigned)
}

fn registration(id: u64, row: &Row<'_>) -> rusqlite::Result<Option<RegistrationRecord>> {
    let text = |column| row.get::<_, String>(column);
    let optional = |column| row.get::<_, Option<String>>(column);
    let (application_id, accept) = (optional(2)?, optional(7)?);
    let (push_application_id, whitelist, profiles) = (text(3)?, text(5)?, text(6)?);
    let (owner, event_handler, state) = (text(1)?, optional(4)?, text(10)?);
    let suppress: Option<i64> = row.get(8)?;
    let registered = UnixMillis(unsigned(row, 9)?);
    let observes: bool = row.get(11)?;
    let parsed = || {
        Some(RegistrationRecord {
            id: RegistrationId(id),
            owner: Owner::proved(owner),
            application_id: parse_optional(application_id.as_deref(), |text| {
                ApplicationId::parse(text).ok()
            })
            .ok()?,
            push_application_id: PushApplicationId::parse(&push_application_id).ok()?,
            event_handler: event_handler.map(String::into_boxed_str),
            whitelist: parse_whitelist(&whitelist)?,
            profiles: parse_profiles(&profiles)?,
            accept: parse_optional(accept.as_deref(), |text| Accept::parse(text).ok()).ok()?,
            suppress_equal_content_millis: suppress.map(i64::cast_unsigned),
            observes,
            registered,
            state: parse_state(&state)?,
        })
    };
    Ok(parsed())
}

fn event(id: u64, row: &Row<'_>) -> rusqlite::Result<Option<EventRecord>> {
    let registration: Option<i64> = row.get(1)?;
    let received = UnixMillis(unsigned(row, 2)?);
    let state = EventState {
        attempts: row.get(3)?,
        not_before: UnixMillis(unsigned(row, 4)?),
        dead: row.get(5)?,
    };
    let push = decode_push(row.get_ref(6)?.as_blob()?, received);
    Ok(push.map(|push| EventRecord {
        id: EventId(id),
        registration: registration.map(|id| RegistrationId(id.cast_unsigned())),
        push: Arc::new(push),
        state,
    }))
}

/// The events of a batch, the gone ones too.
fn batch(first: u64, blob: &[u8]) -> Option<(u64, Vec<EventRecord>)> {
    let events = unpack(blob)?;
    let events = (0..).zip(events).map(|(position, packed)| {
        Some(EventRecord {
            id: EventId(first.checked_add(position)?),
            registration: packed.registration,
            push: Arc::new(decode_push(packed.push, packed.received)?),
            state: FRESH,
        })
    });
    Some((first, events.collect::<Option<_>>()?))
}

fn records(blob: &[u8]) -> Option<Vec<(Fingerprint, UnixMillis)>> {
    let (records, rest) = blob.as_chunks::<RECORD_OCTETS>();
    if !rest.is_empty() {
        return None;
    }
    records.iter().map(record).collect()
}

fn record(record: &[u8; RECORD_OCTETS]) -> Option<(Fingerprint, UnixMillis)> {
    let (fingerprint, until) = record.split_first_chunk()?;
    Some((
        Fingerprint(u128::from_be_bytes(*fingerprint)),
        UnixMillis(u64::from_be_bytes(until.try_into().ok()?)),
    ))
}
