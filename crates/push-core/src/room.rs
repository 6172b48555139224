//! Room for what waits: in the queue of a registration, among what its owner's user has, and among all.

use std::collections::BTreeSet;

use push_message::Owner;

use crate::client::PushClient;
use crate::{EventId, Now, RegistrationRecord};

/// The bound that leaves no room for an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Full {
    /// [`Settings::max_queue_events`](crate::Settings::max_queue_events).
    QueueEvents,
    /// [`Settings::max_queue_octets`](crate::Settings::max_queue_octets).
    QueueOctets,
    /// [`Settings::max_octets_per_user`](crate::Settings::max_octets_per_user).
    OctetsOfUser,
    /// [`Settings::max_total_octets`](crate::Settings::max_total_octets).
    Octets,
}

impl Full {
    /// What there is as much of as there may be, and the setting that says how much.
    pub const fn describe(self) -> &'static str {
        match self {
            Self::QueueEvents => {
                "as many events wait for the application as there may be (`max_queue_events`)"
            }
            Self::QueueOctets => {
                "as many octets wait for the application as there may be (`max_queue_octets`)"
            }
            Self::OctetsOfUser => {
                "as many octets wait for the applications of its user, or of its service or token, as there may be \
                 (`max_octets_per_user`)"
            }
            Self::Octets => "as many octets wait in all as there may be (`max_total_octets`)",
        }
    }
}

impl PushClient {
    /// Whether the queue of a registration has room for an event.
    pub(crate) fn check_queue(
        &self,
        record: &RegistrationRecord,
        octets: usize,
    ) -> Result<(), Full> {
        let queue = self.journal.queue(record.id);
        let (events, has) = queue.map_or((0, 0), |queue| (queue.len(), queue.octets));
        if events >= self.settings.max_queue_events {
            Err(Full::QueueEvents)
        } else if has.saturating_add(octets) > self.settings.max_queue_octets {
            Err(Full::QueueOctets)
        } else {
            Ok(())
        }
    }

    /// What gives way to an event of a registration, if that makes room for it: dead letters of the same user where that has too
    /// much, then events that nobody has, then dead letters.
    pub(crate) fn find_room(
        &self,
        record: &RegistrationRecord,
        octets: usize,
    ) -> Result<Vec<EventId>, Full> {
        self.check_queue(record, octets)?;
        let mut leaving = self.find_room_of_user(&record.owner, octets)?;
        let excess = self.excess(octets);
        if excess > 0 {
            let left = excess.saturating_sub(self.octets_together(&leaving));
            let gone: BTreeSet<_> = leaving.iter().copied().collect();
            let others = self.journal.giving_way();
            let others = self.oldest(others.filter(|event| !gone.contains(*event)), left);
            leaving.extend(others.ok_or(Full::Octets)?);
        }
        Ok(leaving)
    }

    /// The dead letters that give way to an event among what the user of an owner has, if that makes room for it.
    pub(crate) fn find_room_of_user(
        &self,
        owner: &Owner,
        octets: usize,
    ) -> Result<Vec<EventId>, Full> {
        let has = self.journal.octets_with(owner).saturating_add(octets);
        let excess = has.saturating_sub(self.settings.max_octets_per_user);
        if excess == 0 {
            return Ok(Vec::new());
        }
        let leaving = self.oldest(self.journal.dead_with(owner), excess);
        leaving.ok_or(Full::OctetsOfUser)
    }

    /// Makes sure that no more octets wait in all than may, as far as what gives way is enough.
    pub(crate) fn bound_octets(&mut self, now: Now) {
        let leaving = self.oldest(self.journal.giving_way(), self.excess(0));
        self.drop_all(leaving.unwrap_or_default(), now);
    }

    /// Makes sure that an event that nobody has fits into the bound on all octets: only others that nobody has give way.
    pub(crate) fn make_room_among_held(&mut self, octets: usize, now: Now) -> bool {
        let leaving = self.oldest(self.journal.held().iter(), self.excess(octets));
        let fits = leaving.is_some();
        self.drop_all(leaving.unwrap_or_default(), now);
        fits
    }

    pub(crate) fn drop_all(&mut self, leaving: Vec<EventId>, now: Now) {
        for event in leaving {
            self.drop_event(event, now);
        }
    }

    /// How many octets too many there would be with so many more.
    fn excess(&self, octets: usize) -> usize {
        let all = self.journal.octets().saturating_add(octets);
        all.saturating_sub(self.settings.max_total_octets)
    }

    fn octets_together(&self, events: &[EventId]) -> usize {
        let events = events.iter().filter_map(|event| self.journal.get(*event));
        events.map(|event| event.octets).sum()
    }

    /// The first of these events that have so many octets together, if all of them have as many.
    fn oldest<'a>(
        &self,
        events: impl Iterator<Item = &'a EventId>,
        octets: usize,
    ) -> Option<Vec<EventId>> {
        let mut left = octets;
        let mut leaving = Vec::new();
        for &event in events {
            if left == 0 {
                break;
            }
            left = left.saturating_sub(self.journal.get(event).map_or(0, |event| event.octets));
            leaving.push(event);
        }
        (left == 0).then_some(leaving)
    }
}
