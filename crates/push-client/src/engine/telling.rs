//! What the engine tells those who watch, and what it remembers of event handlers.

use std::sync::Arc;

use push_api::{
    Happening, Server, Watched, WatchedEvent, WatchedKind, WatchedPush, WatchedRegistration,
};
use push_core::{
    ChangeCause, Decision, EventId, Now, Occurrence, RegistrationId, RegistrationRecord, Verdict,
};
use push_message::{Owner, Refusal};

use super::Engine;
use super::answer::origin_of;
use crate::counters::verdict_word;
use crate::handlers::{HandlerReport, Wanted};
use crate::recent::{self, Unjudged};
use crate::reports::{Kept, said, took};
use crate::watchers::{Concern, Told};

impl Engine {
    /// Tells those who watch what the machine reports. What nobody watches costs nothing.
    pub(super) fn tell(&mut self, occurrence: &Occurrence, now: Now) {
        if !kind_of(occurrence).is_some_and(|kind| self.watchers.want(kind)) {
            return;
        }
        match occurrence {
            Occurrence::PushJudged(decision) => self.tell_judged(decision, now),
            Occurrence::Registered(record) => {
                self.tell_of(record, Happening::Registered(registration(record)), now);
            }
            Occurrence::Deregistered(record) => {
                self.tell_of(record, Happening::Deregistered(registration(record)), now);
            }
            Occurrence::RegistrationRefused { owner, refusal } => {
                self.tell_refused(owner, refusal, now);
            }
            Occurrence::RegistrationChanged {
                record,
                cause,
                detail,
            } => {
                self.tell_of(record, changed(record, *cause, detail), now);
            }
            Occurrence::HandlerFailed {
                registration,
                until,
                reason,
            } => self.tell_handler_failed(*registration, until.0, reason, now),
            Occurrence::Delivered { event, attempt } => {
                let attempt = *attempt;
                let what = |event| Happening::Delivered { event, attempt };
                self.tell_of_event(*event, None, what, now);
            }
            Occurrence::Completed {
                event,
                registration,
            } => self.tell_of_event(*event, *registration, Happening::Accepted, now),
            Occurrence::Delayed { event, until } => {
                let until = until.0;
                let what = |event| Happening::Delayed { event, until };
                self.tell_of_event(*event, None, what, now);
            }
            Occurrence::Died { event } => self.tell_of_event(*event, None, Happening::Died, now),
            Occurrence::Replayed { event } => {
                self.tell_of_event(*event, None, Happening::Replayed, now);
            }
            Occurrence::Dropped {
                event,
                registration,
            } => self.tell_of_event(*event, *registration, Happening::Dropped, now),
            Occurrence::Expired {
                event,
                registration,
            } => self.tell_of_event(*event, *registration, Happening::Expired, now),
            Occurrence::CopyDropped { .. }
            | Occurrence::PortNotOpened { .. }
            | Occurrence::StoreFailed { .. } => {}
        }
    }

    /// Keeps what becomes of registrations for applications that are away, whether or not anybody watches.
    pub(super) fn remember_change(&mut self, occurrence: &Occurrence, now: Now) {
        if let Occurrence::RegistrationChanged {
            record,
            cause,
            detail,
        } = occurrence
        {
            self.changes.note(at(now, changed(record, *cause, detail)));
        } else if let Occurrence::Registered(record) | Occurrence::Deregistered(record) = occurrence
            && !self.changes.is_empty()
        {
            self.changes.forget(&registration(record));
        }
    }

    /// Has the application of a registration hear that it is not what it was, where it is reached by a handler, until that holds no
    /// longer.
    pub(super) fn tell_handler(&self, occurrence: &Occurrence) {
        if let Some(handlers) = &self.handlers
            && let Some(wanted) = to_hear(occurrence)
        {
            handlers.post([wanted]);
        }
    }

    fn tell_of(&mut self, record: &RegistrationRecord, what: Happening, now: Now) {
        self.watchers
            .tell(&Concern::Registration(record), at(now, what).into());
    }

    fn tell_refused(&mut self, owner: &Owner, refusal: &Refusal, now: Now) {
        let what = Happening::RegistrationRefused {
            owner: owner.to_string(),
            reason: refusal.reason.to_string(),
            option: refusal.option.map(str::to_owned),
            detail: refusal.detail.clone(),
        };
        self.watchers
            .tell(&Concern::Owner(owner), at(now, what).into());
    }

