//! Whom a push is for, and whether they take it.
//!
//! The order: is the server on a whitelist that counts; the application id; the registrations with that id whose profile
//! fits; the content type; a duplicate; room; the journal. The application's own whitelist is known only once the
//! registration is, so the first question is asked of the default whitelist alone where no registration fits: a server
//! that nobody lists learns nothing about who is registered. A push that is refused by these rules, though it would be
//! taken once a registration under way is in force, may be sent again: the server may have learned of the application
//! before the application itself. At most one registration fits a push, because an id is
//! shared only by applications that are told apart; where settings have changed since and several fit, the one
//! registered first gets it, and its word is the verdict.

use std::sync::Arc;

use push_message::{ConnectionProfile, MediaType, Origin, PushApplicationId, ReceivedPush};

use crate::client::{PushClient, later};
use crate::journal::{Event, Stage, octets_of};
use crate::pending::{PushWrite, Write};
use crate::registry::Candidate;
use crate::timers::Timer;
use crate::whitelist::Listing;
use crate::{
    Change, Decision, EventId, EventRecord, EventState, Fingerprint, Now, Occurrence, Output,
    PersistTicket, ProtocolSettings, PushRefusal, RegistrationRecord, RequestTicket, Verdict,
    fingerprint,
};

/// Hears how a push is judged, step by step.
pub(crate) trait Steps {
    /// One step, as a sentence; not asked for where nobody listens.
    fn step(&mut self, sentence: impl FnOnce() -> String);
}

/// Nobody listens.
pub(crate) struct Silent;

impl Steps for Silent {
    fn step(&mut self, _sentence: impl FnOnce() -> String) {}
}

/// Whom a push is for.
#[derive(Debug)]
pub(crate) enum Judgement {
    /// This registration.
    For(Arc<RegistrationRecord>),
    /// Nobody who is registered.
    Unmatched,
    /// Somebody who does not take it, or a server that is not welcome.
    Refused(PushRefusal),
}

impl PushClient {
    /// Judges a push by the registrations; changes nothing.
    pub(crate) fn judge(&self, push: &ReceivedPush, steps: &mut impl Steps) -> Judgement {
        let application = self.addressee(push, steps);
        let fitting = self.fitting(application, &push.origin, steps);
        let judgement = self.judge_for(fitting, application, push, steps);
        match judgement {
            Judgement::Unmatched | Judgement::Refused(_)
                if self.is_awaited(push, application, fitting) =>
            {
                steps.step(|| {
                    format!(
                        "an application that would take it is being registered for {application} at this moment, so it \
                         may be sent again"
                    )
                });
                Judgement::Refused(PushRefusal::NotYet)
            }
            Judgement::For(_) | Judgement::Unmatched | Judgement::Refused(_) => judgement,
        }
    }

    /// Whether a push that can be answered would be taken by a registration that is not in force yet, and that stands in
    /// nobody's way but the one that it replaces.
    fn is_awaited(
        &self,
        push: &ReceivedPush,
        application: &PushApplicationId,
        fitting: Option<&Arc<RegistrationRecord>>,
    ) -> bool {
        let takes = |candidate: &Candidate| {
            let record = &candidate.record;
            let in_its_place =
                |fitting: &Arc<RegistrationRecord>| candidate.replaces == Some(fitting.id);
            fitting.is_none_or(in_its_place)
                && self.way_fits(record, &push.origin)
                && accepts(record, &push.message.content_type.media_type)
                && self.listing(Some(record), application, push) != Listing::Unlisted
        };
        push.origin.answerable && self.registry.candidates_for(application).any(takes)
    }

    fn listing(
        &self,
        record: Option<&Arc<RegistrationRecord>>,
        application: &PushApplicationId,
        push: &ReceivedPush,
    ) -> Listing {
        self.hosts.listing(
            &push.origin,
            &self.settings.default_whitelist,
            record.map(|record| &record.whitelist),
            application,
            &push.message.content_type.media_type,
        )
    }

    /// Judges a push by the registration that fits it, if one does.
    fn judge_for(
        &self,
        fitting: Option<&Arc<RegistrationRecord>>,
        application: &PushApplicationId,
        push: &ReceivedPush,
        steps: &mut impl Steps,
    ) -> Judgement {
        let media_type = &push.message.content_type.media_type;
        let listing = self.listing(fitting, application, push);
        explain_listing(listing, &push.origin, steps);
        let Some(record) = fitting else {
            return if listing == Listing::Unlisted {
                Judgement::Refused(PushRefusal::ServerNotListed)
            } else {
                Judgement::Unmatched
            };
        };
        if listing == Listing::Unlisted {
            return Judgement::Refused(PushRefusal::ServerNotListed);
        }
        if !accepts(record, media_type) {
            steps.step(|| format!("the application does not accept content of type {media_type}"));
            return Judgement::Refused(PushRefusal::ContentType);
        }
        steps.step(|| format!("the application accepts content of type {media_type}"));
        Judgement::For(Arc::clone(record))
    }

