//! Event handlers (Push-CAI 5.1, `eventHandler`): who is asked for when events wait and nobody is there to take them.
//!
//! The machine knows no handler but by its registration: it asks the driver to activate it, and the driver attaches a connection on
//! its behalf, or starts the application, which attaches one of its own. What the handler says of an event is an acknowledgement
//! like any other; that it cannot be reached says nothing of the event, and rests the handler alone, longer with each failure
//! in a row. An application that takes its events itself goes before its handler.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use push_message::{Owner, Reason, Refusal, UnixMillis};

use crate::client::{PushClient, later};
use crate::selection::Selection;
use crate::timers::Timer;
use crate::{
    EventId, HandlerOf, HandlerStage, HandlerState, Now, Occurrence, Output, RegistrationId,
    RegistrationRecord, SubscriberId,
};

/// How it stands with the handler of one registration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Standing {
    /// How often in a row it could not be reached.
    failures: u32,
    stage: Stage,
}

/// Where a handler stands.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Nobody wants it.
    #[default]
    Idle,
    /// The driver was asked for it; it has until then.
    Wanted(Duration),
    /// This connection takes its events.
    Attached(SubscriberId),
    /// This connection has events under way, and gets no more: the application takes its events itself.
    Leaving(SubscriberId),
    /// It is left alone until then, by both clocks.
    Resting(Duration, UnixMillis),
}

/// Every handler that is at work, wanted, or has failed. There is none where nobody wants it and it works.
#[derive(Debug, Default)]
pub(crate) struct Handlers(BTreeMap<RegistrationId, Standing>);

impl Handlers {
    fn get(&self, registration: RegistrationId) -> Standing {
        self.0.get(&registration).copied().unwrap_or_default()
    }

    fn set(&mut self, registration: RegistrationId, standing: Standing) {
        if standing == Standing::default() {
            self.0.remove(&registration);
        } else {
            self.0.insert(registration, standing);
        }
    }

    fn set_stage(&mut self, registration: RegistrationId, stage: Stage) {
        let Standing { failures, .. } = self.get(registration);
        self.set(registration, Standing { failures, stage });
    }
}

impl PushClient {
    /// Events of a registration wait and nobody takes them: its handler is asked for, if it has one that is served.
    pub(crate) fn want_handler(&mut self, record: &Arc<RegistrationRecord>, now: Now) {
        let Some(handler) = record.event_handler.as_deref() else {
            return;
        };
        let Standing { failures, stage } = self.handlers.get(record.id);
        if stage != Stage::Idle || !self.serves_handler(handler) {
            return;
        }
        let deadline = now
            .monotonic
            .saturating_add(self.settings.activation_timeout);
        self.timers.start(deadline, Timer::Handler(record.id));
        self.handlers.set_stage(record.id, Stage::Wanted(deadline));
        self.outputs.push_back(Output::Activate {
            record: Arc::clone(record),
            probe: failures > 0,
        });
    }

    /// Whether handlers of this one's scheme are served.
    pub(crate) fn serves_handler(&self, handler: &str) -> bool {
        let scheme = handler_scheme(handler);
        scheme.is_some_and(|scheme| self.settings.handler_schemes.contains(&scheme))
    }

    /// Nothing waits that a handler could take at once: one that was asked for is wanted no longer.
    pub(crate) fn relent(&mut self, registration: RegistrationId, now: Now) {
        if self.handlers.0.is_empty() {
            return;
        }
        let Stage::Wanted(deadline) = self.handlers.get(registration).stage else {
            return;
        };
        let next = self.next_for(registration);
        if next.is_none_or(|(_, not_before)| not_before > now.monotonic) {
            self.no_longer_wanted(registration, deadline);
        }
    }

    /// A handler that was asked for until then is asked for no longer.
    fn no_longer_wanted(&mut self, registration: RegistrationId, deadline: Duration) {
        self.timers.stop(deadline, Timer::Handler(registration));
        self.handlers.set_stage(registration, Stage::Idle);
        self.deactivate(registration);
    }

    fn deactivate(&mut self, registration: RegistrationId) {
        self.outputs.push_back(Output::Deactivate { registration });
    }

    /// Whether a connection may take the events of a registration on behalf of its handler.
    pub(crate) fn admit_handler(
        &self,
        owner: &Owner,
        HandlerOf {
            registration,
            handler,
            held: _,
        }: &HandlerOf,
    ) -> Result<(), Refusal> {
        let registration = *registration;
        let record = self.registry.get(registration);
        let is_owners = record.is_some_and(|record| record.owner == *owner);
        if !is_owners || !self.has_handler(registration, handler) {
            return Err(has_ended(registration));
        }
        match self.handlers.get(registration).stage {
            Stage::Resting(..) => Err(Refusal::new(
                Reason::OptionNotAvailable,
                format!(
                    "the event handler of registration {registration} could not be reached and rests; it is asked for again"
                ),
            )),
            Stage::Idle | Stage::Wanted(_) | Stage::Attached(_) | Stage::Leaving(_) => Ok(()),
        }
    }

