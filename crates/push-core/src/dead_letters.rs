//! Dead letters: events that were rejected or tried too often, kept until somebody decides.
//!
//! A letter that is replayed is back in its place in the queue at once, where nobody gets it before the write is durable. Its new
//! life is remembered beside it, as transmissions are: a start reckons with the time of its arrival otherwise.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use push_message::{Owner, Reason, Refusal, UnixMillis};

use crate::client::{PushClient, later};
use crate::journal::Stage;
use crate::pending::Write;
use crate::registering::store_failed;
use crate::selection::Selection;
use crate::{
    Answer, Change, DeadLetters, EventId, EventState, Fate, Fingerprint, Now, Occurrence,
    RegistrationRecord, RequestTicket,
};

/// The first half of what is remembered of a letter that is replayed; the second is its id.
const REPLAYED: u64 = 0xf7a1_90c3_5be2_486d;

/// Dead letters whose fate is being written.
#[derive(Debug)]
pub(crate) struct Settling {
    ticket: RequestTicket,
    fate: Fate,
    events: Vec<EventId>,
    refused: Vec<(EventId, Refusal)>,
}

impl PushClient {
    /// Replays or drops dead letters.
    pub(crate) fn settle_dead_letters(
        &mut self,
        ticket: RequestTicket,
        owner: Option<&Owner>,
        letters: &DeadLetters,
        fate: Fate,
        now: Now,
    ) {
        let chosen = match self.choose_letters(owner, letters) {
            Ok(chosen) => chosen,
            Err(refusal) => return self.answer(ticket, Answer::Refused(refusal)),
        };
        let mut settling = Settling {
            ticket,
            fate,
            events: Vec::with_capacity(chosen.len()),
            refused: Vec::new(),
        };
        let mut changes = Vec::new();
        for event in chosen {
            match self.settle_letter(event, owner, fate, now) {
                Ok(change) => {
                    changes.extend(change);
                    settling.events.push(event);
                }
                Err(refusal) => settling.refused.push((event, refusal)),
            }
        }
        if changes.is_empty() {
            self.answer_settled(settling);
        } else {
            self.persist(changes, Write::DeadLetters(settling));
        }
    }

    /// The letters that are meant, the earliest first; those that are named may be none.
    fn choose_letters(
        &self,
        owner: Option<&Owner>,
        letters: &DeadLetters,
    ) -> Result<BTreeSet<EventId>, Refusal> {
        match letters {
            DeadLetters::Events(events) => Ok(events.iter().copied().collect()),
            DeadLetters::Selected(selector) => {
                let selection = Selection::parse(selector)?;
                let letters = self.dead_letters(owner, None);
                let meant = letters.filter(|letter| selection.fits(&letter.record));
                Ok(meant.map(|letter| letter.event).collect())
            }
        }
    }

    /// The changes that settle one letter.
    fn settle_letter(
        &mut self,
        event: EventId,
        owner: Option<&Owner>,
        fate: Fate,
        now: Now,
    ) -> Result<Vec<Change>, Refusal> {
        let (record, octets) = self.find_letter(event, owner).ok_or_else(|| {
            Refusal::new(
                Reason::NotRegistered,
                format!("there is no dead letter {event} to settle"),
            )
        })?;
        match fate {
            Fate::Dropped => {
                self.set_stage(event, Stage::Settling);
                Ok(vec![Change::RemoveEvent(event)])
            }
            Fate::Replayed => self.replay_letter(event, &record, octets, now),
        }
    }

    /// Whose letter it is and how many octets it has, if this owner may settle it at present.
    fn find_letter(
        &self,
        event: EventId,
        owner: Option<&Owner>,
    ) -> Option<(Arc<RegistrationRecord>, usize)> {
        let letter = self.journal.get(event)?;
        let record = self.registry.get(letter.registration?)?;
        // What is being acknowledged at this moment is as good as gone.
        let may_settle = letter.stage == Stage::Dead
            && letter.settlement.is_none()
            && owner.is_none_or(|owner| *owner == record.owner)
            && !self.registry.is_ending(record.id);
        may_settle.then(|| (Arc::clone(record), letter.octets))
    }