    /// The id that a push is meant for; one that names none is meant for the id of its content type.
    fn addressee<'a>(
        &'a self,
        push: &'a ReceivedPush,
        steps: &mut impl Steps,
    ) -> &'a PushApplicationId {
        let application = addressee(&self.settings.default_applications, push);
        steps.step(|| match &push.message.application {
            Some(named) => format!("the push names {named}"),
            None => format!(
                "the push names no application; content of type {} is for {application}",
                push.message.content_type.media_type
            ),
        });
        application
    }

    /// The registration that a push is for, whatever it accepts.
    //= specs/push-cai.md#uniqueness
    //# Applications that share a Push Application ID MUST each be given only the pushes that are meant for them.
    pub(crate) fn fitting(
        &self,
        application: &PushApplicationId,
        origin: &Origin,
        steps: &mut impl Steps,
    ) -> Option<&Arc<RegistrationRecord>> {
        let fitting = self
            .registry
            .taking(application)
            .find(|record| self.way_fits(record, origin));
        steps.step(|| match fitting {
            Some(record) => format!(
                "registration {} of {} takes {application} over {} on {}",
                record.id, record.owner, origin.protocol, origin.bearer
            ),
            None if self.registry.taking(application).next().is_none() => {
                format!("no application is registered for {application}")
            }
            None => format!(
                "{application} is registered, but by nobody who takes it over {} on {}{}",
                origin.protocol,
                origin.bearer,
                origin
                    .destination_port
                    .map_or_else(String::new, |port| format!(" at port {port}"))
            ),
        });
        fitting
    }

    /// Whether a registration takes pushes that come this way.
    fn way_fits(&self, record: &RegistrationRecord, origin: &Origin) -> bool {
        self.profile_fits(record, origin) && self.instance_fits(record, origin)
    }

    fn profile_fits(&self, record: &RegistrationRecord, origin: &Origin) -> bool {
        let Some(protocol) = self.settings.protocols.get(&origin.protocol) else {
            return false;
        };
        let fits = |profile: &ConnectionProfile| fits(*profile, origin, protocol);
        let any = ConnectionProfile {
            protocol: None,
            bearer: None,
            port: None,
        };
        if record.profiles.is_empty() {
            fits(&any)
        } else {
            record.profiles.iter().any(fits)
        }
    }

    /// Whether the push addresses no instance, or this one.
    fn instance_fits(&self, record: &RegistrationRecord, origin: &Origin) -> bool {
        let tells_apart = self
            .settings
            .protocols
            .get(&origin.protocol)
            .is_some_and(|protocol| protocol.tells_instances_apart);
        match &origin.instance {
            Some(instance) if tells_apart => record
                .application_id
                .as_ref()
                .is_some_and(|own| own.as_str() == &**instance),
            Some(_) | None => true,
        }
    }

    /// Takes a push: judges it, and writes it down where somebody is to have it.
    pub(crate) fn take_push(
        &mut self,
        ticket: RequestTicket,
        push: &Arc<ReceivedPush>,
        _segments: Box<[crate::SegmentId]>,
        now: Now,
    ) {
        match self.judge(push, &mut Silent) {
            Judgement::For(record) => self.take_for(ticket, push, &record, now),
            Judgement::Unmatched if self.holds(push) => self.take_held(ticket, push, now),
            Judgement::Unmatched => {
                self.refuse_push(ticket, push, PushRefusal::NoSuchApplication);
            }
            Judgement::Refused(refusal) => self.refuse_push(ticket, push, refusal),
        }
    }

    fn take_for(
        &mut self,
        ticket: RequestTicket,
        push: &Arc<ReceivedPush>,
        record: &Arc<RegistrationRecord>,
        now: Now,
    ) {
        let suppression = record.suppress_equal_content_millis;
        let fingerprints = [
            Some(fingerprint::of_transmission(push, Some(record.id))),
            suppression.map(|_| fingerprint::of_content(record.id, push)),
        ];
        if self.is_repeated(ticket, push, fingerprints, now) {
            return;
        }
        let octets = octets_of(push);
        if !self.has_room(record, octets) || !self.make_room(octets, now) {
            self.refuse_push(ticket, push, PushRefusal::NoRoom);
            return;
        }
        let id = self.next_event(now);
        let event = Event {
            expires: now.monotonic + self.settings.event_lifetime,
            ..new_event(Arc::clone(push), Some(record.id), octets)
        };
        self.journal.insert_queued(id, &record.owner, event);
        let mut changes = Vec::with_capacity(1 + fingerprints.len());
        changes.push(insertion(id, Some(record.id), Arc::clone(push)));
        let windows = [self.duplicate_window_millis(), suppression.unwrap_or(0)];
        changes.extend(remembrances(fingerprints, windows, now));
        let write = self.push_write(ticket, push, id, fingerprints);
        let persist = self.persist(changes, Write::Push(write));
        self.remember_in_flight(persist, fingerprints, windows, now);
    }

    /// Whether this is a transmission again, or content again; then it is judged like the first.
    pub(crate) fn is_repeated(
        &mut self,
        ticket: RequestTicket,
        push: &ReceivedPush,
        fingerprints: [Option<Fingerprint>; 2],
        now: Now,
    ) -> bool {
        let seen = fingerprints
            .into_iter()
            .flatten()
            .find_map(|fingerprint| self.duplicates.seen(fingerprint, now.monotonic));
        match seen {
            None => return false,
            Some(first) if self.pending.writes.get(first).is_some() => {
                self.wait_for_first(ticket, push, first);
            }
            Some(_) => {
                let decision = self.decision(push, Verdict::Duplicate);
                self.judged(ticket, decision);
            }
        }
        true
    }

    /// Lets a repeat wait until the first transmission is durable.
    fn wait_for_first(&mut self, ticket: RequestTicket, push: &ReceivedPush, first: PersistTicket) {
        let decision = self.decision(push, Verdict::Duplicate);
        let most = self.settings.max_waiting_requests;
        match self.pending.writes.get_mut(first) {
            Some(Write::Push(write) | Write::Hold(write)) if self.pending.repeats < most => {
                write.repeats.push((ticket, decision));
                self.pending.repeats += 1;
            }
            Some(_) | None => self.refuse_push(ticket, push, PushRefusal::NoRoom),
        }
    }

    pub(crate) fn has_room(&self, record: &RegistrationRecord, octets: usize) -> bool {
        self.journal.queue(record.id).is_none_or(|queue| {
            queue.len() < self.settings.max_queue_events
                && queue.octets + octets <= self.settings.max_queue_octets
        }) && octets <= self.settings.max_queue_octets
    }

    /// Makes sure that an event of an application fits into the bound on all octets: events that nobody has, then dead
    /// letters, give way. Where that would not do, none of them does.
    pub(crate) fn make_room(&mut self, octets: usize, now: Now) -> bool {
        let excess = self.excess(octets);
        excess == 0 || {
            let journal = &self.journal;
            let letters = journal.held().iter().chain(journal.dead());
            let leaving = self.oldest(letters, excess);
            self.drop_all(leaving, now)
        }
    }

    /// Makes sure that an event that nobody has fits into the bound on all octets: only others that nobody has give way.
    pub(crate) fn make_room_among_held(&mut self, octets: usize, now: Now) -> bool {
        let excess = self.excess(octets);
        excess == 0 || {
            let leaving = self.oldest(self.journal.held().iter(), excess);
            self.drop_all(leaving, now)
        }
    }

    /// How many octets too many there would be with so many more.
    fn excess(&self, octets: usize) -> usize {
        let all = self.journal.octets().saturating_add(octets);
        all.saturating_sub(self.settings.max_total_octets)
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

    fn drop_all(&mut self, leaving: Option<Vec<EventId>>, now: Now) -> bool {
        let fits = leaving.is_some();
        for event in leaving.into_iter().flatten() {
            self.drop_event(event, now);
        }
        fits
    }

    pub(crate) fn push_write(
        &self,
        ticket: RequestTicket,
        push: &ReceivedPush,
        event: EventId,
        fingerprints: [Option<Fingerprint>; 2],
    ) -> PushWrite {
        PushWrite {
            ticket,
            decision: self.decision(push, Verdict::Accepted { event }),
            event,
            fingerprints,
            repeats: Vec::new(),
        }
    }

    pub(crate) fn remember_in_flight(
        &mut self,
        ticket: PersistTicket,
        fingerprints: [Option<Fingerprint>; 2],
        windows: [u64; 2],
        now: Now,
    ) {
        for (fingerprint, window) in fingerprints.into_iter().zip(windows) {
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

    pub(crate) fn duplicate_window_millis(&self) -> u64 {
        u64::try_from(self.settings.duplicate_window.as_millis()).unwrap_or(u64::MAX)
    }

    /// The push is durable: it is acknowledged, and delivered.
    pub(crate) fn push_written(&mut self, write: PushWrite, now: Now) {
        let event = write.event;
        self.settle_push(write);
        let Some(stored) = self.journal.get_mut(event) else {
            return;
        };
        stored.stage = Stage::Waiting;
        let (registration, expires) = (stored.registration, stored.expires);
        self.timers.start(expires, Timer::Expiry(event));
        if let Some(registration) = registration {
            self.pump(registration, now);
        }
    }

    /// Judges a durable push and its repeats.
    pub(crate) fn settle_push(&mut self, write: PushWrite) {
        self.judged(write.ticket, write.decision);
        self.pending.repeats -= write.repeats.len();
        for (ticket, decision) in write.repeats {
            self.judged(ticket, decision);
        }
    }

    /// The push could not be written: it and its repeats are refused, and nothing of them is left.
    pub(crate) fn push_not_written(&mut self, ticket: PersistTicket, write: PushWrite, now: Now) {
        for fingerprint in write.fingerprints.into_iter().flatten() {
            self.duplicates.retract(fingerprint, ticket);
        }
        let event = self.journal.get(write.event);
        let registration = event.and_then(|event| event.registration);
        self.forget_event(write.event);
        if let Some(registration) = registration {
            self.pump(registration, now);
        }
        self.pending.repeats -= write.repeats.len();
        let first = std::iter::once((write.ticket, write.decision));
        for (ticket, decision) in first.chain(write.repeats) {
            let verdict = Verdict::Refused(PushRefusal::NoRoom);
            self.judged(
                ticket,
                Decision {
                    verdict,
                    ..decision
                },
            );
        }
    }

    pub(crate) fn refuse_push(
        &mut self,
        ticket: RequestTicket,
        push: &ReceivedPush,
        refusal: PushRefusal,
    ) {
        let decision = self.decision(push, Verdict::Refused(refusal));
        self.judged(ticket, decision);
    }

    fn judged(&mut self, ticket: RequestTicket, decision: Decision) {
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
            application: addressee(&self.settings.default_applications, push).clone(),
            application_named: message.application.is_some(),
            media_type: message.content_type.media_type.clone(),
            content_length: message.content.len(),
            protocol: origin.protocol,
            bearer: origin.bearer,
            server: origin.server.clone(),
            destination_port: origin.destination_port,
            verdict,
        }
    }
}

//= specs/ota-http.md#addressing
//# A push without X-Wap-Application-Id MUST go to the WML user agent.
pub(crate) fn addressee<'a>(
    defaults: &'a [(MediaType, PushApplicationId)],
    push: &'a ReceivedPush,
) -> &'a PushApplicationId {
    static WML_UA: PushApplicationId = PushApplicationId::WML_UA;
    if let Some(named) = &push.message.application {
        return named;
    }
    let media_type = &push.message.content_type.media_type;
    defaults
        .iter()
        .find(|(candidate, _)| candidate == media_type)
        .map_or(&WML_UA, |(_, application)| application)
}