    /// A connection takes events on behalf of a handler; one that did so before is ended.
    pub(crate) fn handler_attached(
        &mut self,
        registration: RegistrationId,
        subscriber: SubscriberId,
        now: Now,
    ) {
        let before = self.handlers.get(registration).stage;
        self.handlers
            .set_stage(registration, Stage::Attached(subscriber));
        match before {
            Stage::Wanted(deadline) => self.timers.stop(deadline, Timer::Handler(registration)),
            Stage::Attached(former) | Stage::Leaving(former) => {
                self.end_connection(registration, former, now);
            }
            Stage::Idle | Stage::Resting(..) => {}
        }
        let own = self.registry.get(registration);
        if own.is_some_and(|record| self.subscribers.has_own(record)) {
            self.give_way(registration);
        }
    }

    /// A handler's connection is gone: it is asked for again when it is wanted again.
    pub(crate) fn handler_detached(
        &mut self,
        registration: RegistrationId,
        subscriber: SubscriberId,
    ) {
        match self.handlers.get(registration).stage {
            Stage::Attached(own) | Stage::Leaving(own) if own == subscriber => {
                self.handlers.set_stage(registration, Stage::Idle);
            }
            Stage::Idle
            | Stage::Wanted(_)
            | Stage::Attached(_)
            | Stage::Leaving(_)
            | Stage::Resting(..) => {}
        }
    }

    /// An application takes its events itself: the handlers of the registrations that it means give way.
    pub(crate) fn application_attached(&mut self, owner: &Owner, selection: &Selection) {
        let is_meant = |id: &RegistrationId| {
            let record = self.registry.get(*id);
            record.is_some_and(|record| record.owner == *owner && selection.fits(record))
        };
        let meant: Vec<_> = self.handlers.0.keys().copied().filter(is_meant).collect();
        for registration in meant {
            self.give_way(registration);
        }
    }

    /// What a handler's connection has under way stays there; the rest goes to the application.
    fn give_way(&mut self, registration: RegistrationId) {
        match self.handlers.get(registration).stage {
            Stage::Wanted(deadline) => self.no_longer_wanted(registration, deadline),
            Stage::Attached(subscriber) => {
                self.handlers
                    .set_stage(registration, Stage::Leaving(subscriber));
                if let Some(connection) = self.subscribers.get_mut(subscriber) {
                    connection.window = 0;
                }
                self.deactivate(registration);
            }
            Stage::Idle | Stage::Leaving(_) | Stage::Resting(..) => {}
        }
    }

    /// Something was heard of an event: whoever has it can be reached.
    pub(crate) fn handler_answered(&mut self, registration: RegistrationId) {
        if self.handlers.0.is_empty() {
            return;
        }
        let Standing { stage, .. } = self.handlers.get(registration);
        self.handlers
            .set(registration, Standing { failures: 0, stage });
    }

    /// Whether this is the handler of a registration.
    pub(crate) fn has_handler(&self, registration: RegistrationId, handler: &str) -> bool {
        let record = self.registry.get(registration);
        record.is_some_and(|record| record.event_handler.as_deref() == Some(handler))
    }

    /// A handler could not be reached: it rests. What it has under way waits again, as if it had not been given out.
    pub(crate) fn handler_failed(
        &mut self,
        registration: RegistrationId,
        reason: String,
        after: Option<Duration>,
        now: Now,
    ) {
        let Standing { failures, stage } = self.handlers.get(registration);
        let connection = match stage {
            Stage::Idle | Stage::Resting(..) => return,
            Stage::Wanted(deadline) => {
                self.timers.stop(deadline, Timer::Handler(registration));
                None
            }
            Stage::Attached(subscriber) | Stage::Leaving(subscriber) => Some(subscriber),
        };
        let failures = failures.saturating_add(1);
        let asked = after.unwrap_or_default().min(self.settings.event_lifetime);
        let rest = self.handler_backoff(failures).max(asked);
        let (at, until) = (now.monotonic + rest, later(now.unix, rest));
        let stage = Stage::Resting(at, until);
        self.handlers
            .set(registration, Standing { failures, stage });
        self.timers.start(at, Timer::Handler(registration));
        self.occurred(Occurrence::HandlerFailed {
            registration,
            until,
            reason,
        });
        if let Some(subscriber) = connection {
            self.unhand(subscriber);
            self.end_connection(registration, subscriber, now);
        }
    }

    /// A connection is gone. One on behalf of a handler has said what became of each event that the handler was given; the rest was on its
    /// way to it at most.
    pub(crate) fn leave(&mut self, subscriber: SubscriberId, now: Now) {
        let connection = self.subscribers.get_mut(subscriber);
        if connection.is_some_and(|connection| connection.selection.handler_of.is_some()) {
            self.unhand(subscriber);
        }
        self.unsubscribe(subscriber, now);
    }

