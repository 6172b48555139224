//! The Push Client as bindings see it: the documents of [`push_api`] in, the machine's values out, and back.

use std::time::Duration;

use push_api::{
    BatchAcknowledgeAnswer, BatchAcknowledgement, Caller, DeadLetter, DeadLetterQuery,
    DeregistrationAnswer, DeregistrationQuery, ExplainAnswer, ExplainRequest, FetchQuery,
    PushService, Registration, RegistrationAnswer, Server, ServerAnswer, SessionAnswer,
    SessionAnswered, SessionTasks, SettleAnswer, SettleDeadLetters, Status, SubmitAnswer,
    SubmitRequest, SubscribeQuery, WatchQuery, Watched,
};
use push_core::{
    Acknowledgement, DeregistrationRequest, EventId, Outcome, ProfileRequest, RegistrationRequest,
    Selector, ServerReport, ServerState,
};
use push_message::{Owner, Reason, Refusal};

use crate::client::Client;
use crate::dead_letters;
use crate::engine::Request;
use crate::event::{Event, Events};
use crate::watch::Watching;

impl PushService for Client {
    type Event = Event;
    type Events = Events;
    type Watching = Watching;

    async fn register(
        &self,
        caller: Caller,
        request: push_api::RegistrationRequest,
    ) -> Result<RegistrationAnswer, Refusal> {
        //= specs/push-cai.md#accepted-registration
        //# An accepted registration MUST be answered with a response that tells the application of its success.
        let handler = request.event_handler.clone();
        if let Some(handler) = &handler {
            self.check_handler(&caller, handler).await?;
        }
        let registered = self
            .register_for(caller.owner, registration_request(request))
            .await?;
        let secret =
            handler.and_then(|handler| self.handler_secret(registered.registration, &handler));
        Ok(RegistrationAnswer {
            result: "success".to_owned(),
            registration_id: registered.registration.to_string(),
            handler_secret: secret,
            servers: registered.servers.into_iter().map(server_answer).collect(),
        })
    }

    async fn deregister(
        &self,
        caller: Caller,
        query: DeregistrationQuery,
    ) -> Result<DeregistrationAnswer, Refusal> {
        let DeregistrationQuery {
            push_application_id,
            application_id,
            owner,
            force,
        } = query;
        let owner = owner.filter(|owner| *owner != caller.owner.as_str());
        let revoked = owner.is_some();
        if revoked && !caller.administrator {
            return Err(not_an_administrator());
        }
        let request = DeregistrationRequest {
            push_application_id,
            application_id,
            revoked,
            force,
        };
        let owner = owner.map_or(caller.owner, Owner::proved);
        //= specs/push-cai.md#answer-to-a-deregistration
        //# A deregistration that is accepted, and carried out with the Push Server where one has to be told, MUST be answered with a response that tells the application of its success.
        let servers = self.deregister_for(owner, request).await?;
        Ok(DeregistrationAnswer {
            result: "success".to_owned(),
            servers: servers.into_iter().map(server_answer).collect(),
        })
    }

    async fn registrations(&self, caller: Caller) -> Result<Vec<Registration>, Refusal> {
        let owner = visible_to(caller);
        self.query(|answer| Request::Registrations { owner, answer })
            .await
    }

    async fn subscribe(&self, caller: Caller, query: SubscribeQuery) -> Result<Events, Refusal> {
        let SubscribeQuery {
            push_application_id,
            application_id,
            after,
            window,
        } = query;
        let after = after
            .as_deref()
            .map(|id| event_id(id, "Last-Event-ID"))
            .transpose()?;
        self.subscribe_for(
            caller.owner,
            Selector {
                push_application_id,
                application_id,
                handler_of: None,
            },
            after,
            window,
        )
        .await
    }

    async fn fetch(&self, caller: Caller, query: FetchQuery) -> Result<Vec<Event>, Refusal> {
        let FetchQuery {
            push_application_id,
            application_id,
            limit,
            wait,
        } = query;
        self.fetch_for(
            caller.owner,
            Selector {
                push_application_id,
                application_id,
                handler_of: None,
            },
            limit,
            wait,
        )
        .await
    }

    async fn acknowledge(
        &self,
        caller: Caller,
        acknowledgements: Vec<BatchAcknowledgement>,
    ) -> Result<BatchAcknowledgeAnswer, Refusal> {
        let mut answer = BatchAcknowledgeAnswer::default();
        let mut known = Vec::with_capacity(acknowledgements.len());
        for BatchAcknowledgement { id, outcome } in acknowledgements {
            match event_id(&id, "id") {
                Ok(event) => known.push(Acknowledgement::new(event, outcome_of(outcome))),
                Err(refusal) => answer.refused.push(refused(id, refusal)),
            }
        }
        let asked = known.len();
        if asked > 0 {
            let refusals = self.acknowledge_for(caller.owner, known).await?;
            answer.acknowledged = asked.saturating_sub(refusals.len());
            answer.refused.extend(
                refusals
                    .into_iter()
                    .map(|(event, refusal)| refused(event.to_string(), refusal)),
            );
        }
        Ok(answer)
    }

    async fn dead_letters(
        &self,
        caller: Caller,
        query: DeadLetterQuery,
    ) -> Result<Vec<DeadLetter>, Refusal> {
        let owner = visible_to(caller);
        self.query(|answer| Request::DeadLetters {
            owner,
            query,
            answer,
        })
        .await?
    }

