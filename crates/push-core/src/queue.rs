//! The events of one registration.

use std::time::Duration;

use crate::EventId;
use crate::rising::Rising;

/// What waits for, or is under way to, one application. Allocated only while there is something.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    /// Not under way, in order of arrival; the first may still be on its way into the journal.
    pub(crate) waiting: Rising<EventId>,
    /// Delivered and not acknowledged.
    pub(crate) under_way: Rising<EventId>,
    /// Octets of both.
    pub(crate) octets: usize,
    /// When the back-off of the first one ends, where somebody waits for that.
    pub(crate) resumption: Option<Duration>,
}

impl Queue {
    pub(crate) fn len(&self) -> usize {
        self.waiting.len() + self.under_way.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.under_way.is_empty()
    }

    /// Every event, in order of arrival.
    pub(crate) fn events(&self) -> Vec<EventId> {
        let mut events: Vec<_> = self.under_way.keys().chain(self.waiting.keys()).collect();
        events.sort_unstable();
        events
    }
}
