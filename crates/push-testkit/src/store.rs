//! A store in memory that answers as a test says.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use push_core::{
    Change, EventId, EventRecord, Fingerprint, PersistTicket, RegistrationId, RegistrationRecord,
    SegmentId, SegmentRecord, Snapshot,
};
use push_message::UnixMillis;

/// How the store answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum StoreAnswer {
    /// At once, with success.
    #[default]
    AtOnce,
    /// At once, with a failure.
    Failing,
    /// When it is asked to, by [`Store::write_next`] or [`Store::fail_next`].
    Late,
}

/// What is written down, and what waits to be.
#[derive(Debug, Default)]
pub struct Store {
    /// How it answers.
    pub answer: StoreAnswer,
    registrations: BTreeMap<RegistrationId, RegistrationRecord>,
    events: BTreeMap<EventId, EventRecord>,
    segments: BTreeMap<SegmentId, SegmentRecord>,
    remembered: BTreeMap<Fingerprint, UnixMillis>,
    last_event: u64,
    last_registration: u64,
    waiting: VecDeque<(PersistTicket, Vec<Change>)>,
    written: usize,
}

/// What the store says of one request.
pub(crate) type StoreResult = (PersistTicket, Result<(), String>);

impl Store {
    /// Takes a request; says what became of it unless that is to come later.
    pub(crate) fn take(
        &mut self,
        ticket: PersistTicket,
        changes: Vec<Change>,
    ) -> Option<StoreResult> {
        match self.answer {
            StoreAnswer::AtOnce => {
                self.write(changes);
                Some((ticket, Ok(())))
            }
            StoreAnswer::Failing => Some((ticket, Err("the disk is full".to_owned()))),
            StoreAnswer::Late => {
                self.waiting.push_back((ticket, changes));
                None
            }
        }
    }

    /// Writes the request that has waited longest.
    pub fn write_next(&mut self) -> Option<StoreResult> {
        let (ticket, changes) = self.waiting.pop_front()?;
        self.write(changes);
        Some((ticket, Ok(())))
    }

    /// Fails the request that has waited longest.
    pub fn fail_next(&mut self) -> Option<StoreResult> {
        let (ticket, _) = self.waiting.pop_front()?;
        Some((ticket, Err("the disk is full".to_owned())))
    }

    /// The changes of the request that has waited longest.
    pub fn next_changes(&self) -> &[Change] {
        self.waiting.front().map_or(&[], |(_, changes)| changes)
    }

    /// How many requests wait.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// How many requests were written, in all.
    pub const fn written(&self) -> usize {
        self.written
    }

    /// The registrations written down.
    pub fn registrations(&self) -> impl Iterator<Item = &RegistrationRecord> {
        self.registrations.values()
    }

    /// The events written down.
    pub fn events(&self) -> impl Iterator<Item = &EventRecord> {
        self.events.values()
    }

    /// Writes segments down, as the driver does by itself.
    pub fn put_segments(&mut self, segments: &[SegmentId]) {
        let octets: Box<[u8]> = Box::from(*b"segment");
        self.segments.extend(segments.iter().map(|&id| {
            (
                id,
                SegmentRecord {
                    id,
                    octets: octets.clone(),
                },
            )
        }));
    }

    /// The segments written down.
    pub fn segments(&self) -> impl Iterator<Item = SegmentId> {
        self.segments.keys().copied()
    }

    /// The machine has ended: what waits is lost; returns what was written.
    pub fn crash(&mut self) -> Snapshot {
        self.waiting.clear();
        self.snapshot()
    }

    /// What is written down.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            registrations: self.registrations.values().cloned().collect(),
            events: self.events.values().cloned().collect(),
            segments: self.segments.values().cloned().collect(),
            remembered: self
                .remembered
                .iter()
                .map(|(key, until)| (*key, *until))
                .collect(),
            last_event: self.last_event,
            last_registration: self.last_registration,
        }
    }

    fn write(&mut self, changes: Vec<Change>) {
        self.written += 1;
        for change in changes {
            self.write_one(change);
        }
    }

    fn write_one(&mut self, change: Change) {
        match change {
            Change::PutRegistration(record) => {
                self.last_registration = self.last_registration.max(record.id.0);
                self.registrations
                    .insert(record.id, Arc::unwrap_or_clone(record));
            }
            Change::RemoveRegistration(id) => {
                self.registrations.remove(&id);
            }
            Change::InsertEvent(record) => {
                self.last_event = self.last_event.max(record.id.0);
                self.events.insert(record.id, record);
            }
            Change::AssignEvent {
                event,
                registration,
            } => {
                self.written_event(event).registration = Some(registration);
            }
            Change::SetEventState { event, state } => {
                self.written_event(event).state = state;
            }
            Change::RemoveEvent(event) => {
                self.events.remove(&event);
            }
            Change::PutSegment(record) => {
                self.segments.insert(record.id, record);
            }
            Change::RemoveSegments(segments) => {
                self.segments.retain(|id, _| !segments.contains(id));
            }
            Change::Remember { fingerprint, until } => {
                self.remembered.insert(fingerprint, until);
            }
        }
    }

    /// A store refuses a change that contradicts what is written down, and the machine must not ask for one.
    #[expect(clippy::panic, reason = "a test is to fail")]
    fn written_event(&mut self, event: EventId) -> &mut EventRecord {
        match self.events.get_mut(&event) {
            Some(record) => record,
            None => panic!("event {event} is changed, but is not written down"),
        }
    }
}
