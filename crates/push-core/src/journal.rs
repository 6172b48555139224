//! The events that are written down, or about to be, and where each of them stands.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use push_message::{Owner, ReceivedPush};

use crate::accounts::{Account, Accounts, Letters};
use crate::queue::Queue;
use crate::sparse::Sparse;
use crate::{Change, EventId, EventState, Outcome, RegistrationId, SubscriberId, fingerprint};

/// What an event counts for beside its content and header text.
const EVENT_OVERHEAD: usize = 256;

/// Where an event stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// It is being written.
    Journalling,
    /// It is durable and nobody's.
    Held,
    /// It is durable, and being given to a registration.
    Assigning,
    /// It is durable and waits for its application.
    Waiting,
    /// It was delivered and is not acknowledged.
    UnderWay {
        /// The connection that has it; absent: a fetch took it.
        taker: Option<SubscriberId>,
        /// When the acknowledgement is overdue.
        overdue: Duration,
    },
    /// It is a dead letter.
    Dead,
    /// It was a dead letter, and what becomes of it is being written.
    Settling,
}

/// An acknowledgement that is being written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Settlement {
    pub(crate) outcome: Outcome,
    /// The state written; absent: the event is removed.
    pub(crate) state: Option<EventState>,
    /// Until when it is delayed, on the monotonic clock.
    pub(crate) not_before: Duration,
    /// How many requests wait for it.
    pub(crate) requests: usize,
    /// Which one it is, of all that there were.
    pub(crate) number: u64,
}

/// An event and its push.
#[derive(Debug)]
pub(crate) struct Event {
    /// Whose it is; absent: nobody's.
    pub(crate) registration: Option<RegistrationId>,
    pub(crate) push: Arc<ReceivedPush>,
    pub(crate) octets: usize,
    /// Deliveries.
    pub(crate) attempts: u32,
    /// Deliveries answered `later` or not at all.
    pub(crate) failures: u32,
    pub(crate) not_before: Duration,
    pub(crate) expires: Duration,
    /// Delivered, and not put off since.
    pub(crate) delivered: bool,
    pub(crate) stage: Stage,
    /// There is one only while it is being written, and it is large.
    pub(crate) settlement: Option<Box<Settlement>>,
}

/// Every event. Octets are counted from the moment that an event is to be written.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    events: Sparse<EventId, Event>,
    queues: BTreeMap<RegistrationId, (Whose, Queue)>,
    /// The queues of each owner, by a hash of the owner.
    queued: BTreeSet<(u64, RegistrationId)>,
    held: BTreeSet<EventId>,
    dead: Letters,
    octets: usize,
    /// Of these, the octets of each account.
    accounts: Accounts,
}

/// Whose a queue is.
#[derive(Debug, Clone, Copy)]
struct Whose {
    /// A hash of the owner.
    hash: u64,
    account: Account,
}

impl Whose {
    fn of(owner: &Owner) -> Self {
        let hash = fingerprint::of_text(owner.as_str());
        Self {
            hash,
            account: Account::of(owner, hash),
        }
    }
}

impl Journal {
    pub(crate) fn get(&self, id: EventId) -> Option<&Event> {
        self.events.get(id)
    }

    pub(crate) fn get_mut(&mut self, id: EventId) -> Option<&mut Event> {
        self.events.get_mut(id)
    }

    /// Whose an event is; nothing where it is gone, or nobody's.
    pub(crate) fn registration_of(&self, id: EventId) -> Option<RegistrationId> {
        self.get(id)?.registration
    }

    pub(crate) fn octets(&self) -> usize {
        self.octets
    }

    pub(crate) fn held(&self) -> &BTreeSet<EventId> {
        &self.held
    }

    /// The dead letters, each with whose it is.
    pub(crate) fn dead(&self) -> &BTreeMap<EventId, Account> {
        self.dead.all()
    }

    /// The dead letters that are counted with this one, which is among them.
    pub(crate) fn dead_beside(&self, letter: EventId) -> Option<&BTreeSet<EventId>> {
        let account = self.dead.all().get(&letter)?;
        self.dead.of(*account)
    }

    /// The dead letters that are counted with an owner's.
    pub(crate) fn dead_with(&self, owner: &Owner) -> impl Iterator<Item = &EventId> {
        self.dead.of(Whose::of(owner).account).into_iter().flatten()
    }

