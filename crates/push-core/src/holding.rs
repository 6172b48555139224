//! Pushes that matched nobody, kept for an application that registers late.

use std::sync::Arc;

use push_message::ReceivedPush;

use crate::client::PushClient;
use crate::dispatch::{Judgement, Silent};
use crate::journal::{Event, Stage, octets_of};
use crate::pending::{PushWrite, Stored, Write};
use crate::taking::{Arrival, insertion, new_event, removal_of};
use crate::{Change, EventId, Full, Now, RegistrationId, Verdict, fingerprint};

impl PushClient {
    /// Whether a push that matched nobody is kept: its server gets no answer, so it does not know that nobody had it.
    pub(crate) fn holds(&self, push: &ReceivedPush) -> bool {
        !push.origin.answerable
            && !self.settings.hold_unmatched.is_zero()
            && self.settings.max_held_events > 0
    }

    /// Keeps a push for nobody yet.
    pub(crate) fn take_held(&mut self, arrival: Arrival, now: Now) {
        let fingerprints = [
            Some(fingerprint::of_transmission(&arrival.push, None)),
            None,
        ];
        let Some(arrival) = self.unless_repeated(arrival, fingerprints, now) else {
            return;
        };
        let octets = octets_of(&arrival.push);
        if !self.make_room_among_held(octets, now) {
            self.refuse_for_want_of_room(arrival, Full::Octets);
            return;
        }
        let Arrival {
            ticket,
            push,
            segments,
        } = arrival;
        let id = self.next_event(now);
        let event = Event {
            expires: now.monotonic + self.settings.hold_unmatched,
            ..new_event(Arc::clone(&push), None, octets)
        };
        self.journal.insert_held(id, event);
        let stored = Stored {
            event: id,
            fingerprints,
            suppression: 0,
        };
        let mut write = self.push_write(ticket, &push, stored, Vec::new());
        write.decision.verdict = Verdict::Held { event: id };
        let mut changes = vec![insertion(id, None, push)];
        changes.extend(removal_of(segments));
        self.remember_by(&mut changes, &stored, now);
        let persist = self.persist(changes, Write::Hold(write));
        self.remember_in_flight(persist, &stored, now);
    }

    /// The push is durable and nobody's; perhaps somebody has registered meanwhile.
    pub(crate) fn hold_written(&mut self, write: PushWrite, now: Now) {
        let event = write.stored.event;
        self.settle_push(write);
        if self.journal.get(event).is_some() {
            self.journal.hold(event);
            self.restart_expiry(event);
            self.bound_held(now);
            self.replay(&[event], now);
        }
    }

    /// Drops the oldest held events beyond the bound.
    pub(crate) fn bound_held(&mut self, now: Now) {
        while self.journal.held().len() > self.settings.max_held_events
            && let Some(&oldest) = self.journal.held().first()
        {
            self.drop_event(oldest, now);
        }
    }

    /// Gives every event that nobody has to whoever takes it by now.
    pub(crate) fn replay_held(&mut self, now: Now) {
        let held: Vec<_> = self.journal.held().iter().copied().collect();
        self.replay(&held, now);
    }

    fn replay(&mut self, held: &[EventId], now: Now) {
        let mut given: Vec<(RegistrationId, Vec<EventId>)> = Vec::new();
        for &event in held {
            let Some(registration) = self.give(event, now) else {
                continue;
            };
            match given.iter_mut().find(|(id, _)| *id == registration) {
                Some((_, events)) => events.push(event),
                None => given.push((registration, vec![event])),
            }
        }
        for (registration, events) in given {
            self.write_assignment(registration, events);
        }
    }

    /// Puts a held event into the queue of whoever takes it, if there is room: dead letters of the same user give way to it, as to
    /// one that arrives.
    fn give(&mut self, event: EventId, now: Now) -> Option<RegistrationId> {
        let held = self.journal.get(event)?;
        let octets = held.octets;
        let Judgement::For(record) = self.judge(&held.push, &mut Silent) else {
            return None;
        };
        self.check_queue(&record, octets).ok()?;
        let leaving = self.find_room_of_user(&record.owner, octets).ok()?;
        self.drop_all(leaving, now);
        self.stop_expiry(event);
        self.journal.assign(event, record.id, &record.owner);
        Some(record.id)
    }

    fn write_assignment(&mut self, registration: RegistrationId, events: Vec<EventId>) {
        let assign = |&event: &EventId| Change::AssignEvent {
            event,
            registration,
        };
        let changes = events.iter().map(assign).collect();
        self.persist(
            changes,
            Write::Assign {
                registration,
                events,
            },
        );
    }

    /// The events are the registration's.
    pub(crate) fn assigned(&mut self, registration: RegistrationId, events: &[EventId], now: Now) {
        for &event in events {
            let Some(given) = self.journal.get_mut(event) else {
                continue;
            };
            given.stage = Stage::Waiting;
            // It lives from its arrival on, by the clock that does not leap.
            let end = given.expires + self.settings.event_lifetime;
            let left = end.saturating_sub(self.settings.hold_unmatched + now.monotonic);
            self.start_expiry(event, left, now);
        }
        self.pump(registration, now);
    }

    /// The events stay nobody's.
    pub(crate) fn not_assigned(
        &mut self,
        registration: RegistrationId,
        events: &[EventId],
        now: Now,
    ) {
        for &event in events {
            self.journal.unassign(event);
            self.restart_expiry(event);
        }
        self.bound_held(now);
        self.pump(registration, now);
    }
}
