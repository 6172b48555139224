//! Connections that come and go.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use push_message::{Owner, Reason, Refusal};

use crate::client::PushClient;
use crate::journal::Stage;
use crate::rising::Rising;
use crate::selection::Selection;
use crate::subscribers::Subscriber;
use crate::timers::Timer;
use crate::{EventId, Now, Output, RegistrationId, Selector, SubscriberId};

impl PushClient {
    pub(crate) fn subscribe(
        &mut self,
        subscriber: SubscriberId,
        owner: &Owner,
        selector: &Selector,
        after: Option<EventId>,
        window: u32,
        now: Now,
    ) {
        match self.admit_subscriber(owner, selector) {
            Ok(selection) => {
                let attached = Subscriber {
                    owner: owner.clone(),
                    selection,
                    window: self.window(window),
                    held: held_by(selector),
                    under_way: Rising::default(),
                    blocked: BTreeSet::new(),
                };
                if let Some(registration) = attached.selection.handler_of {
                    self.subscribers.attach(subscriber, attached);
                    self.handler_attached(registration, subscriber, now);
                } else {
                    self.application_attached(owner, &attached.selection);
                    self.subscribers.attach(subscriber, attached);
                }
                self.serve(subscriber, owner, after, now);
            }
            Err(refusal) => self.outputs.push_back(Output::SubscriptionRefused {
                subscriber,
                refusal,
            }),
        }
    }

    /// Parses a selector, and makes sure that the owner may have one more connection or fetch.
    pub(crate) fn admit_subscriber(
        &self,
        owner: &Owner,
        selector: &Selector,
    ) -> Result<Selection, Refusal> {
        let selection = Selection::parse(selector)?;
        if let Some(handler_of) = &selector.handler_of {
            self.admit_handler(owner, handler_of)?;
        }
        if selection.handler_of.is_none() {
            self.admit_one_more(owner)?;
        }
        Ok(selection)
    }

    fn admit_one_more(&self, owner: &Owner) -> Result<(), Refusal> {
        let shares = self.subscribers.shares();
        let checked = shares.check(owner, self.settings.subscriber_bounds());
        checked.map_err(|taken| {
            let connections = taken.describe("connections and waiting fetches", "max_subscribers");
            let detail = format!(
                "events are taken over {connections}, the most there may be; close one first"
            );
            Refusal::new(Reason::QuotaExceeded, detail)
        })
    }

    fn window(&self, asked: u32) -> usize {
        asked.min(self.settings.max_window).max(1) as usize
    }

    /// Serves a connection that has just been attached.
    fn serve(&mut self, subscriber: SubscriberId, owner: &Owner, after: Option<EventId>, now: Now) {
        for registration in self.journal.queued(owner) {
            if let Some(after) = after {
                self.await_received(registration, subscriber, after, now);
            }
            self.pump(registration, now);
        }
    }

    /// Waits for the acknowledgement of the events that the application says it has already received.
    fn await_received(
        &mut self,
        registration: RegistrationId,
        subscriber: SubscriberId,
        after: EventId,
        now: Now,
    ) {
        let Some(record) = self.registry.get(registration).map(Arc::clone) else {
            return;
        };
        if self.subscribers.first_for(&record) != Some(subscriber) {
            return;
        }
        let overdue = now.monotonic + self.settings.acknowledgement_timeout;
        for event in self.received(registration, after) {
            self.journal.depart(event, Some(subscriber), overdue);
            self.timers.start(overdue, Timer::Acknowledgement(event));
            if let Some(subscriber) = self.subscribers.get_mut(subscriber) {
                subscriber.under_way.add(event);
            }
        }
    }

    /// The events up to `after` that were delivered. One that was put off since is to come again, whatever came before.
    fn received(&self, registration: RegistrationId, after: EventId) -> Vec<EventId> {
        let Some(queue) = self.journal.queue(registration) else {
            return Vec::new();
        };
        let was_received = |id: &EventId| {
            self.journal.get(*id).is_some_and(|event| {
                event.stage == Stage::Waiting && event.delivered && event.settlement.is_none()
            })
        };
        let upto = queue.waiting.keys().take_while(|&event| event <= after);
        upto.filter(was_received).collect()
    }

    /// A connection is gone: what it had waits for the next one.
    pub(crate) fn unsubscribe(&mut self, subscriber: SubscriberId, now: Now) {
        let Some(gone) = self.subscribers.detach(subscriber) else {
            return;
        };
        if let Some(registration) = gone.selection.handler_of {
            self.handler_detached(registration, subscriber);
        }
        let mut registrations = gone.blocked;
        for event in gone.under_way.keys() {
            let registration = self.journal.registration_of(event);
            self.take_back(event);
            registrations.extend(registration);
        }
        for registration in registrations {
            self.pump(registration, now);
        }
    }
}

fn held_by(selector: &Selector) -> Duration {
    let handler_of = selector.handler_of.as_ref();
    handler_of.map_or(Duration::ZERO, |handler_of| handler_of.held)
}