    fn tell_handler_failed(
        &mut self,
        registration: RegistrationId,
        until: u64,
        reason: &str,
        now: Now,
    ) {
        // Of one that has ended meanwhile there is nothing to say.
        let Some(record) = self.core.registration(registration).cloned() else {
            return;
        };
        let what = Happening::HandlerFailed {
            registration: self::registration(&record),
            until,
            reason: reason.to_owned(),
        };
        self.tell_of(&record, what, now);
    }

    /// Tells of an event, whose registration the machine knows unless it is said.
    fn tell_of_event(
        &mut self,
        event: EventId,
        registration: Option<RegistrationId>,
        what: impl FnOnce(WatchedEvent) -> Happening,
        now: Now,
    ) {
        let record = match registration {
            Some(registration) => self.core.registration(registration),
            None => self.core.event(event, now).and_then(|event| event.record),
        };
        let watched = at(
            now,
            what(watched_event(event, record.map(|record| &**record))),
        );
        let concern = record.map_or(Concern::Nobody, |record| Concern::Registration(record));
        self.watchers.tell(&concern, watched.into());
    }

    fn tell_judged(&mut self, decision: &Decision, now: Now) {
        let event = match decision.verdict {
            Verdict::Accepted { event, .. } | Verdict::Held { event } => Some(event),
            Verdict::Duplicate | Verdict::Refused(_) => None,
        };
        let core = &self.core;
        let view = event.and_then(|event| core.event(event, now));
        let mut judged = watched_push(decision, event);
        if let Some(view) = &view {
            judged.originator = view.push.origin.originator().map(str::to_owned);
        }
        let record = view.as_ref().and_then(|view| view.record);
        if let Some(record) = record {
            take_up(&mut judged, record);
        }
        let told = Told {
            watched: at(now, Happening::Judged(Box::new(judged))),
            to_owner: None,
            push: view.map(|view| Arc::clone(view.push)),
        };
        let application = decision.application.as_ref();
        let taker = application.and_then(|id| core.taker_of(id, &origin_of(decision)));
        let may_see = |owner: &Owner| {
            taker.is_none_or(|taker| taker == owner)
                && application.is_some_and(|application| core.holds_application(owner, application))
        };
        let concern = match record {
            Some(record) => Concern::Registration(record),
            None => Concern::Push {
                application,
                may_see: &may_see,
            },
        };
        self.watchers.tell(&concern, told);
    }

    /// Remembers what was refused without a judgement, and tells those who watch.
    pub(super) fn refused_unjudged(&mut self, unjudged: Unjudged) {
        if self.watchers.want(WatchedKind::Malformed) {
            let refused = recent::unjudged(unjudged.clone());
            self.tell_malformed(refused);
        }
        self.recent.unjudged(unjudged);
    }

    /// Tells those who watch of octets that gave no push.
    pub(super) fn tell_malformed(&mut self, refused: push_api::Refused) {
        let what = Happening::Malformed {
            protocol: refused.protocol,
            server: refused.server,
            verdict: refused.verdict,
            length: refused.length,
            detail: refused.detail,
        };
        let time = refused.received_at;
        self.watchers
            .tell(&Concern::Nobody, Watched { time, what }.into());
    }

    /// Tells those who watch that it stands otherwise with a Push Server.
    pub(super) fn tell_server(&mut self, server: Server, now: Now) {
        let what = Happening::ServerChanged {
            uri: server.uri,
            protocol: server.protocol,
            state: server.state,
            reason: server.reason,
        };
        self.watchers
            .tell(&Concern::Everybody, at(now, what).into());
    }

    /// A handler has made something of an event: it is counted, kept for explanations, and told.
    pub(super) fn handled(&mut self, mut report: HandlerReport, now: Now) {
        tracing::debug!(event = %report.event, scheme = %report.scheme, outcome = %report.outcome, "handler");
        self.counters.handled.count(&report.scheme, &report.outcome);
        self.reports.shorten(&mut report);
        let record = self.core.registration(report.registration);
        let owner = record.map(|record| record.owner.clone());
        if self.watchers.want(WatchedKind::Handled) {
            let event = watched_event(report.event, record.map(|record| &**record));
            let told = Told {
                watched: at(now, handled(&report, event.clone(), false)),
                to_owner: Some(at(now, handled(&report, event, true))),
                push: None,
            };
            let concern = record.map_or(Concern::Nobody, |record| Concern::Registration(record));
            self.watchers.tell(&concern, told);
        }
        self.reports.remember(Kept {
            time: now.unix,
            owner,
            report,
        });
    }
}

