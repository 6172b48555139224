//! Event handlers (Push-CAI 5.1, `eventHandler`): who is asked for when events wait and nobody is there to take them.
//!
//! The machine knows no handler but by its registration: it asks the driver to activate it, and the driver attaches a connection on
//! its behalf. What the handler says of an event is an acknowledgement like any other; that it cannot be reached says
//! nothing of the event, and rests the handler alone.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use push_message::UnixMillis;

use crate::client::{PushClient, later};
use crate::timers::Timer;
use crate::{
    HandlerStage, HandlerState, Now, Occurrence, Output, RegistrationId, RegistrationRecord,
    SubscriberId,
};

/// How it stands with the handler of one registration. There is none while nobody wants it and it works.
#[derive(Debug, Default)]
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
    /// The driver was asked for it.
    Wanted,
    /// This connection takes its events.
    Attached(SubscriberId),
    /// It is left alone until then, by both clocks.
    Resting(Duration, UnixMillis),
}

/// Every handler that is at work, wanted, or has failed.
#[derive(Debug, Default)]
pub(crate) struct Handlers(BTreeMap<RegistrationId, Standing>);

impl PushClient {
    /// Events of a registration wait and nobody takes them: its handler is asked for, if it has one.
    pub(crate) fn want_handler(&mut self, record: &Arc<RegistrationRecord>) {
        if record.event_handler.is_none() {
            return;
        }
        let standing = self.handlers.0.entry(record.id).or_default();
        if standing.stage != Stage::Idle {
            return;
        }
        standing.stage = Stage::Wanted;
        let probe = standing.failures > 0;
        self.outputs.push_back(Output::Activate {
            record: Arc::clone(record),
            probe,
        });
    }

    /// A connection takes events on behalf of a handler.
    pub(crate) fn handler_attached(
        &mut self,
        registration: RegistrationId,
        subscriber: SubscriberId,
    ) {
        let standing = self.handlers.0.entry(registration).or_default();
        standing.stage = Stage::Attached(subscriber);
    }

    /// A handler's connection is gone: it is asked for again when it is wanted again.
    pub(crate) fn handler_detached(&mut self, registration: RegistrationId) {
        if let Some(standing) = self.handlers.0.get_mut(&registration)
            && matches!(standing.stage, Stage::Attached(_))
        {
            standing.stage = Stage::Idle;
        }
    }

    /// A handler could not be reached: it rests.
    pub(crate) fn handler_failed(
        &mut self,
        registration: RegistrationId,
        reason: String,
        after: Option<Duration>,
        now: Now,
    ) {
        let Some(standing) = self.handlers.0.get_mut(&registration) else {
            return;
        };
        standing.failures = standing.failures.saturating_add(1);
        let (failures, stage) = (standing.failures, standing.stage);
        if let Stage::Attached(subscriber) = stage {
            self.unsubscribe(subscriber, now);
        }
        let asked = after.unwrap_or_default().min(self.settings.event_lifetime);
        let rest = self.handler_backoff(failures).max(asked);
        let (at, until) = (now.monotonic + rest, later(now.unix, rest));
        if let Some(standing) = self.handlers.0.get_mut(&registration) {
            standing.stage = Stage::Resting(at, until);
        }
        self.timers.start(at, Timer::Handler(registration));
        self.occurred(Occurrence::HandlerFailed {
            registration,
            until,
            reason,
        });
    }

    /// How it stands with the handler of a registration, if it has one.
    pub(crate) fn handler_state(&self, record: &RegistrationRecord) -> Option<HandlerState> {
        record.event_handler.as_ref()?;
        let standing = self.handlers.0.get(&record.id);
        let stage = standing.map_or(Stage::Idle, |standing| standing.stage);
        Some(HandlerState {
            failures: standing.map_or(0, |standing| standing.failures),
            stage: match stage {
                Stage::Idle => HandlerStage::Idle,
                Stage::Wanted => HandlerStage::Wanted,
                Stage::Attached(_) => HandlerStage::Attached,
                Stage::Resting(_, until) => HandlerStage::Resting { until },
            },
        })
    }

    /// A handler has rested.
    pub(crate) fn handler_rested(&mut self, registration: RegistrationId, now: Now) {
        if let Some(standing) = self.handlers.0.get_mut(&registration) {
            standing.stage = Stage::Idle;
            self.pump(registration, now);
        }
    }
}
