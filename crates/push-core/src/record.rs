//! What is written down, and what is read back at start.

use std::sync::Arc;

use push_message::{
    Accept, ApplicationId, ConnectionProfile, Owner, PushApplicationId, ReceivedPush, UnixMillis,
    Whitelist,
};

use crate::{EventId, RegistrationId, SegmentId};

/// A registration with everything that a deregistration needs later (Push-CAI 5.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistrationRecord {
    /// Its id.
    pub id: RegistrationId,
    /// Whom it belongs to.
    pub owner: Owner,
    /// The application's own name.
    pub application_id: Option<ApplicationId>,
    /// The Push Application ID; of an observer perhaps [`ANY`](PushApplicationId::ANY).
    pub push_application_id: PushApplicationId,
    /// Where events go; absent: to the application's own connection.
    pub event_handler: Option<Box<str>>,
    /// The application's own whitelist.
    pub whitelist: Whitelist,
    /// Its profiles; empty: every protocol that is supported by default, on its standard port.
    pub profiles: Box<[ConnectionProfile]>,
    /// The types it asked for; absent: any.
    pub accept: Option<Accept>,
    /// For how many milliseconds equal content from anywhere is one push; absent: never.
    pub suppress_equal_content_millis: Option<u64>,
    /// It takes copies of the pushes that fit it, beside the application that each is for.
    pub observes: bool,
    /// When it was made.
    pub registered: UnixMillis,
    /// How far it got.
    pub state: RegistrationState,
}

/// How far a registration got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RegistrationState {
    /// Written down, but the Push Servers have not answered. Undone at start. One that is to replace another is written
    /// under an id of its own, beside the one in force, until both are swapped in one write.
    Pending,
    /// In force.
    Active,
}

/// An event as the journal holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRecord {
    /// Its id.
    pub id: EventId,
    /// The registration that it is for; absent: nobody yet.
    pub registration: Option<RegistrationId>,
    /// The push.
    pub push: Arc<ReceivedPush>,
    /// How far its delivery got.
    pub state: EventState,
}

/// How far the delivery of an event got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventState {
    /// Deliveries so far that were answered `later` or not in time, or that the application rejected.
    pub attempts: u32,
    /// Not before this time; 0: at once.
    pub not_before: UnixMillis,
    /// Whether the application rejected it, or it was tried too often: kept, not delivered.
    pub dead: bool,
}

/// What tells one transmission from another: a hash of server, protocol, transaction identity and octets; or, for the
/// suppression of equal content, of registration and content. A dead letter that is delivered again is remembered as well, by its
/// id, until its new life is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(pub u128);

/// A segment of a push that has not arrived whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentRecord {
    /// Its id.
    pub id: SegmentId,
    /// What the driver wrote into it.
    pub octets: Box<[u8]>,
}

/// One change to what is written down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Insert a registration, or put this in the place of the one with the same id.
    PutRegistration(Arc<RegistrationRecord>),
    /// Remove a registration. Its events are left to their own changes.
    RemoveRegistration(RegistrationId),
    /// Insert an event.
    InsertEvent(EventRecord),
    /// Give an event that nobody was registered for to a registration.
    AssignEvent {
        /// The event.
        event: EventId,
        /// Its registration from here on.
        registration: RegistrationId,
    },
    /// Write down how far the delivery of an event got.
    SetEventState {
        /// The event.
        event: EventId,
        /// Its state.
        state: EventState,
    },
    /// Remove an event: delivered, expired, or its application is gone.
    RemoveEvent(EventId),
    /// Insert a segment, or put this in the place of the one with the same id.
    PutSegment(SegmentRecord),
    /// Remove segments. Those that are not there are no error.
    RemoveSegments(Box<[SegmentId]>),
    /// Remember a transmission until then; the store forgets it by itself afterwards.
    Remember {
        /// The transmission.
        fingerprint: Fingerprint,
        /// Until when.
        until: UnixMillis,
    },
}

/// Everything that was written down, as read at start: ordered by id.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// The registrations.
    pub registrations: Vec<RegistrationRecord>,
    /// The journal.
    pub events: Vec<EventRecord>,
    /// The segments of pushes that had not arrived whole. The machine leaves them to the driver.
    pub segments: Vec<SegmentRecord>,
    /// The transmissions remembered.
    pub remembered: Vec<(Fingerprint, UnixMillis)>,
    /// The greatest event id ever written, so that none is used twice; 0 where there was none.
    pub last_event: u64,
    /// The greatest registration id ever written; 0 where there was none.
    pub last_registration: u64,
}