    fn replay_letter(
        &mut self,
        event: EventId,
        record: &RegistrationRecord,
        octets: usize,
        now: Now,
    ) -> Result<Vec<Change>, Refusal> {
        if self.check_queue(record, octets).is_err() {
            return Err(Refusal::new(
                Reason::QuotaExceeded,
                format!(
                    "the queue of {} is full: at most {} events of {} octets together wait for one registration; replay \
                     the letter once some are taken",
                    record.push_application_id,
                    self.settings.max_queue_events,
                    self.settings.max_queue_octets
                ),
            ));
        }
        self.journal.come_back(event, &record.owner);
        self.set_stage(event, Stage::Settling);
        let state = EventState {
            attempts: 0,
            not_before: UnixMillis(0),
            dead: false,
        };
        let until = later(now.unix, self.settings.event_lifetime);
        let remember = Change::Remember {
            fingerprint: fingerprint_of(event),
            until,
        };
        Ok(vec![Change::SetEventState { event, state }, remember])
    }

    fn set_stage(&mut self, event: EventId, stage: Stage) {
        if let Some(event) = self.journal.get_mut(event) {
            event.stage = stage;
        }
    }

    /// The fate of dead letters is durable.
    pub(crate) fn letters_settled(&mut self, settling: Settling, now: Now) {
        let fate = settling.fate;
        for event in self.answer_settled(settling) {
            if self.is_settling(event) {
                match fate {
                    Fate::Dropped => self.drop_letter(event),
                    Fate::Replayed => self.revive(event, now),
                }
            }
        }
    }

    fn drop_letter(&mut self, event: EventId) {
        let registration = self.journal.registration_of(event);
        self.forget_event(event);
        self.occurred(Occurrence::Dropped {
            event,
            registration,
        });
    }

    /// The fate of dead letters could not be written: they are dead as before.
    pub(crate) fn letters_not_settled(&mut self, settling: &Settling, reason: &str, now: Now) {
        self.answer(settling.ticket, Answer::Refused(store_failed(reason)));
        for &event in &settling.events {
            if self.is_settling(event) {
                self.journal.bury(event);
                let registration = self.journal.registration_of(event);
                self.bound_letters_beside(event, now);
                if let Some(registration) = registration {
                    self.pump(registration, now);
                }
            }
        }
        self.bound_dead_letters(now);
    }

    /// Answers who asked; gives the letters that are settled.
    fn answer_settled(&mut self, settling: Settling) -> Vec<EventId> {
        let answer = Answer::Settled {
            settled: settling.events.len(),
            refused: settling.refused,
        };
        self.answer(settling.ticket, answer);
        settling.events
    }

    fn is_settling(&self, event: EventId) -> bool {
        let event = self.journal.get(event);
        event.is_some_and(|event| event.stage == Stage::Settling)
    }

    /// A dead letter is an event like any other again, as if it had just arrived.
    fn revive(&mut self, event: EventId, now: Now) {
        self.stop_expiry(event);
        self.start_expiry(event, self.settings.event_lifetime, now);
        let Some(revived) = self.journal.get_mut(event) else {
            return;
        };
        revived.stage = Stage::Waiting;
        revived.attempts = 0;
        revived.failures = 0;
        revived.not_before = Duration::ZERO;
        revived.delivered = false;
        let registration = revived.registration;
        self.occurred(Occurrence::Replayed { event });
        if let Some(registration) = registration {
            self.pump(registration, now);
        }
    }
}

/// What is remembered of a letter that is replayed.
fn fingerprint_of(event: EventId) -> Fingerprint {
    Fingerprint(u128::from(REPLAYED) << 64 | u128::from(event.0))
}

/// Takes out of what is remembered until when the letters live that were replayed.
pub(crate) fn take_replayed(
    remembered: &mut Vec<(Fingerprint, UnixMillis)>,
) -> BTreeMap<EventId, UnixMillis> {
    let mut replayed = BTreeMap::new();
    remembered.retain(|&(Fingerprint(fingerprint), until)| {
        let [first, second] = [fingerprint >> 64, fingerprint << 64 >> 64];
        let event = u64::try_from(second).map(EventId);
        match event {
            Ok(event) if first == u128::from(REPLAYED) => {
                let lives = replayed.entry(event).or_insert(until);
                *lives = (*lives).max(until);
                false
            }
            Ok(_) | Err(_) => true,
        }
    });
    replayed
}
