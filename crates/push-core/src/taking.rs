//! Taking a push as judged: repeated, refused, or written down for whoever is to have it.
//!
//! A push that was put together from stored segments takes them along: they are removed in the write that journals it, or in
//! one of their own before a verdict that is for good. Whatever is to be offered again leaves them where they are.

use std::sync::Arc;

use push_message::ReceivedPush;

use crate::client::{PushClient, later};
use crate::dispatch::{Judgement, Silent};
use crate::journal::{Event, Stage, octets_of};
use crate::pending::{PushWrite, Reply, Stored, Write};
use crate::timers::Timer;
use crate::{
    Change, Decision, EventId, EventRecord, EventState, Fingerprint, Full, Now, Occurrence, Output,
    PersistTicket, PushRefusal, RegistrationId, RegistrationRecord, RequestTicket, SegmentId,
    Verdict, fingerprint,
};

/// A push that came in.
#[derive(Debug)]
pub(crate) struct Arrival {
    pub(crate) ticket: RequestTicket,
    pub(crate) push: Arc<ReceivedPush>,
    /// The stored segments that it was put together from.
    pub(crate) segments: Box<[SegmentId]>,
}

impl PushClient {
    /// Takes a push: judges it, and writes it down where somebody is to have it.
    pub(crate) fn take_push(&mut self, arrival: Arrival, now: Now) {
        let judgement = self.judge(&arrival.push, &mut Silent);
        let observers = self.observers_beside(&arrival.push, &judgement);
        if !observers.is_empty() {
            let application = judgement.taker();
            return self.take_observed(arrival, application, &observers, now);
        }
        match judgement {
            Judgement::For(record) => self.take_for(arrival, &record, now),
            Judgement::Unmatched if self.holds(&arrival.push) => self.take_held(arrival, now),
            Judgement::Unmatched => self.refuse_push(arrival, PushRefusal::NoSuchApplication),
            Judgement::Refused(refusal) => self.refuse_push(arrival, refusal),
        }
    }

    fn take_for(&mut self, arrival: Arrival, record: &Arc<RegistrationRecord>, now: Now) {
        let fingerprints = fingerprints_of(record, &arrival.push);
        let Some(arrival) = self.unless_repeated(arrival, fingerprints, now) else {
            return;
        };
        let mut changes = Vec::with_capacity(4);
        match self.enqueue(record, fingerprints, &arrival.push, &mut changes, now) {
            Ok(stored) => {
                self.write_events(arrival, (stored, Vec::new()), changes, false, now);
            }
            Err(full) => self.refuse_for_want_of_room(arrival, full),
        }
    }

    /// Puts an event into the queue of a registration, if there is room for it.
    pub(crate) fn enqueue(
        &mut self,
        record: &RegistrationRecord,
        fingerprints: [Option<Fingerprint>; 2],
        push: &Arc<ReceivedPush>,
        changes: &mut Vec<Change>,
        now: Now,
    ) -> Result<Stored, Full> {
        let octets = octets_of(push);
        let leaving = self.find_room(record, octets)?;
        self.drop_all(leaving, now);
        let id = self.next_event(now);
        let event = Event {
            expires: now.monotonic + self.settings.event_lifetime,
            ..new_event(Arc::clone(push), Some(record.id), octets)
        };
        self.journal.insert_queued(id, &record.owner, event);
        changes.push(insertion(id, Some(record.id), Arc::clone(push)));
        Ok(Stored {
            event: id,
            fingerprints,
            suppression: record.suppress_equal_content_millis.unwrap_or(0),
        })
    }

    /// Has the events of a push written, the first and copies for observers, with what is remembered of them.
    pub(crate) fn write_events(
        &mut self,
        arrival: Arrival,
        (first, copies): (Stored, Vec<Stored>),
        mut changes: Vec<Change>,
        is_suppressed: bool,
        now: Now,
    ) {
        let Arrival {
            ticket,
            push,
            segments,
        } = arrival;
        changes.extend(removal_of(segments));
        for one in std::iter::once(&first).chain(&copies) {
            self.remember_by(&mut changes, one, now);
        }
        let mut write = self.push_write(ticket, &push, first, copies.clone());
        if is_suppressed {
            write.decision.verdict = Verdict::Duplicate;
        }
        let persist = self.persist(changes, Write::Push(write));
        for one in std::iter::once(&first).chain(&copies) {
            self.remember_in_flight(persist, one, now);
        }
    }

    /// Judges a transmission again, or content again, like the first; gives anything else back.
    pub(crate) fn unless_repeated(
        &mut self,
        arrival: Arrival,
        fingerprints: [Option<Fingerprint>; 2],
        now: Now,
    ) -> Option<Arrival> {
        let seen = fingerprints
            .into_iter()
            .flatten()
            .find_map(|fingerprint| self.duplicates.seen(fingerprint, now.monotonic));
        match seen {
            None => return Some(arrival),
            Some(first) if self.pending.writes.get(first).is_some() => {
                self.wait_for_first(arrival, first);
            }
            Some(_) => {
                let reply = self.reply(arrival, Verdict::Duplicate);
                self.give_reply(reply);
            }
        }
        None
    }