fn fits(profile: ConnectionProfile, origin: &Origin, protocol: &ProtocolSettings) -> bool {
    let port_fits = match (profile.port, origin.destination_port) {
        (Some(own), None) => protocol.session_port == Some(own),
        (Some(own), Some(port)) => port == own,
        (None, Some(port)) => {
            protocol.any_port_is_standard
                || protocol
                    .bearers
                    .get(&origin.bearer)
                    .is_none_or(|bearer| bearer.ports.is_empty() || bearer.is_standard(port))
        }
        (None, None) => true,
    };
    port_fits
        && profile
            .protocol
            .is_none_or(|protocol| protocol == origin.protocol)
        && profile.bearer.is_none_or(|bearer| bearer == origin.bearer)
}

fn accepts(record: &RegistrationRecord, media_type: &MediaType) -> bool {
    let accept = record.accept.as_ref();
    accept.is_none_or(|accept| accept.accepts(media_type))
}

fn explain_listing(listing: Listing, origin: &Origin, steps: &mut impl Steps) {
    let server = &origin.server;
    steps.step(|| match listing {
        Listing::Anyone => format!("no whitelist counts here, so server {server} may push"),
        Listing::Default => format!("server {server} is on the default whitelist"),
        Listing::Own => format!("server {server} is on the application's own whitelist"),
        Listing::Unlisted => format!("server {server} is on no whitelist that counts here"),
    });
}

pub(crate) fn new_event(
    push: Arc<ReceivedPush>,
    registration: Option<crate::RegistrationId>,
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
    registration: Option<crate::RegistrationId>,
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

pub(crate) fn remembrances(
    fingerprints: [Option<Fingerprint>; 2],
    windows: [u64; 2],
    now: Now,
) -> impl Iterator<Item = Change> {
    fingerprints
        .into_iter()
        .zip(windows)
        .filter_map(move |(fingerprint, window)| {
            Some(Change::Remember {
                fingerprint: fingerprint?,
                until: later(now.unix, std::time::Duration::from_millis(window)),
            })
        })
}
