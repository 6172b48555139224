//! Connections over which applications take events, and fetches that wait for one.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use push_message::{Owner, ShareCounts};

use crate::rising::Rising;
use crate::selection::Selection;
use crate::{EventId, RegistrationId, RegistrationRecord, RequestTicket, SubscriberId};

/// A connection of an application.
#[derive(Debug)]
pub(crate) struct Subscriber {
    pub(crate) owner: Owner,
    pub(crate) selection: Selection,
    pub(crate) window: usize,
    /// For how long it may hold an event before an application is given it.
    pub(crate) held: Duration,
    pub(crate) under_way: Rising<EventId>,
    /// Registrations that have something for it once there is room in its window.
    pub(crate) blocked: BTreeSet<RegistrationId>,
}

/// A fetch that waits for an event.
#[derive(Debug)]
pub(crate) struct WaitingFetch {
    pub(crate) owner: Owner,
    pub(crate) selection: Selection,
    pub(crate) limit: usize,
    pub(crate) deadline: Duration,
}

/// Who takes the events of a registration at present.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taker {
    /// This connection.
    Ready(SubscriberId),
    /// This connection, once its window has room.
    Full(SubscriberId),
    /// No connection.
    Nobody,
}

/// Everybody who takes events.
#[derive(Debug, Default)]
pub(crate) struct Subscribers {
    connections: BTreeMap<SubscriberId, Subscriber>,
    /// The connections of each owner, in order of attachment.
    by_owner: BTreeMap<Owner, Vec<SubscriberId>>,
    fetches: BTreeMap<RequestTicket, WaitingFetch>,
    fetches_by_owner: BTreeMap<Owner, Vec<RequestTicket>>,
    shares: ShareCounts,
}

impl Subscribers {
    /// Connections and waiting fetches, those of event handlers apart.
    pub(crate) fn shares(&self) -> &ShareCounts {
        &self.shares
    }

    pub(crate) fn is_handlers(&self, id: SubscriberId) -> bool {
        let connection = self.connections.get(&id);
        connection.is_some_and(|connection| connection.selection.handler_of.is_some())
    }

    pub(crate) fn len(&self) -> usize {
        self.connections.len()
    }

    pub(crate) fn waiting_fetches(&self) -> usize {
        self.fetches.len()
    }

    pub(crate) fn get_mut(&mut self, id: SubscriberId) -> Option<&mut Subscriber> {
        self.connections.get_mut(&id)
    }

    /// Whether an application takes events of a registration over a connection of its own.
    pub(crate) fn has_own(&self, record: &RegistrationRecord) -> bool {
        let first = self.first_for(record);
        first.is_some_and(|id| !self.is_handlers(id))
    }

    /// The connection attached first whose selection fits; one of an event handler only where the application has none of its own.
    pub(crate) fn first_for(&self, record: &RegistrationRecord) -> Option<SubscriberId> {
        let candidates = self.by_owner.get(&record.owner)?;
        let fits = |id: &SubscriberId| {
            self.connections
                .get(id)
                .is_some_and(|subscriber| subscriber.selection.fits(record))
        };
        let fitting = || candidates.iter().copied().filter(fits);
        let own = fitting().find(|id| !self.is_handlers(*id));
        own.or_else(|| fitting().next())
    }

    pub(crate) fn taker(&self, record: &RegistrationRecord) -> Taker {
        let Some(id) = self.first_for(record) else {
            return Taker::Nobody;
        };
        let has_room = |subscriber: &Subscriber| subscriber.under_way.len() < subscriber.window;
        match self.connections.get(&id) {
            Some(subscriber) if has_room(subscriber) => Taker::Ready(id),
            Some(_) => Taker::Full(id),
            None => Taker::Nobody,
        }
    }

    pub(crate) fn attach(&mut self, id: SubscriberId, subscriber: Subscriber) {
        let of_owner = self.by_owner.entry(subscriber.owner.clone()).or_default();
        of_owner.push(id);
        if subscriber.selection.handler_of.is_none() {
            self.shares.add(&subscriber.owner);
        }
        self.connections.insert(id, subscriber);
    }

    pub(crate) fn detach(&mut self, id: SubscriberId) -> Option<Subscriber> {
        let subscriber = self.connections.remove(&id)?;
        remove_from(&mut self.by_owner, &subscriber.owner, id);
        if subscriber.selection.handler_of.is_none() {
            self.shares.remove(&subscriber.owner);
        }
        Some(subscriber)
    }

    /// Notes that an event is no longer under way to a connection.
    pub(crate) fn release(&mut self, taker: Option<SubscriberId>, event: EventId) {
        if let Some(subscriber) = taker.and_then(|id| self.connections.get_mut(&id)) {
            subscriber.under_way.remove(event);
        }
    }

    /// The next registration that waited for room in a connection's window, if there is room.
    pub(crate) fn unblock(&mut self, id: SubscriberId) -> Option<RegistrationId> {
        let subscriber = self.connections.get_mut(&id)?;
        if subscriber.under_way.len() >= subscriber.window {
            return None;
        }
        subscriber.blocked.pop_first()
    }

    pub(crate) fn add_fetch(&mut self, ticket: RequestTicket, fetch: WaitingFetch) {
        let of_owner = self
            .fetches_by_owner
            .entry(fetch.owner.clone())
            .or_default();
        of_owner.push(ticket);
        self.shares.add(&fetch.owner);
        self.fetches.insert(ticket, fetch);
    }

    /// The fetch that has waited longest for events of a registration.
    pub(crate) fn fetch_for(&self, record: &RegistrationRecord) -> Option<RequestTicket> {
        let waiting = self.fetches_by_owner.get(&record.owner)?;
        let fits = |ticket: &RequestTicket| {
            self.fetches
                .get(ticket)
                .is_some_and(|fetch| fetch.selection.fits(record))
        };
        waiting.iter().copied().find(fits)
    }

    pub(crate) fn remove_fetch(&mut self, ticket: RequestTicket) -> Option<WaitingFetch> {
        let fetch = self.fetches.remove(&ticket)?;
        remove_from(&mut self.fetches_by_owner, &fetch.owner, ticket);
        self.shares.remove(&fetch.owner);
        Some(fetch)
    }
}

fn remove_from<T: Copy + PartialEq>(index: &mut BTreeMap<Owner, Vec<T>>, owner: &Owner, item: T) {
    if let Some(items) = index.get_mut(owner) {
        items.retain(|other| *other != item);
        if items.is_empty() {
            index.remove(owner);
        }
    }
}