    /// Lets a repeat wait until the first transmission is durable.
    fn wait_for_first(&mut self, arrival: Arrival, first: PersistTicket) {
        let reply = self.reply(arrival, Verdict::Duplicate);
        let most = self.settings.max_waiting_requests;
        match self.pending.writes.get_mut(first) {
            Some(Write::Push(write) | Write::Hold(write)) if self.pending.repeats < most => {
                write.repeats.push(reply);
                self.pending.repeats += 1;
            }
            Some(_) | None => self.offer_again(reply),
        }
    }

    pub(crate) fn push_write(
        &self,
        ticket: RequestTicket,
        push: &ReceivedPush,
        stored: Stored,
        copies: Vec<Stored>,
    ) -> PushWrite {
        let verdict = Verdict::Accepted {
            event: stored.event,
            waits: true,
        };
        PushWrite {
            ticket,
            decision: self.decision(push, verdict),
            stored,
            copies,
            repeats: Vec::new(),
        }
    }

    pub(crate) fn remember_in_flight(&mut self, ticket: PersistTicket, stored: &Stored, now: Now) {
        let windows = self.windows_of(stored);
        for (fingerprint, window) in stored.fingerprints.into_iter().zip(windows) {
            if let Some(fingerprint) = fingerprint {
                self.duplicates.remember(
                    fingerprint,
                    now.monotonic + std::time::Duration::from_millis(window),
                    ticket,
                    now.monotonic,
                    self.settings.max_remembered,
                );
            }
        }
    }

    /// For how many milliseconds a transmission and its content count.
    fn windows_of(&self, stored: &Stored) -> [u64; 2] {
        [self.duplicate_window_millis(), stored.suppression]
    }

    /// Adds the changes that remember what an event was made of.
    pub(crate) fn remember_by(&self, changes: &mut Vec<Change>, stored: &Stored, now: Now) {
        let windows = self.windows_of(stored);
        for (fingerprint, window) in stored.fingerprints.into_iter().zip(windows) {
            if let Some(fingerprint) = fingerprint {
                let until = later(now.unix, std::time::Duration::from_millis(window));
                changes.push(Change::Remember { fingerprint, until });
            }
        }
    }

    pub(crate) fn duplicate_window_millis(&self) -> u64 {
        u64::try_from(self.settings.duplicate_window.as_millis()).unwrap_or(u64::MAX)
    }

    /// The push is durable: it is acknowledged, and delivered.
    pub(crate) fn push_written(&mut self, mut write: PushWrite, now: Now) {
        let next = self.begin_waiting(write.stored.event);
        if let Verdict::Accepted { waits, .. } = &mut write.decision.verdict {
            *waits = next.is_none_or(|registration| !self.is_taken(registration));
        }
        let copies = std::mem::take(&mut write.copies);
        self.settle_push(write);
        if let Some(registration) = next {
            self.pump(registration, now);
        }
        for copy in copies {
            if let Some(registration) = self.begin_waiting(copy.event) {
                self.pump(registration, now);
            }
        }
    }

    /// An event is durable; says whose it is, unless it has to wait behind another one, whoever is there to take it.
    fn begin_waiting(&mut self, event: EventId) -> Option<RegistrationId> {
        let stored = self.journal.get_mut(event)?;
        stored.stage = Stage::Waiting;
        let (registration, expires) = (stored.registration, stored.expires);
        self.timers.start(expires, Timer::Expiry(event));
        registration.filter(|id| self.journal.is_first(*id, event))
    }

    /// Judges a durable push and its repeats.
    pub(crate) fn settle_push(&mut self, write: PushWrite) {
        self.judged(write.ticket, write.decision);
        self.pending.repeats -= write.repeats.len();
        for reply in write.repeats {
            self.give_reply(reply);
        }
    }

    /// The push could not be written: it and its repeats are refused, and nothing of them is left.
    pub(crate) fn push_not_written(&mut self, ticket: PersistTicket, write: PushWrite, now: Now) {
        for stored in std::iter::once(&write.stored).chain(&write.copies) {
            self.retract(ticket, stored, now);
        }
        self.pending.repeats -= write.repeats.len();
        self.offer_again(Reply {
            ticket: write.ticket,
            decision: write.decision,
            segments: Box::default(),
        });
        for reply in write.repeats {
            self.offer_again(reply);
        }
    }

