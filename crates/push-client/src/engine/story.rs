//! Where events stand: one that is asked about, and dead letters.

use push_api::{
    Caller, DeadLetterQuery, EventStory, ExplainAnswer, ExplainRequest, HandlerAttempt,
};
use push_core::{
    DeadLetter, EventId, EventStage, EventView, Now, RegistrationRecord, Selection, Selector,
};
use push_message::{Owner, Reason, Refusal};

use super::Engine;
use crate::service::event_id;

impl Engine {
    /// The dead letters of an owner, or (absent) of everybody.
    pub(super) fn dead_letters(
        &self,
        owner: Option<&Owner>,
        query: &DeadLetterQuery,
    ) -> Result<Vec<push_api::DeadLetter>, Refusal> {
        let selection = Selection::parse(&Selector {
            push_application_id: query.push_application_id.clone(),
            application_id: query.application_id.clone(),
            handler_of: None,
        })?;
        let after = query.after.as_deref();
        let after = after.map(|id| event_id(id, "after")).transpose()?;
        let letters = self.core.dead_letters(owner, after);
        Ok(letters
            .filter(|letter| selection.fits(&letter.record))
            .take(usize::try_from(query.limit).unwrap_or(usize::MAX))
            .map(|letter| self.dead_letter(&letter))
            .collect())
    }

    fn dead_letter(&self, letter: &DeadLetter) -> push_api::DeadLetter {
        let DeadLetter {
            event,
            record,
            push,
            failures,
        } = letter;
        push_api::DeadLetter {
            id: event.to_string(),
            registration_id: record.id.to_string(),
            owner: record.owner.to_string(),
            push_application_id: record.push_application_id.to_string(),
            application_id: record.application_id.as_ref().map(ToString::to_string),
            content_type: push.message.content_type.media_type.to_string(),
            content_length: push.message.content.len(),
            protocol: push.origin.protocol.to_string(),
            server: push.origin.server.to_string(),
            received_at: push.received.0,
            attempts: *failures,
            reason: Some(self.cause_of_death(record, *event, *failures)),
        }
    }

    /// Why an event is a dead letter, as far as is known: what its handler said last, else how far it got.
    fn cause_of_death(&self, record: &RegistrationRecord, event: EventId, failures: u32) -> String {
        if let Some(report) = self.reports.last(record.id, event) {
            return format!("{}: {}", report.scheme, report.outcome);
        }
        if failures >= self.core.settings().max_attempts {
            return format!("not accepted in {failures} attempts");
        }
        "its application rejected it".to_owned()
    }

    /// Where an event stands, to its owner and to administrators.
    pub(super) fn story(
        &self,
        caller: &Caller,
        request: &ExplainRequest,
        now: Now,
    ) -> Result<ExplainAnswer, Refusal> {
        let id = request.event_id.as_deref().unwrap_or_default();
        check_alone(request)?;
        let event = event_id(id, "eventID")?;
        let may_see = |owner| caller.administrator || owner == Some(&caller.owner);
        let view = self.core.event(event, now);
        let view = view.filter(|view| may_see(view.record.map(|record| &record.owner)));
        let mut story = match &view {
            Some(view) => standing(event, view),
            None => gone(event),
        };
        story.handler_attempts = self.handler_attempts(caller, event);
        if view.is_none() && !story.handler_attempts.is_empty() {
            "it was accepted, dropped, or has expired".clone_into(&mut story.detail);
        }
        Ok(ExplainAnswer {
            event: Some(story),
            ..ExplainAnswer::default()
        })
    }

    /// What handlers made of an event, as far as it may be seen. What they said is shown to the owner alone: it may hold content.
    fn handler_attempts(&self, caller: &Caller, event: EventId) -> Vec<HandlerAttempt> {
        let kept = self.reports.of(event);
        kept.filter_map(|kept| {
            let is_its = kept.owner.as_ref() == Some(&caller.owner);
            (is_its || caller.administrator).then(|| kept.attempt(is_its))
        })
        .collect()
    }
}

/// An event is asked about alone: what describes a push belongs to another question.
fn check_alone(request: &ExplainRequest) -> Result<(), Refusal> {
    let alone = ExplainRequest {
        event_id: request.event_id.clone(),
        ..ExplainRequest::default()
    };
    if *request == alone {
        return Ok(());
    }
    let detail = "`eventID` asks about an event that is there, and goes with nothing that describes a push; ask twice";
    Err(Refusal::of_option(
        Reason::InvalidRequest,
        "eventID",
        detail,
    ))
}

fn gone(event: EventId) -> EventStory {
    EventStory {
        id: event.to_string(),
        state: "gone".to_owned(),
        detail: "no event of yours has this id at present: it was accepted, dropped, has expired, or never was"
            .to_owned(),
        ..EventStory::default()
    }
}

fn standing(event: EventId, view: &EventView<'_>) -> EventStory {
    let record = view.record;
    let message = &view.push.message;
    let (state, detail) = words(view);
    EventStory {
        id: event.to_string(),
        state: state.to_owned(),
        detail: detail.to_owned(),
        registration_id: record.map(|record| record.id.to_string()),
        owner: record.map(|record| record.owner.to_string()),
        push_application_id: record.map(|record| record.push_application_id.to_string()),
        application_id: record
            .and_then(|record| record.application_id.as_ref())
            .map(ToString::to_string),
        content_type: Some(message.content_type.media_type.to_string()),
        content_length: Some(message.content.len()),
        server: Some(view.push.origin.server.to_string()),
        received_at: Some(view.push.received.0),
        attempts: Some(view.attempts),
        failures: Some(view.failures),
        not_before: view.not_before.map(|time| time.0),
        expires_at: Some(view.expires.0),
        handler_attempts: Vec::new(),
    }
}

const fn words(view: &EventView<'_>) -> (&'static str, &'static str) {
    match view.stage {
        EventStage::Journalling => ("journalling", "it is being written down"),
        EventStage::Held => (
            "held",
            "it matched nobody and waits for an application that registers late",
        ),
        EventStage::Waiting if view.not_before.is_some() => {
            ("waiting", "it was put off and is tried again later")
        }
        EventStage::Waiting => (
            "waiting",
            "it waits for its application, or for the events before it",
        ),
        EventStage::UnderWay => ("underWay", "it was handed over and is not acknowledged yet"),
        EventStage::Dead => (
            "dead",
            "it is a dead letter: it was rejected, or tried as often as it may be; replay or drop it",
        ),
    }
}
