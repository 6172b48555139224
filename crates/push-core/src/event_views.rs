//! Where one event stands, for the driver to look at.

use std::sync::Arc;
use std::time::Duration;

use push_message::{ReceivedPush, UnixMillis};

use crate::client::{PushClient, later};
use crate::journal::Stage;
use crate::{EventId, Now, RegistrationId, RegistrationRecord};

/// An event and where it stands.
#[derive(Debug, Clone)]
pub struct EventView<'a> {
    /// The registration that it is for; absent: it is nobody's.
    pub record: Option<&'a Arc<RegistrationRecord>>,
    /// The push.
    pub push: &'a Arc<ReceivedPush>,
    /// Where it stands.
    pub stage: EventStage,
    /// Deliveries since the start.
    pub attempts: u32,
    /// Deliveries that were answered `later`, not in time, or with a rejection.
    pub failures: u32,
    /// When it is tried again, where it is put off.
    pub not_before: Option<UnixMillis>,
    /// When its lifetime is over.
    pub expires: UnixMillis,
}

/// Where an event stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventStage {
    /// It is being written.
    Journalling,
    /// It is nobody's yet.
    Held,
    /// It waits for its application.
    Waiting,
    /// It was handed over and is not acknowledged.
    UnderWay,
    /// It is a dead letter.
    Dead,
}

impl PushClient {
    /// Where an event stands; nothing where it is gone, or never was.
    pub fn event(&self, event: EventId, now: Now) -> Option<EventView<'_>> {
        let event = self.journal.get(event)?;
        let at = |moment: Duration| later(now.unix, moment.saturating_sub(now.monotonic));
        let stage = match event.stage {
            Stage::Journalling => EventStage::Journalling,
            Stage::Held => EventStage::Held,
            Stage::Assigning | Stage::Waiting => EventStage::Waiting,
            Stage::UnderWay { .. } => EventStage::UnderWay,
            Stage::Dead | Stage::Settling => EventStage::Dead,
        };
        let is_put_off = stage == EventStage::Waiting && event.not_before > now.monotonic;
        Some(EventView {
            record: event.registration.and_then(|id| self.registration(id)),
            push: &event.push,
            stage,
            attempts: event.attempts,
            failures: event.failures,
            not_before: is_put_off.then(|| at(event.not_before)),
            expires: at(event.expires),
        })
    }

    /// A registration in force.
    pub fn registration(&self, registration: RegistrationId) -> Option<&Arc<RegistrationRecord>> {
        self.registry.get(registration)
    }
}
