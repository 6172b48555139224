//! Events that were acknowledged, so that the same acknowledgement again is no error.

use std::collections::VecDeque;

use push_message::Owner;

use crate::EventId;
use crate::rising::Rising;

/// The last events completed, each with its owner; bounded, the oldest give way.
#[derive(Debug, Default)]
pub(crate) struct Completed {
    owners: Rising<EventId, Owner>,
    order: VecDeque<EventId>,
}

impl Completed {
    pub(crate) fn add(&mut self, event: EventId, owner: Owner, bound: usize) {
        if self.owners.insert(event, owner).is_none() {
            self.order.push_back(event);
        }
        while self.order.len() > bound
            && let Some(oldest) = self.order.pop_front()
        {
            self.owners.remove(oldest);
        }
    }

    pub(crate) fn was_completed_by(&self, event: EventId, owner: &Owner) -> bool {
        self.owners.get(event) == Some(owner)
    }
}