    async fn settle_dead_letters(
        &self,
        caller: Caller,
        request: SettleDeadLetters,
    ) -> Result<SettleAnswer, Refusal> {
        let owner = visible_to(caller);
        let mut answer = SettleAnswer::default();
        let (fate, letters) = dead_letters::chosen(request, &mut answer)?;
        let (settled, refusals) = self.settle_for(owner, letters, fate).await?;
        let refusals = refusals.into_iter();
        answer.settled = settled;
        answer
            .refused
            .extend(refusals.map(|(event, refusal)| refused(event.to_string(), refusal)));
        Ok(answer)
    }

    async fn watch(&self, caller: Caller, query: WatchQuery) -> Result<Watching, Refusal> {
        self.query(|answer| Request::Watch {
            caller,
            query,
            answer,
        })
        .await?
    }

    async fn registration_changes(&self, caller: Caller) -> Result<Vec<Watched>, Refusal> {
        let owner = caller.owner;
        self.query(|answer| Request::RegistrationChanges { owner, answer })
            .await
    }

    async fn status(&self, _: Caller) -> Result<Status, Refusal> {
        self.query(|answer| Request::Status { answer }).await
    }

    async fn servers(&self, _: Caller) -> Result<Vec<Server>, Refusal> {
        self.query(|answer| Request::Servers { answer }).await
    }

    async fn explain(
        &self,
        caller: Caller,
        request: ExplainRequest,
    ) -> Result<ExplainAnswer, Refusal> {
        self.query(|answer| Request::Explain {
            caller,
            request,
            answer,
        })
        .await?
    }

    async fn submit(
        &self,
        caller: Caller,
        request: SubmitRequest,
    ) -> Result<SubmitAnswer, Refusal> {
        self.submit_for(&caller, &request).await
    }

    async fn session_tasks(&self, caller: Caller) -> Result<Box<dyn SessionTasks>, Refusal> {
        let helpers = self.session_helpers()?;
        self.connect_session_helper(helpers, &caller).await
    }

    async fn session_answers(
        &self,
        caller: Caller,
        answers: Vec<SessionAnswer>,
    ) -> Result<SessionAnswered, Refusal> {
        self.session_helpers()?.answer(&caller, answers)
    }

    async fn metrics(&self) -> String {
        self.query(|answer| Request::Metrics { answer })
            .await
            .unwrap_or_default()
    }
}

fn not_an_administrator() -> Refusal {
    let detail = "only administrators may name another owner; leave it out";
    Refusal::of_option(Reason::NotAuthorized, "owner", detail)
}

/// Whose registrations a caller sees: its own, or (absent) all.
fn visible_to(caller: Caller) -> Option<Owner> {
    (!caller.administrator).then_some(caller.owner)
}

fn registration_request(request: push_api::RegistrationRequest) -> RegistrationRequest {
    let push_api::RegistrationRequest {
        push_application_id,
        application_id,
        event_handler,
        whitelist,
        connection_profile,
        accept,
        suppress_equal_content,
    } = request;
    let profile = |profile: push_api::ConnectionProfile| ProfileRequest {
        protocol: profile.protocol,
        bearer_type: profile.bearer_type,
        port: profile.port,
    };
    RegistrationRequest {
        push_application_id,
        application_id,
        event_handler,
        whitelist,
        connection_profile: connection_profile.into_iter().map(profile).collect(),
        accept,
        suppress_equal_content: suppress_equal_content
            .map(|seconds| Duration::from_secs(seconds.into())),
        observes: false,
    }
}

/// A profile as an application would write it.
pub(crate) fn profile_of(profile: push_message::ConnectionProfile) -> push_api::ConnectionProfile {
    push_api::ConnectionProfile {
        protocol: profile.protocol.map(|protocol| protocol.to_string()),
        bearer_type: profile.bearer.map(|bearer| bearer.to_string()),
        port: profile.port.map(|port| port.to_string()),
    }
}

fn server_answer(report: ServerReport) -> ServerAnswer {
    let state = match report.state {
        ServerState::Requested => "requested",
        ServerState::Announced => "announced",
        ServerState::Confirmed => "confirmed",
        ServerState::Rejected => "rejected",
        ServerState::Unreachable => "unreachable",
    };
    ServerAnswer {
        uri: report.uri,
        protocol: report.protocol.to_string(),
        state: state.to_owned(),
        reason: report.reason,
    }
}

const fn outcome_of(outcome: push_api::Outcome) -> Outcome {
    match outcome {
        push_api::Outcome::Accepted => Outcome::Accepted,
        push_api::Outcome::Later => Outcome::Later,
        push_api::Outcome::Rejected => Outcome::Rejected,
    }
}

pub(crate) fn event_id(text: &str, option: &'static str) -> Result<EventId, Refusal> {
    let digits = Some(text).filter(|text| text.len() == 16);
    let id = digits.and_then(|digits| {
        let mut digits = digits.chars();
        digits.try_fold(0, |id, digit| {
            Some(id << 4 | u64::from(digit.to_digit(16)?))
        })
    });
    id.map(EventId).ok_or_else(|| {
        let shown: String = text.chars().take(40).collect();
        let detail = format!(
            "`{shown}` is no event; an id has 16 hexadecimal digits, as in the event's `id`"
        );
        Refusal::of_option(Reason::InvalidRequest, option, detail)
    })
}

pub(crate) fn refused(id: String, refusal: Refusal) -> (String, String, String) {
    (id, refusal.reason.to_string(), refusal.detail)
}