    /// Takes the last delivery of what is under way to a connection as not having been.
    fn unhand(&mut self, subscriber: SubscriberId) {
        let connection = self.subscribers.get_mut(subscriber);
        let under_way: Vec<EventId> =
            connection.map_or_else(Vec::new, |connection| connection.under_way.keys().collect());
        for event in under_way {
            if let Some(event) = self.journal.get_mut(event)
                && event.settlement.is_none()
            {
                event.attempts = event.attempts.saturating_sub(1);
                event.delivered = false;
            }
        }
    }

    /// Ends a connection that was attached for a handler.
    fn end_connection(&mut self, registration: RegistrationId, subscriber: SubscriberId, now: Now) {
        self.outputs.push_back(Output::SubscriptionRefused {
            subscriber,
            refusal: has_ended(registration),
        });
        self.unsubscribe(subscriber, now);
    }

    /// The deadline of a handler has passed: it has rested, or nobody answered for it.
    pub(crate) fn handler_due(&mut self, registration: RegistrationId, now: Now) {
        match self.handlers.get(registration).stage {
            Stage::Wanted(_) => {
                let limit = self.settings.activation_timeout.as_secs();
                let reason = format!("nobody took its events within {limit} s");
                self.deactivate(registration);
                self.handler_failed(registration, reason, None, now);
            }
            Stage::Resting(..) => {
                self.handlers.set_stage(registration, Stage::Idle);
                self.pump(registration, now);
            }
            Stage::Idle | Stage::Attached(_) | Stage::Leaving(_) => {}
        }
    }

    /// What kept a handler from being reached is gone: it rests no longer. Its failures are forgotten by an answer alone.
    pub(crate) fn handler_returned(&mut self, registration: RegistrationId, now: Now) {
        if self.end_rest(registration) {
            self.pump(registration, now);
        }
    }

    /// A handler rests no longer; says whether it did.
    fn end_rest(&mut self, registration: RegistrationId) -> bool {
        let Stage::Resting(at, _) = self.handlers.get(registration).stage else {
            return false;
        };
        self.timers.stop(at, Timer::Handler(registration));
        self.handlers.set_stage(registration, Stage::Idle);
        true
    }

    /// A registration came in the place of another: the former handler is done with, or is tried again at once where it is the
    /// same.
    pub(crate) fn replace_handler(
        &mut self,
        former: &RegistrationRecord,
        record: &RegistrationRecord,
        now: Now,
    ) {
        if former.event_handler == record.event_handler {
            self.end_rest(record.id);
        } else {
            self.end_handler(record.id, now);
        }
    }

    /// A registration is gone, or has its handler no longer: what is at work for it is ended, and its failures are forgotten.
    pub(crate) fn end_handler(&mut self, registration: RegistrationId, now: Now) {
        let Some(standing) = self.handlers.0.remove(&registration) else {
            return;
        };
        match standing.stage {
            Stage::Idle => {}
            Stage::Resting(at, _) => self.timers.stop(at, Timer::Handler(registration)),
            Stage::Wanted(deadline) => {
                self.timers.stop(deadline, Timer::Handler(registration));
                self.deactivate(registration);
            }
            Stage::Attached(subscriber) => {
                self.deactivate(registration);
                self.end_connection(registration, subscriber, now);
            }
            Stage::Leaving(subscriber) => self.end_connection(registration, subscriber, now),
        }
    }

    /// Asks for the handlers of whatever waits at start.
    pub(crate) fn restore_handlers(&mut self, now: Now) {
        let with_handler = |record: &&Arc<RegistrationRecord>| record.event_handler.is_some();
        let registrations = self.registry.all().filter(with_handler);
        let registrations: Vec<_> = registrations.map(|record| record.id).collect();
        for registration in registrations {
            self.pump(registration, now);
        }
    }

    /// How it stands with the handler of a registration, if it has one.
    pub(crate) fn handler_state(&self, record: &RegistrationRecord) -> Option<HandlerState> {
        record.event_handler.as_ref()?;
        let Standing { failures, stage } = self.handlers.get(record.id);
        let stage = match stage {
            Stage::Idle => HandlerStage::Idle,
            Stage::Wanted(_) => HandlerStage::Wanted,
            Stage::Attached(_) | Stage::Leaving(_) => HandlerStage::Attached,
            Stage::Resting(_, until) => HandlerStage::Resting { until },
        };
        Some(HandlerState { failures, stage })
    }
}

/// The scheme of an event handler, in lower case; nothing where it is no URI.
pub fn handler_scheme(handler: &str) -> Option<String> {
    let (scheme, _) = handler.split_once(':')?;
    Some(scheme.to_ascii_lowercase())
}

fn has_ended(registration: RegistrationId) -> Refusal {
    Refusal::new(
        Reason::NotRegistered,
        format!("registration {registration} has no event handler that is to take its events"),
    )
}