    /// What gives way to events of applications, in this order: events that nobody has, and dead letters.
    pub(crate) fn giving_way(&self) -> impl Iterator<Item = &EventId> {
        self.held.iter().chain(self.dead.all().keys())
    }

    /// The octets of an owner and those that are counted with it: of its user, where it has one.
    pub(crate) fn octets_with(&self, owner: &Owner) -> usize {
        self.accounts.octets(Whose::of(owner).account)
    }

    pub(crate) fn queue(&self, registration: RegistrationId) -> Option<&Queue> {
        self.queues.get(&registration).map(|(_, queue)| queue)
    }

    pub(crate) fn queue_mut(&mut self, registration: RegistrationId) -> Option<&mut Queue> {
        self.queues.get_mut(&registration).map(|(_, queue)| queue)
    }

    pub(crate) fn queues(&self) -> impl Iterator<Item = &Queue> {
        self.queues.values().map(|(_, queue)| queue)
    }

    /// Registrations of an owner that have events, with those of owners whose hash is the same.
    pub(crate) fn queued(&self, owner: &Owner) -> Vec<RegistrationId> {
        let hash = fingerprint::of_text(owner.as_str());
        self.queued
            .range((hash, RegistrationId(0))..=(hash, RegistrationId(u64::MAX)))
            .map(|&(_, id)| id)
            .collect()
    }

    /// The event that a registration's application gets next, if it may have one at all.
    pub(crate) fn head(&self, registration: RegistrationId) -> Option<(EventId, &Event)> {
        let id = self.queue(registration)?.waiting.first()?;
        let event = self.events.get(id)?;
        (event.stage == Stage::Waiting && event.settlement.is_none()).then_some((id, event))
    }

    /// Whether an event is the first of those that wait for a registration's application.
    pub(crate) fn is_first(&self, registration: RegistrationId, event: EventId) -> bool {
        let queue = self.queue(registration);
        queue.is_some_and(|queue| queue.waiting.first() == Some(event))
    }

    /// Adds an event that belongs to nobody.
    pub(crate) fn insert_held(&mut self, id: EventId, event: Event) {
        if event.stage == Stage::Held {
            self.held.insert(id);
        }
        self.octets += event.octets;
        self.events.insert(id, event);
    }

    /// Adds an event of a registration.
    pub(crate) fn insert_queued(&mut self, id: EventId, owner: &Owner, event: Event) {
        self.octets += event.octets;
        match event.registration {
            Some(_) if event.stage == Stage::Dead => {
                let account = Whose::of(owner).account;
                self.accounts.add(account, event.octets);
                self.dead.insert(id, account);
            }
            Some(registration) => {
                let octets = event.octets;
                self.enqueue(registration, owner, id, octets);
            }
            None => {}
        }
        self.events.insert(id, event);
    }

    /// Takes an event out, wherever it stands.
    pub(crate) fn remove(&mut self, id: EventId) -> Option<Event> {
        let event = self.events.remove(id)?;
        self.octets -= event.octets;
        self.held.remove(&id);
        if let Some(account) = self.dead.remove(id) {
            self.accounts.remove(account, event.octets);
        }
        if let Some(registration) = event.registration {
            self.dequeue(registration, id, event.octets);
        }
        Some(event)
    }

    /// Marks an event that nobody had as durable.
    pub(crate) fn hold(&mut self, id: EventId) {
        if let Some(event) = self.events.get_mut(id) {
            event.stage = Stage::Held;
            event.registration = None;
            self.held.insert(id);
        }
    }

    /// Puts a held event into the queue of a registration, where it waits until that is written down.
    pub(crate) fn assign(&mut self, id: EventId, registration: RegistrationId, owner: &Owner) {
        let Some(event) = self.events.get_mut(id) else {
            return;
        };
        event.stage = Stage::Assigning;
        event.registration = Some(registration);
        let octets = event.octets;
        self.held.remove(&id);
        self.enqueue(registration, owner, id, octets);
    }

    /// Takes an event back that could not be given to a registration.
    pub(crate) fn unassign(&mut self, id: EventId) {
        let Some(event) = self.events.get(id) else {
            return;
        };
        if let (Stage::Assigning, Some(registration)) = (event.stage, event.registration) {
            let octets = event.octets;
            self.dequeue(registration, id, octets);
            self.hold(id);
        }
    }