    /// Takes back an event that could not be written.
    fn retract(&mut self, ticket: PersistTicket, stored: &Stored, now: Now) {
        for fingerprint in stored.fingerprints.into_iter().flatten() {
            self.duplicates.retract(fingerprint, ticket);
        }
        let registration = self.journal.registration_of(stored.event);
        self.forget_event(stored.event);
        if let Some(registration) = registration {
            self.pump(registration, now);
        }
    }

    pub(crate) fn refuse_push(&mut self, arrival: Arrival, refusal: PushRefusal) {
        let reply = self.reply(arrival, Verdict::Refused(refusal));
        self.give_reply(reply);
    }

    pub(crate) fn refuse_for_want_of_room(&mut self, arrival: Arrival, full: Full) {
        let mut reply = self.reply(arrival, Verdict::Refused(PushRefusal::NoRoom));
        reply.decision.full = Some(full);
        self.give_reply(reply);
    }

    fn reply(&self, arrival: Arrival, verdict: Verdict) -> Reply {
        let Arrival {
            ticket,
            push,
            segments,
        } = arrival;
        Reply {
            ticket,
            decision: self.decision(&push, verdict),
            segments,
        }
    }

    /// Gives a verdict that nothing is journalled for. Where it is for good and the push was put together from segments,
    /// their removal is written first: once the verdict is out, nobody offers the push again.
    fn give_reply(&mut self, mut reply: Reply) {
        let segments = std::mem::take(&mut reply.segments);
        match removal_of(segments).filter(|_| is_for_good(reply.decision.verdict)) {
            Some(removal) => {
                self.persist(vec![removal], Write::Segments(reply));
            }
            None => self.judged(reply.ticket, reply.decision),
        }
    }

    /// There is no room, or the store cannot write: the push is to be offered again.
    pub(crate) fn offer_again(&mut self, reply: Reply) {
        let verdict = Verdict::Refused(PushRefusal::NoRoom);
        let decision = Decision {
            verdict,
            ..reply.decision
        };
        self.judged(reply.ticket, decision);
    }

    pub(crate) fn judged(&mut self, ticket: RequestTicket, decision: Decision) {
        self.outputs.push_back(Output::Judged {
            ticket,
            verdict: decision.verdict,
        });
        self.occurred(Occurrence::PushJudged(decision));
    }

    pub(crate) fn decision(&self, push: &ReceivedPush, verdict: Verdict) -> Decision {
        let ReceivedPush {
            message, origin, ..
        } = push;
        Decision {
            received: push.received,
            application: self.application_of(push).cloned(),
            application_named: message.application.is_some(),
            instance: origin.instance.clone(),
            media_type: message.content_type.media_type.clone(),
            content_length: message.content.len(),
            protocol: origin.protocol,
            bearer: origin.bearer,
            server: origin.server.clone(),
            destination_port: origin.destination_port,
            verdict,
            full: None,
        }
    }
}

/// What tells a push for a registration from others: the transmission, and the content where that counts.
pub(crate) fn fingerprints_of(
    record: &RegistrationRecord,
    push: &ReceivedPush,
) -> [Option<Fingerprint>; 2] {
    let suppression = record.suppress_equal_content_millis;
    [
        Some(fingerprint::of_transmission(push, Some(record.id))),
        suppression.map(|_| fingerprint::of_content(record.id, push)),
    ]
}

pub(crate) fn new_event(
    push: Arc<ReceivedPush>,
    registration: Option<RegistrationId>,
    octets: usize,
) -> Event {
    Event {
        registration,
        push,
        octets,
        attempts: 0,
        failures: 0,
        not_before: std::time::Duration::ZERO,
        expires: std::time::Duration::ZERO,
        delivered: false,
        stage: Stage::Journalling,
        settlement: None,
    }
}

pub(crate) fn insertion(
    id: EventId,
    registration: Option<RegistrationId>,
    push: Arc<ReceivedPush>,
) -> Change {
    Change::InsertEvent(EventRecord {
        id,
        registration,
        push,
        state: EventState {
            attempts: 0,
            not_before: push_message::UnixMillis(0),
            dead: false,
        },
    })
}

/// The change that removes these segments, if there are any.
pub(crate) fn removal_of(segments: Box<[SegmentId]>) -> Option<Change> {
    (!segments.is_empty()).then_some(Change::RemoveSegments(segments))
}

/// Whether a push with this verdict is not to be offered again.
const fn is_for_good(verdict: Verdict) -> bool {
    match verdict {
        Verdict::Refused(PushRefusal::NoRoom | PushRefusal::NotYet) => false,
        Verdict::Accepted { .. }
        | Verdict::Duplicate
        | Verdict::Held { .. }
        | Verdict::Refused(
            PushRefusal::NoSuchApplication
            | PushRefusal::Ambiguous
            | PushRefusal::ContentType
            | PushRefusal::ServerNotListed,
        ) => true,
    }
}
