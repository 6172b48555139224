//! What the driver may look at.

use std::ops::Bound;
use std::sync::Arc;

use push_message::{Owner, ReceivedPush, UnixMillis};

use crate::client::PushClient;
use crate::queue::Queue;
use crate::{EventId, RegistrationRecord};

/// A registration in force, as its owner may see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistrationView {
    /// The registration.
    pub record: Arc<RegistrationRecord>,
    /// Events that wait for the application.
    pub waiting: usize,
    /// Events delivered and not acknowledged.
    pub unacknowledged: usize,
    /// Whether a connection takes its events.
    pub connected: bool,
    /// How it stands with its event handler, where it has one.
    pub handler: Option<HandlerState>,
}

/// How it stands with an event handler.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HandlerState {
    /// How often in a row it could not be reached.
    pub failures: u32,
    /// Where it stands.
    pub stage: HandlerStage,
}

/// Where an event handler stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HandlerStage {
    /// Nobody wants it.
    Idle,
    /// It was asked for and is not there yet.
    Wanted,
    /// Its connection is there.
    Attached,
    /// It could not be reached and is left alone until then.
    Resting {
        /// When it is tried again, if events wait by then.
        until: UnixMillis,
    },
}

/// A dead letter: an event that was rejected or tried too often, kept until somebody decides or its lifetime is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// The event.
    pub event: EventId,
    /// The registration that it is for.
    pub record: Arc<RegistrationRecord>,
    /// The push.
    pub push: Arc<ReceivedPush>,
    /// Deliveries that were answered `later`, not in time, or with a rejection.
    pub failures: u32,
}

/// How much there is of everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Registrations in force.
    pub registrations: usize,
    /// Events that wait for their applications, those on their way into the journal included.
    pub waiting_events: usize,
    /// Events delivered and not acknowledged.
    pub unacknowledged_events: usize,
    /// Events held that matched nobody.
    pub held_events: usize,
    /// Dead letters.
    pub dead_letters: usize,
    /// Octets of all of these, as the bounds count them.
    pub octets: usize,
    /// Transmissions remembered.
    pub remembered: usize,
    /// Connections that take events.
    pub subscribers: usize,
    /// Fetches that wait.
    pub waiting_fetches: usize,
}

impl PushClient {
    /// The registrations in force of an owner, the earliest first.
    pub fn registrations_of(&self, owner: &Owner) -> impl Iterator<Item = RegistrationView> {
        self.registry
            .of_owner(owner)
            .map(|record| self.view_of(record))
    }

    /// The registrations in force of everybody, the earliest first.
    pub fn registrations(&self) -> impl Iterator<Item = RegistrationView> {
        self.registry.all().map(|record| self.view_of(record))
    }

    /// The dead letters of an owner, or of everybody, the earliest first; only those after this one, if one is named.
    pub fn dead_letters(
        &self,
        owner: Option<&Owner>,
        after: Option<EventId>,
    ) -> impl Iterator<Item = DeadLetter> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let letters = self.journal.dead().range((from, Bound::Unbounded));
        letters.filter_map(move |(&event, _)| {
            let letter = self.journal.get(event)?;
            let record = self.registry.get(letter.registration?)?;
            let is_meant = owner.is_none_or(|owner| *owner == record.owner);
            is_meant.then(|| DeadLetter {
                event,
                record: Arc::clone(record),
                push: Arc::clone(&letter.push),
                failures: letter.failures,
            })
        })
    }

    /// How much there is of everything.
    pub fn counts(&self) -> Counts {
        Counts {
            registrations: self.registry.len(),
            waiting_events: self.journal.queues().map(|queue| queue.waiting.len()).sum(),
            unacknowledged_events: self
                .journal
                .queues()
                .map(|queue| queue.under_way.len())
                .sum(),
            held_events: self.journal.held().len(),
            dead_letters: self.journal.dead().len(),
            octets: self.journal.octets(),
            remembered: self.duplicates.len(),
            subscribers: self.subscribers.len(),
            waiting_fetches: self.subscribers.waiting_fetches(),
        }
    }

    /// Why the store could not write the last time, unless it has written since.
    pub fn store_failure(&self) -> Option<&str> {
        self.store_failure.as_deref()
    }

    fn view_of(&self, record: &Arc<RegistrationRecord>) -> RegistrationView {
        let queue = self.journal.queue(record.id);
        RegistrationView {
            record: Arc::clone(record),
            waiting: queue.map_or(0, |queue: &Queue| queue.waiting.len()),
            unacknowledged: queue.map_or(0, |queue| queue.under_way.len()),
            connected: self.subscribers.first_for(record).is_some(),
            handler: self.handler_state(record),
        }
    }
}
