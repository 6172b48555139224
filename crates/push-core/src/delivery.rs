//! Events on their way to applications: in order of arrival, until each is acknowledged (Push-CAI 5.3).

use std::sync::Arc;
use std::time::Duration;

use crate::client::{PushClient, later};
use crate::journal::Stage;
use crate::subscribers::Taker;
use crate::timers::Timer;
use crate::{
    Change, Delivery, EventId, Now, Occurrence, Output, RegistrationId, RegistrationRecord,
    SubscriberId,
};

impl PushClient {
    /// Hands over what a registration's application may have by now: to its connection while the window has room, else
    /// to a fetch that waits.
    pub(crate) fn pump(&mut self, registration: RegistrationId, now: Now) {
        self.stop_resumption(registration);
        let Some(record) = self.registry.get(registration).map(Arc::clone) else {
            return;
        };
        while let Some((event, not_before)) = self.next_for(registration) {
            if not_before > now.monotonic {
                self.start_resumption(registration, not_before);
                break;
            }
            match self.subscribers.taker(&record) {
                // A fetch is the application's own, which goes before its handler.
                Taker::Ready(subscriber) if self.yields_to_fetch(&record, subscriber, now) => {}
                Taker::Ready(subscriber) => self.send(event, &record, subscriber, now),
                Taker::Full(subscriber) => {
                    if let Some(subscriber) = self.subscribers.get_mut(subscriber) {
                        subscriber.blocked.insert(registration);
                    }
                    if !self.serve_fetch(&record, now) {
                        return;
                    }
                }
                Taker::Nobody => {
                    if !self.serve_fetch(&record, now) {
                        self.want_handler(&record, now);
                        return;
                    }
                }
            }
        }
        self.relent(registration, now);
    }

    /// Whether somebody is there to take an event of a registration at once.
    pub(crate) fn is_taken(&self, registration: RegistrationId) -> bool {
        let Some(record) = self.registry.get(registration) else {
            return false;
        };
        !self.registry.is_ending(registration)
            && (matches!(self.subscribers.taker(record), Taker::Ready(_))
                || self.subscribers.fetch_for(record).is_some())
    }

    /// The event that is next for an application, and when it may have it. None while its end is being written, after
    /// which it may have none.
    pub(crate) fn next_for(&self, registration: RegistrationId) -> Option<(EventId, Duration)> {
        if self.registry.is_ending(registration) {
            return None;
        }
        let (id, event) = self.journal.head(registration)?;
        Some((id, event.not_before))
    }

    fn send(
        &mut self,
        event: EventId,
        record: &RegistrationRecord,
        subscriber: SubscriberId,
        now: Now,
    ) {
        let Some(delivery) = self.hand_over(event, record, Some(subscriber), now) else {
            return;
        };
        if let Some(subscriber) = self.subscribers.get_mut(subscriber) {
            subscriber.under_way.add(event);
        }
        self.outputs.push_back(Output::Deliver {
            subscriber,
            delivery,
        });
    }

    /// Notes that an event is under way, and starts to wait for its acknowledgement.
    //= specs/push-cai.md#push-event
    //# A push event MUST carry the content that the Push Server sent.
    //= specs/push-cai.md#push-event
    //# A push event MUST carry the MIME type of its content.
    pub(crate) fn hand_over(
        &mut self,
        event: EventId,
        record: &RegistrationRecord,
        taker: Option<SubscriberId>,
        now: Now,
    ) -> Option<Delivery> {
        let taking = taker.and_then(|id| self.subscribers.get_mut(id));
        let held = taking.map_or(Duration::ZERO, |subscriber| subscriber.held);
        let patience = self.settings.acknowledgement_timeout.saturating_add(held);
        let overdue = now.monotonic.saturating_add(patience);
        let handed = self.journal.depart(event, taker, overdue)?;
        handed.attempts = handed.attempts.saturating_add(1);
        handed.delivered = true;
        let (attempt, push) = (handed.attempts, Arc::clone(&handed.push));
        self.timers.start(overdue, Timer::Acknowledgement(event));
        self.occurred(Occurrence::Delivered { event, attempt });
        Some(Delivery {
            event,
            attempt,
            registration: record.id,
            push_application_id: record.push_application_id.clone(),
            application_id: record.application_id.clone(),
            push,
        })
    }

    /// Hands over what waited for room in a connection's window.
    pub(crate) fn unblock(&mut self, subscriber: Option<SubscriberId>, now: Now) {
        let Some(subscriber) = subscriber else {
            return;
        };
        while let Some(registration) = self.subscribers.unblock(subscriber) {
            self.pump(registration, now);
        }
    }

    /// No acknowledgement came in time: the event is tried again after a back-off.
    pub(crate) fn overdue(&mut self, event: EventId, now: Now) {
        let Some(late) = self.journal.get(event) else {
            return;
        };
        if late.settlement.is_some() {
            return;
        }
        let failures = late.failures.saturating_add(1);
        let not_before = now.monotonic + self.backoff(failures);
        let dead = failures >= self.settings.max_attempts;
        self.delay(event, failures, not_before, dead, now);
        if !self.is_ending(event) {
            let change = self.journal.state_change(event, now);
            self.keep_house(change.into_iter().collect());
        }
        self.bound_dead_letters(now);
    }

