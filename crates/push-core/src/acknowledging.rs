//! What applications say of their events. Nothing is taken as said before it is durable.

use std::time::Duration;

use push_message::{Owner, Reason, Refusal};

use crate::client::{PushClient, later};
use crate::journal::{Event, Settlement, Stage};
use crate::pending::Write;
use crate::registering::store_failed;
use crate::timers::Timer;
use crate::{
    Acknowledgement, Answer, Change, EventId, EventState, Now, Occurrence, Outcome, RegistrationId,
    RequestTicket,
};

impl PushClient {
    pub(crate) fn acknowledge(
        &mut self,
        ticket: RequestTicket,
        owner: Owner,
        acknowledgements: &[Acknowledgement],
        now: Now,
    ) {
        let mut changes = Vec::with_capacity(acknowledgements.len());
        let mut events = Vec::with_capacity(acknowledgements.len());
        let mut refused = Vec::new();
        for acknowledgement in acknowledgements {
            let Acknowledgement { event, outcome, .. } = *acknowledgement;
            if self.is_acknowledgeable(event, outcome, &owner) {
                if let Some((change, number)) = self.settle(*acknowledgement, now) {
                    changes.push(change);
                    events.push((event, number));
                }
            } else if !self.completed.was_completed_by(event, &owner) {
                refused.push((event, unknown_event(event)));
            }
        }
        if changes.is_empty() {
            self.answer(ticket, Answer::Acknowledged { refused });
            return;
        }
        let write = Write::Acknowledgement {
            ticket,
            owner,
            events,
            refused,
        };
        self.persist(changes, write);
    }

    /// Whether an event is this owner's, and the owner may know of it. A dead letter is not delivered later.
    fn is_acknowledgeable(&self, event: EventId, outcome: Outcome, owner: &Owner) -> bool {
        let Some(event) = self.journal.get(event) else {
            return false;
        };
        let is_owners = event
            .registration
            .and_then(|id| self.registry.get(id))
            .is_some_and(|record| record.owner == *owner);
        is_owners
            && match event.stage {
                Stage::Journalling | Stage::Held | Stage::Assigning | Stage::Settling => false,
                Stage::Waiting | Stage::UnderWay { .. } => true,
                Stage::Dead => outcome != Outcome::Later,
            }
    }

    /// The change that an acknowledgement makes. While one is being written, a second one of the same event repeats it:
    /// the first word counts. None where the event goes with its registration, whatever is said of it.
    fn settle(&mut self, acknowledgement: Acknowledgement, now: Now) -> Option<(Change, u64)> {
        let event = acknowledgement.event;
        let standing = self.journal.get(event)?;
        let (failures, stage) = (standing.failures, standing.stage);
        let mut settlement = standing
            .settlement
            .as_deref()
            .copied()
            .unwrap_or_else(|| self.settlement(failures, stage, acknowledgement, now));
        if settlement.state.is_some() && self.is_ending(event) {
            return None;
        }
        settlement.requests += 1;
        let standing = self.journal.get_mut(event)?;
        standing.settlement = Some(Box::new(settlement));
        if let Stage::UnderWay { overdue, .. } = standing.stage {
            self.timers.stop(overdue, Timer::Acknowledgement(event));
        }
        let change = match settlement.state {
            None => Change::RemoveEvent(event),
            Some(state) => Change::SetEventState { event, state },
        };
        Some((change, settlement.number))
    }

    fn settlement(
        &mut self,
        failures: u32,
        stage: Stage,
        acknowledgement: Acknowledgement,
        now: Now,
    ) -> Settlement {
        let Acknowledgement { outcome, after, .. } = acknowledgement;
        self.pending.settlements += 1;
        let tried = failures.saturating_add(1);
        let dead = outcome == Outcome::Rejected
            || stage == Stage::Dead
            || tried >= self.settings.max_attempts;
        let delay = if dead {
            Duration::ZERO
        } else {
            let asked = after.unwrap_or_default().min(self.settings.backoff_limit);
            self.backoff(tried).max(asked)
        };
        let state = EventState {
            attempts: tried,
            not_before: if dead {
                push_message::UnixMillis(0)
            } else {
                later(now.unix, delay)
            },
            dead,
        };
        Settlement {
            outcome,
            state: (outcome != Outcome::Accepted).then_some(state),
            not_before: now.monotonic + delay,
            requests: 0,
            number: self.pending.settlements,
        }
    }

    /// The acknowledgements are durable.
    pub(crate) fn acknowledged(
        &mut self,
        ticket: RequestTicket,
        owner: &Owner,
        events: &[(EventId, u64)],
        refused: Vec<(EventId, Refusal)>,
        now: Now,
    ) {
        self.answer(ticket, Answer::Acknowledged { refused });
        for &(event, number) in events {
            let standing = self.journal.get_mut(event);
            let settlement = standing.and_then(|event| {
                event
                    .settlement
                    .take_if(|settlement| settlement.number == number)
            });
            if let Some(settlement) = settlement {
                self.carry_out(event, &settlement, owner, now);
            }
        }
        self.bound_dead_letters(now);
    }

    fn carry_out(&mut self, event: EventId, settlement: &Settlement, owner: &Owner, now: Now) {
        let is_dead = self.journal.dead().contains_key(&event);
        let registration = self.journal.registration_of(event);
        if let Some(registration) = registration {
            self.handler_answered(registration);
        }
        match settlement.state {
            None => self.complete(event, registration, owner, now),
            Some(_) if is_dead => {}
            Some(state) => {
                self.delay(
                    event,
                    state.attempts,
                    settlement.not_before,
                    state.dead,
                    now,
                );
            }
        }
    }

    fn complete(
        &mut self,
        event: EventId,
        registration: Option<RegistrationId>,
        owner: &Owner,
        now: Now,
    ) {
        let taker = self.forget_event(event);
        self.completed
            .add(event, owner.clone(), self.settings.max_completed);
        self.occurred(Occurrence::Completed {
            event,
            registration,
        });
        if let Some(registration) = registration {
            self.pump(registration, now);
        }
        self.unblock(taker, now);
    }

    /// The acknowledgements could not be written: the events are waited for as before.
    pub(crate) fn not_acknowledged(
        &mut self,
        ticket: RequestTicket,
        events: &[(EventId, u64)],
        reason: &str,
        now: Now,
    ) {
        self.answer(ticket, Answer::Refused(store_failed(reason)));
        for &(event, number) in events {
            let Some(standing) = self.journal.get_mut(event) else {
                continue;
            };
            if !is_last_request(standing, number) {
                continue;
            }
            if let Stage::UnderWay { taker, .. } = standing.stage {
                let overdue = now.monotonic + self.settings.acknowledgement_timeout;
                self.journal.depart(event, taker, overdue);
                self.timers.start(overdue, Timer::Acknowledgement(event));
            }
            let registration = self.journal.registration_of(event);
            if let Some(registration) = registration {
                self.pump(registration, now);
            }
        }
    }
}

/// Takes one request off an event's settlement; says whether it was the last, and takes the settlement off with it.
fn is_last_request(event: &mut Event, number: u64) -> bool {
    let settlement = event.settlement.as_mut();
    let Some(settlement) = settlement.filter(|settlement| settlement.number == number) else {
        return false;
    };
    settlement.requests -= 1;
    let is_last = settlement.requests == 0;
    if is_last {
        event.settlement = None;
    }
    is_last
}

fn unknown_event(event: EventId) -> Refusal {
    Refusal::new(
        Reason::NotRegistered,
        format!("no application of this owner has an event {event} to acknowledge"),
    )
}
