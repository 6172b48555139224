//! The start from what was written down.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use push_message::{Address, UnixMillis};

use crate::client::{PushClient, deadline};
use crate::dead_letters::take_replayed;
use crate::journal::{Event, Stage, octets_of};
use crate::pending::Pending;
use crate::taking::new_event;
use crate::{
    Change, EventId, EventRecord, Fingerprint, Now, RegistrationRecord, RegistrationState, Snapshot,
};

impl PushClient {
    /// Takes over what was written down, undoes registrations that were pending, and tells the Push Servers what holds.
    pub(crate) fn restore(&mut self, mut snapshot: Snapshot, now: Now) {
        let replayed = take_replayed(&mut snapshot.remembered);
        let mut undone = Vec::new();
        for record in snapshot.registrations {
            self.last_registration = self.last_registration.max(record.id.0);
            match record.state {
                RegistrationState::Active if !self.is_allowed(&record) => {
                    undone.push(Change::RemoveRegistration(record.id));
                    self.disallowed(record);
                }
                RegistrationState::Active => self.restore_registration(record, now),
                RegistrationState::Pending => undone.push(Change::RemoveRegistration(record.id)),
            }
        }
        for event in snapshot.events {
            self.last_event = self.last_event.max(event.id.0);
            undone.extend(self.restore_event(event, &replayed, now));
        }
        self.find_invalidated();
        self.restore_remembered(snapshot.remembered, now);
        self.restore_ports();
        let default = std::mem::take(&mut self.settings.default_whitelist);
        let hosts = default.iter().filter_map(|entry| entry.address.host());
        self.add_hosts(hosts, now);
        self.settings.default_whitelist = default;
        self.keep_house(undone);
        // What gave way before may have come back with the snapshot.
        self.bound_held(now);
        for letter in self.journal.dead().keys().copied().collect::<Vec<_>>() {
            self.bound_letters_beside(letter, now);
        }
        self.bound_dead_letters(now);
        self.bound_octets(now);
        // Whoever registered last may not have been given what waited, and what outlived its time is nobody's.
        self.handle_timeout(now);
        self.replay_held(now);
        self.restore_handlers(now);
        let explicit: std::collections::BTreeSet<_> = self.explicit_protocols().collect();
        if !explicit.is_empty() {
            self.announce_only(&explicit);
        }
    }

    fn restore_registration(&mut self, mut record: RegistrationRecord, now: Now) {
        record.owner = self.registry.shared(record.owner);
        let record = Arc::new(record);
        let hosts = record.whitelist.addresses().iter();
        self.add_hosts(hosts.filter_map(Address::host), now);
        self.registry.insert(record);
    }

    /// Takes over an event; one whose registration is gone is removed.
    fn restore_event(
        &mut self,
        record: EventRecord,
        replayed: &BTreeMap<EventId, UnixMillis>,
        now: Now,
    ) -> Option<Change> {
        let EventRecord {
            id,
            registration,
            push,
            state,
        } = record;
        let age = now.unix.0.saturating_sub(push.received.0);
        let event = Event {
            attempts: state.attempts,
            failures: state.attempts,
            not_before: deadline(state.not_before, now)
                .min(now.monotonic + self.settings.backoff_limit),
            stage: match (registration, state.dead) {
                (None, _) => Stage::Held,
                (Some(_), true) => Stage::Dead,
                (Some(_), false) => Stage::Waiting,
            },
            ..new_event(Arc::clone(&push), registration, octets_of(&push))
        };
        let lifetime = match registration {
            None => {
                self.journal.insert_held(id, event);
                self.settings.hold_unmatched
            }
            Some(registration) => {
                let Some(owner) = self.registry.get(registration).map(|r| r.owner.clone()) else {
                    return Some(Change::RemoveEvent(id));
                };
                self.journal.insert_queued(id, &owner, event);
                self.settings.event_lifetime
            }
        };
        let left = match replayed.get(&id) {
            // Where the wall clock fell back since, it lives no longer than it ever may.
            Some(&until) => deadline(until, now)
                .saturating_sub(now.monotonic)
                .min(lifetime),
            None => lifetime.saturating_sub(Duration::from_millis(age)),
        };
        self.start_expiry(id, left, now);
        None
    }

    fn restore_remembered(&mut self, remembered: Vec<(Fingerprint, UnixMillis)>, now: Now) {
        // Where the wall clock fell back since, what is remembered counts no longer than it ever may.
        let windows = self.registry.all();
        let windows = windows.filter_map(|record| record.suppress_equal_content_millis);
        let longest = windows.chain([self.duplicate_window_millis()]).max();
        let latest = now.monotonic + Duration::from_millis(longest.unwrap_or(0));
        for (fingerprint, until) in remembered {
            if until > now.unix {
                self.duplicates.remember(
                    fingerprint,
                    deadline(until, now).min(latest),
                    Pending::EARLIER,
                    now.monotonic,
                    self.settings.max_remembered,
                );
            }
        }
    }
}
