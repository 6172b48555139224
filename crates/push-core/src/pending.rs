//! Effects that the driver has not answered yet, with what each answer sets going.

use std::collections::{BTreeMap, BTreeSet};

use push_message::{Owner, Refusal};

use crate::dead_letters::Settling;
use crate::deregistering::Deregistering;
use crate::registering::Registering;
use crate::rising::Rising;
use crate::{
    Change, Decision, EventId, Fingerprint, PersistTicket, RegistrationId, RequestTicket, SegmentId,
};

/// What a [`Persist`](crate::Output::Persist) writes.
#[derive(Debug)]
pub(crate) enum Write {
    /// A push for an application.
    Push(PushWrite),
    /// A push that nobody is registered for.
    Hold(PushWrite),
    /// Held events, given to a registration.
    Assign {
        registration: RegistrationId,
        events: Vec<EventId>,
    },
    /// A registration of which the Push Servers are to be told next.
    Candidate(Box<Registering>),
    /// A registration that is in force once this is durable.
    Activation(Box<Registering>),
    /// The end of a registration.
    Removal(Box<Deregistering>),
    /// Acknowledgements.
    Acknowledgement {
        ticket: RequestTicket,
        owner: Owner,
        /// The events, each with the number of its settlement.
        events: Vec<(EventId, u64)>,
        refused: Vec<(EventId, Refusal)>,
    },
    /// What becomes of dead letters.
    DeadLetters(Settling),
    /// The removal of the segments of a push that needs no further write.
    Segments(Reply),
    /// What memory holds already; written again later if it fails.
    Housekeeping(Vec<Change>),
}

/// A push on its way into the journal.
#[derive(Debug)]
pub(crate) struct PushWrite {
    pub(crate) ticket: RequestTicket,
    pub(crate) decision: Decision,
    /// The event of the application that it is for.
    pub(crate) stored: Stored,
    /// Those of observers.
    pub(crate) copies: Vec<Stored>,
    /// The same transmission again, judged like this one once it is durable.
    pub(crate) repeats: Vec<Reply>,
}

/// An event on its way into the journal.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stored {
    pub(crate) event: EventId,
    /// The transmission, and the content where that counts.
    pub(crate) fingerprints: [Option<Fingerprint>; 2],
    /// For how many milliseconds the content counts.
    pub(crate) suppression: u64,
}

/// A verdict on its way to the driver.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) ticket: RequestTicket,
    pub(crate) decision: Decision,
    /// The segments that the push was put together from.
    pub(crate) segments: Box<[SegmentId]>,
}

/// What an [`Announce`](crate::Output::Announce) is for.
#[derive(Debug)]
pub(crate) enum Announcement {
    Registration(Box<Registering>),
    Deregistration(Box<Deregistering>),
}

/// Everything that waits for the driver.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    pub(crate) writes: Rising<PersistTicket, Write>,
    pub(crate) announcements: BTreeMap<PersistTicket, (std::time::Duration, Announcement)>,
    /// Changes that could not be written, for when the store can write again.
    pub(crate) unwritten: Vec<Change>,
    /// Events whose state could not be written: however often, it is written once, as it stands by then.
    pub(crate) unwritten_states: BTreeSet<EventId>,
    /// Repeats that wait for their first transmission, in all.
    pub(crate) repeats: usize,
    /// Settlements begun, in all.
    pub(crate) settlements: u64,
    last_ticket: u64,
}

impl Pending {
    /// Stands for the writes of earlier runs.
    pub(crate) const EARLIER: PersistTicket = PersistTicket(0);

    pub(crate) fn next_ticket(&mut self) -> PersistTicket {
        self.last_ticket += 1;
        PersistTicket(self.last_ticket)
    }
}