    /// Puts an event back behind a back-off, or among the dead letters.
    pub(crate) fn delay(
        &mut self,
        event: EventId,
        failures: u32,
        not_before: Duration,
        dead: bool,
        now: Now,
    ) {
        let taker = self.take_back(event);
        let Some(delayed) = self.journal.get_mut(event) else {
            return;
        };
        delayed.failures = failures;
        delayed.delivered = false;
        delayed.not_before = not_before;
        let registration = delayed.registration;
        if dead {
            self.journal.bury(event);
            self.occurred(Occurrence::Died { event });
            self.bound_letters_beside(event, now);
        } else {
            let until = later(now.unix, not_before.saturating_sub(now.monotonic));
            self.occurred(Occurrence::Delayed { event, until });
        }
        if let Some(registration) = registration {
            self.pump(registration, now);
        }
        self.unblock(taker, now);
    }

    /// Takes an event back from whoever has it, so that it waits; says which connection had it.
    pub(crate) fn take_back(&mut self, event: EventId) -> Option<SubscriberId> {
        let stage = self.journal.get(event)?.stage;
        let registration = self.journal.get(event)?.registration?;
        let owner = self.registry.get(registration)?.owner.clone();
        let taker = self.stop_waiting_for(event, stage);
        if !matches!(stage, Stage::Journalling | Stage::Assigning) {
            self.journal.come_back(event, &owner);
        }
        taker
    }

    fn stop_waiting_for(&mut self, event: EventId, stage: Stage) -> Option<SubscriberId> {
        let Stage::UnderWay { taker, overdue } = stage else {
            return None;
        };
        self.timers.stop(overdue, Timer::Acknowledgement(event));
        self.subscribers.release(taker, event);
        taker
    }

    /// The back-off after so many failures, with jitter.
    pub(crate) fn backoff(&mut self, failures: u32) -> Duration {
        self.doubled(
            self.settings.backoff_base,
            self.settings.backoff_limit,
            failures,
        )
    }

    /// The rest of an event handler after so many failures in a row, with jitter.
    pub(crate) fn handler_backoff(&mut self, failures: u32) -> Duration {
        self.doubled(
            self.settings.handler_backoff_base,
            self.settings.handler_backoff_limit,
            failures,
        )
    }

    fn doubled(&mut self, base: Duration, limit: Duration, failures: u32) -> Duration {
        let doublings = failures.saturating_sub(1).min(31);
        let delay = base.saturating_mul(1 << doublings).min(limit);
        self.random.jittered(delay)
    }

    /// Takes an event out of memory, with everything that waits for it; says which connection had it.
    pub(crate) fn forget_event(&mut self, event: EventId) -> Option<SubscriberId> {
        let forgotten = self.journal.remove(event)?;
        self.timers.stop(forgotten.expires, Timer::Expiry(event));
        self.stop_waiting_for(event, forgotten.stage)
    }

    /// Drops an event for good: it has expired, or has to give way.
    pub(crate) fn drop_event(&mut self, event: EventId, now: Now) {
        let registration = self.journal.registration_of(event);
        let taker = self.forget_event(event);
        self.keep_house(vec![Change::RemoveEvent(event)]);
        self.occurred(Occurrence::Expired {
            event,
            registration,
        });
        if let Some(registration) = registration {
            self.pump(registration, now);
        }
        self.unblock(taker, now);
    }

    pub(crate) fn expire(&mut self, event: EventId, now: Now) {
        self.drop_event(event, now);
    }

    /// Lets an event live for so long from here on.
    pub(crate) fn start_expiry(&mut self, event: EventId, lifetime: Duration, now: Now) {
        if let Some(stored) = self.journal.get_mut(event) {
            stored.expires = now.monotonic + lifetime;
            self.timers.start(stored.expires, Timer::Expiry(event));
        }
    }

    pub(crate) fn stop_expiry(&mut self, event: EventId) {
        if let Some(stored) = self.journal.get(event) {
            self.timers.stop(stored.expires, Timer::Expiry(event));
        }
    }

    /// Lets an event live for as long as it was to live when it arrived.
    pub(crate) fn restart_expiry(&mut self, event: EventId) {
        if let Some(stored) = self.journal.get(event) {
            self.timers.start(stored.expires, Timer::Expiry(event));
        }
    }

    /// Drops the oldest of the dead letters that are counted with this one, beyond their bound.
    pub(crate) fn bound_letters_beside(&mut self, letter: EventId, now: Now) {
        let most = self.settings.max_dead_letters_per_user;
        let Some(letters) = self.journal.dead_beside(letter) else {
            return;
        };
        let beyond = letters.len().saturating_sub(most);
        let oldest = letters.iter().copied().take(beyond).collect();
        self.drop_all(oldest, now);
    }

    /// Drops the oldest dead letters beyond the bound on all.
    pub(crate) fn bound_dead_letters(&mut self, now: Now) {
        while self.journal.dead().len() > self.settings.max_dead_letters
            && let Some((&oldest, _)) = self.journal.dead().first_key_value()
        {
            self.drop_event(oldest, now);
        }
    }

    fn start_resumption(&mut self, registration: RegistrationId, at: Duration) {
        if let Some(queue) = self.journal.queue_mut(registration) {
            queue.resumption = Some(at);
            self.timers.start(at, Timer::Resumption(registration));
        }
    }

    fn stop_resumption(&mut self, registration: RegistrationId) {
        let Some(queue) = self.journal.queue_mut(registration) else {
            return;
        };
        if let Some(at) = queue.resumption.take() {
            self.timers.stop(at, Timer::Resumption(registration));
            self.journal.tidy(registration);
        }
    }
}