/// What an application is to hear of its registration by a handler, or no more.
fn to_hear(occurrence: &Occurrence) -> Option<Wanted> {
    if let Occurrence::RegistrationChanged { record, cause, .. } = occurrence
        && *cause != ChangeCause::Restored
    {
        let (record, cause) = (Arc::clone(record), *cause);
        let has_handler = record.event_handler.is_some();
        has_handler.then_some(Wanted::Lost { record, cause })
    } else if let Occurrence::Registered(record)
    | Occurrence::Deregistered(record)
    | Occurrence::RegistrationChanged { record, .. } = occurrence
    {
        let record = Arc::clone(record);
        Some(Wanted::Outdated { record })
    } else {
        None
    }
}

/// What watchers know it as; absent where they hear nothing of it.
const fn kind_of(occurrence: &Occurrence) -> Option<WatchedKind> {
    Some(match occurrence {
        Occurrence::PushJudged(_) => WatchedKind::Judged,
        Occurrence::Registered(_) => WatchedKind::Registered,
        Occurrence::Deregistered(_) => WatchedKind::Deregistered,
        Occurrence::RegistrationRefused { .. } => WatchedKind::RegistrationRefused,
        Occurrence::RegistrationChanged { .. } => WatchedKind::RegistrationChanged,
        Occurrence::HandlerFailed { .. } => WatchedKind::HandlerFailed,
        Occurrence::Delivered { .. } => WatchedKind::Delivered,
        Occurrence::Completed { .. } => WatchedKind::Accepted,
        Occurrence::Delayed { .. } => WatchedKind::Delayed,
        Occurrence::Died { .. } => WatchedKind::Died,
        Occurrence::Replayed { .. } => WatchedKind::Replayed,
        Occurrence::Dropped { .. } => WatchedKind::Dropped,
        Occurrence::Expired { .. } => WatchedKind::Expired,
        Occurrence::CopyDropped { .. }
        | Occurrence::PortNotOpened { .. }
        | Occurrence::StoreFailed { .. } => return None,
    })
}

const fn at(now: Now, what: Happening) -> Watched {
    Watched {
        time: now.unix.0,
        what,
    }
}

fn registration(record: &RegistrationRecord) -> WatchedRegistration {
    WatchedRegistration {
        registration_id: record.id.to_string(),
        owner: record.owner.to_string(),
        push_application_id: record.push_application_id.to_string(),
        application_id: record.application_id.as_ref().map(ToString::to_string),
    }
}

fn changed(record: &RegistrationRecord, cause: ChangeCause, detail: &str) -> Happening {
    Happening::RegistrationChanged {
        registration: registration(record),
        cause: cause.as_str().to_owned(),
        detail: detail.to_owned(),
    }
}

fn watched_event(event: EventId, record: Option<&RegistrationRecord>) -> WatchedEvent {
    WatchedEvent {
        id: event.to_string(),
        registration: record.map(registration),
    }
}

fn handled(report: &HandlerReport, event: WatchedEvent, with_output: bool) -> Happening {
    Happening::Handled {
        event,
        attempt: report.attempt,
        scheme: report.scheme.to_string(),
        outcome: report.outcome.to_string(),
        output: said(report, with_output),
        took: took(report),
    }
}

fn watched_push(decision: &Decision, event: Option<EventId>) -> WatchedPush {
    let reached_somebody = matches!(decision.verdict, Verdict::Accepted { .. });
    WatchedPush {
        verdict: verdict_word(&decision.verdict).to_owned(),
        detail: (!reached_somebody).then(|| recent::detail(decision)),
        id: event.map(|event| event.to_string()),
        push_application_id: decision.application.as_ref().map(ToString::to_string),
        content_type: decision.media_type.to_string(),
        content_length: decision.content_length,
        protocol: decision.protocol.to_string(),
        bearer: decision.bearer.to_string(),
        server: decision.server.to_string(),
        port: decision.destination_port,
        ..WatchedPush::default()
    }
}

/// Says which registration takes a push.
fn take_up(judged: &mut WatchedPush, record: &RegistrationRecord) {
    let taker = registration(record);
    judged.registration_id = Some(taker.registration_id);
    judged.owner = Some(taker.owner);
    judged.push_application_id = Some(taker.push_application_id);
    judged.application_id = taker.application_id;
}
