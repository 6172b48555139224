//! Observers: registrations that take copies of the pushes that fit them, beside the application that each is for.
//!
//! An observer fits by its id, or any; by its profiles; by its content types; and its own whitelist counts for it. The push and
//! all its copies are one write. The application that a push is for comes first: what it refuses for want of room is refused
//! for all, while an observer without room goes without its copy. Where observers alone take a push, it is accepted for
//! them. Each copy is an event like any other from then on.

use std::sync::Arc;

use push_message::{MediaType, PushApplicationId, ReceivedPush};

use crate::client::PushClient;
use crate::dispatch::{Judgement, accepts};
use crate::journal::octets_of;
use crate::pending::Stored;
use crate::taking::{Arrival, fingerprints_of};
use crate::whitelist::Listing;
use crate::{Fingerprint, Now, Occurrence, PushRefusal, RegistrationRecord};

/// A registration that is to have a push, or a copy of it.
#[derive(Debug)]
struct Share {
    record: Arc<RegistrationRecord>,
    fingerprints: [Option<Fingerprint>; 2],
}

impl PushClient {
    /// The observers that take a push, the earliest first. `meant` is the id of the application that it is for, where that is known
    /// better than by the push itself; no type: its content is not known yet.
    pub(crate) fn observers_of(
        &self,
        push: &ReceivedPush,
        meant: Option<&PushApplicationId>,
        media_type: Option<&MediaType>,
    ) -> Vec<Arc<RegistrationRecord>> {
        if !self.registry.has_observers() {
            return Vec::new();
        }
        let application = meant.or_else(|| self.application_of(push));
        let fits = |record: &&Arc<RegistrationRecord>| {
            let own = &record.push_application_id;
            (own.is_any() || application == Some(own))
                && self.profile_fits(record, &push.origin)
                && media_type.is_none_or(|media_type| accepts(record, media_type))
                && self.listing(Some(record), application, &push.origin, media_type)
                    != Listing::Unlisted
        };
        self.registry.observing().filter(fits).cloned().collect()
    }

    /// The observers of a push that was judged like this. None while an application that would take it is being registered: it
    /// is to be sent again, for that one too.
    pub(crate) fn observers_beside(
        &self,
        push: &ReceivedPush,
        judgement: &Judgement,
    ) -> Vec<Arc<RegistrationRecord>> {
        let meant = match judgement {
            Judgement::For(record) => Some(&record.push_application_id),
            Judgement::Refused(PushRefusal::NotYet) => return Vec::new(),
            Judgement::Unmatched | Judgement::Refused(_) => None,
        };
        self.observers_of(push, meant, Some(&push.message.content_type.media_type))
    }

    /// Whether an observer would take a push, whatever its content.
    pub(crate) fn has_observer_with_room(&self, announced: &ReceivedPush) -> bool {
        let octets = octets_of(announced);
        let observers = self.observers_of(announced, None, None);
        let mut observers = observers.iter();
        observers.any(|record| self.find_room(record, octets).is_ok())
    }

    /// Takes a push for its application, if there is one that takes it, and for observers.
    pub(crate) fn take_observed(
        &mut self,
        arrival: Arrival,
        application: Option<&Arc<RegistrationRecord>>,
        observers: &[Arc<RegistrationRecord>],
        now: Now,
    ) {
        let application = application.map(|record| share(record, &arrival.push));
        let (seen, observers): (Vec<_>, Vec<_>) = observers
            .iter()
            .map(|record| share(record, &arrival.push))
            .partition(|share| self.was_seen(share.fingerprints, now));
        let leading = application.as_ref().or_else(|| observers.first());
        let Some(first) = leading.or_else(|| seen.first()) else {
            return self.refuse_push(arrival, PushRefusal::NoSuchApplication);
        };
        // A transmission that came before is a repetition for all; content that came before, for whom it did alone.
        let [transmission, content] = first.fingerprints;
        let is_repeated = self.was_seen([transmission, None], now) || observers.is_empty();
        let checked = [transmission, content.filter(|_| is_repeated)];
        let Some(arrival) = self.unless_repeated(arrival, checked, now) else {
            return;
        };
        let is_suppressed = !is_repeated && self.was_seen([None, content], now);
        if is_suppressed && self.is_in_flight([None, content], now) {
            return self.refuse_push(arrival, PushRefusal::NoRoom);
        }
        let application = application.filter(|_| !is_suppressed);
        self.share_out(arrival, application, observers, is_suppressed, now);
    }

    /// Writes down an event for each that is to have a push and has room.
    fn share_out(
        &mut self,
        arrival: Arrival,
        application: Option<Share>,
        observers: Vec<Share>,
        is_suppressed: bool,
        now: Now,
    ) {
        let mut stored = Vec::with_capacity(1 + observers.len());
        let mut changes = Vec::with_capacity(2 + 2 * observers.len());
        if let Some(Share {
            record,
            fingerprints,
        }) = application
        {
            match self.enqueue(&record, fingerprints, &arrival.push, &mut changes, now) {
                Ok(one) => stored.push(one),
                Err(full) => return self.refuse_for_want_of_room(arrival, full),
            }
        }
        let mut without_room = Vec::new();
        for Share {
            record,
            fingerprints,
        } in observers
        {
            match self.enqueue(&record, fingerprints, &arrival.push, &mut changes, now) {
                Ok(one) => stored.push(one),
                Err(full) => without_room.push((record.id, full)),
            }
        }
        if let (true, Some((_, full))) = (stored.is_empty(), without_room.first()) {
            return self.refuse_for_want_of_room(arrival, *full);
        }
        for (registration, _) in without_room {
            self.occurred(Occurrence::CopyDropped { registration });
        }
        drop_repeated_fingerprints(&mut stored);
        let first = stored.remove(0);
        self.write_events(arrival, (first, stored), changes, is_suppressed, now);
    }

    fn was_seen(&self, fingerprints: [Option<Fingerprint>; 2], now: Now) -> bool {
        let mut fingerprints = fingerprints.into_iter().flatten();
        fingerprints.any(|one| self.duplicates.seen(one, now.monotonic).is_some())
    }

    fn is_in_flight(&self, fingerprints: [Option<Fingerprint>; 2], now: Now) -> bool {
        let mut seen = fingerprints
            .into_iter()
            .flatten()
            .filter_map(|one| self.duplicates.seen(one, now.monotonic));
        seen.any(|write| self.pending.writes.get(write).is_some())
    }
}

fn share(record: &Arc<RegistrationRecord>, push: &ReceivedPush) -> Share {
    Share {
        fingerprints: fingerprints_of(record, push),
        record: Arc::clone(record),
    }
}

/// Over most protocols a transmission is the same for all, and is remembered once.
fn drop_repeated_fingerprints(stored: &mut [Stored]) {
    let Some((first, copies)) = stored.split_first_mut() else {
        return;
    };
    let [transmission, _] = first.fingerprints;
    for copy in copies {
        let [own, _] = &mut copy.fingerprints;
        if *own == transmission {
            *own = None;
        }
    }
}