    /// Notes that an event is under way.
    pub(crate) fn depart(
        &mut self,
        id: EventId,
        taker: Option<SubscriberId>,
        overdue: Duration,
    ) -> Option<&mut Event> {
        let event = self.events.get_mut(id)?;
        event.stage = Stage::UnderWay { taker, overdue };
        if let Some((_, queue)) = event.registration.and_then(|id| self.queues.get_mut(&id)) {
            queue.waiting.remove(id);
            queue.under_way.add(id);
        }
        Some(event)
    }

    /// Puts an event that was under way, or dead, back among those that wait.
    pub(crate) fn come_back(&mut self, id: EventId, owner: &Owner) {
        let Some(event) = self.events.get_mut(id) else {
            return;
        };
        let Some(registration) = event.registration else {
            return;
        };
        event.stage = Stage::Waiting;
        let octets = event.octets;
        if let Some(account) = self.dead.remove(id) {
            self.accounts.remove(account, octets);
            self.enqueue(registration, owner, id, octets);
        } else if let Some((_, queue)) = self.queues.get_mut(&registration) {
            queue.under_way.remove(id);
            queue.waiting.add(id);
        }
    }

    /// Makes an event a dead letter.
    pub(crate) fn bury(&mut self, id: EventId) {
        let Some(event) = self.events.get_mut(id) else {
            return;
        };
        event.stage = Stage::Dead;
        if self.dead.all().contains_key(&id) {
            return;
        }
        let (registration, octets) = (event.registration, event.octets);
        let queue = registration.and_then(|registration| self.queues.get(&registration));
        if let (Some(registration), Some((whose, _))) = (registration, queue) {
            let account = whose.account;
            self.accounts.add(account, octets);
            self.dead.insert(id, account);
            self.dequeue(registration, id, octets);
        }
    }

    /// Every event of a registration, dead letters included.
    pub(crate) fn of_registration(&self, registration: RegistrationId) -> Vec<EventId> {
        let queue = self.queue(registration).into_iter();
        let is_its = |id: &EventId| {
            self.events
                .get(*id)
                .is_some_and(|event| event.registration == Some(registration))
        };
        let dead = self.dead.all().keys().copied().filter(is_its);
        queue.flat_map(Queue::events).chain(dead).collect()
    }

    /// The change that writes down how far the delivery of an event got, as it stands at this time.
    pub(crate) fn state_change(&self, id: EventId, now: crate::Now) -> Option<Change> {
        let event = self.events.get(id)?;
        let delay = event.not_before.saturating_sub(now.monotonic);
        let state = EventState {
            attempts: event.failures,
            not_before: if delay.is_zero() {
                push_message::UnixMillis(0)
            } else {
                crate::client::later(now.unix, delay)
            },
            dead: event.stage == Stage::Dead,
        };
        Some(Change::SetEventState { event: id, state })
    }

    fn enqueue(&mut self, registration: RegistrationId, owner: &Owner, id: EventId, octets: usize) {
        let (whose, queue) = self.queues.entry(registration).or_insert_with(|| {
            let whose = Whose::of(owner);
            self.queued.insert((whose.hash, registration));
            (whose, Queue::default())
        });
        self.accounts.add(whose.account, octets);
        queue.waiting.add(id);
        queue.octets += octets;
    }

    fn dequeue(&mut self, registration: RegistrationId, id: EventId, octets: usize) {
        let Some((whose, queue)) = self.queues.get_mut(&registration) else {
            return;
        };
        if queue.under_way.remove(id).is_some() || queue.waiting.remove(id).is_some() {
            queue.octets -= octets;
            self.accounts.remove(whose.account, octets);
        }
        self.tidy(registration);
    }

    /// Drops a queue that has neither events nor a timer.
    pub(crate) fn tidy(&mut self, registration: RegistrationId) {
        if let Some((whose, queue)) = self.queues.get(&registration)
            && queue.is_empty()
            && queue.resumption.is_none()
        {
            self.queued.remove(&(whose.hash, registration));
            self.queues.remove(&registration);
        }
    }
}

/// What an event counts for in the bounds on octets.
pub(crate) fn octets_of(push: &ReceivedPush) -> usize {
    let message = &push.message;
    EVENT_OVERHEAD
        + message.content.len()
        + message.headers.text_length()
        + message.content_type.media_type.as_str().len()
        + message.content_type.parameters.text_length()
        + push.origin.transaction.len()
        + push
            .origin
            .proved_names
            .iter()
            .map(|name| name.len())
            .sum::<usize>()
}
