//! What the engine says of itself, and what it notes of the machine.

use std::time::Duration;

use push_api::{Caller, ExplainAnswer, ExplainRequest, Registration, Server, Status};
use push_core::{
    Decision, Explanation, HandlerStage, HandlerState, Input, Now, Occurrence, PersistTicket,
    Recipient, RegistrationId, RegistrationState, RegistrationView,
};
use push_message::{Origin, Owner, Protocol, PushApplicationId, Refusal, TransactionId, Whitelist};

use super::{Engine, Listener, OtaHttp, OtaSip, PushSessions, Request};
use crate::counters::verdict_word;
use crate::explain::described;
use crate::masked::Masked;
use crate::metrics::{self, Gauges};
use crate::recent;
use crate::service::profile_of;

impl Engine {
    /// Answers a question about the client itself. Whoever asked may be gone, which makes the answer idle.
    pub(super) fn report(&mut self, request: Request, now: Now) {
        match request {
            Request::Registrations { owner, answer } => {
                drop(answer.send(self.registrations(owner.as_ref())));
            }
            Request::Status { answer } => drop(answer.send(self.status(now))),
            Request::Servers { answer } => drop(answer.send(self.servers(now))),
            Request::Explain {
                caller,
                request,
                answer,
            } => {
                drop(answer.send(self.explain(&caller, &request, now)));
            }
            Request::DeadLetters {
                owner,
                query,
                answer,
            } => drop(answer.send(self.dead_letters(owner.as_ref(), &query))),
            Request::RegistrationChanges { owner, answer } => {
                drop(answer.send(self.changes.of_owner(&owner)));
            }
            Request::Watch {
                caller,
                query,
                answer,
            } => drop(answer.send(self.watchers.add(caller, query))),
            Request::Metrics { answer } => {
                drop(answer.send(metrics::text(
                    &self.counters,
                    self.ota_http.as_ref().map(OtaHttp::tally),
                    &self.gauges(now),
                )));
            }
            Request::Ask { .. }
            | Request::Tell(_)
            | Request::Handled(_)
            | Request::Subscribe(_)
            | Request::NetworkChanged
            | Request::ShutDown => {}
        }
    }

    /// The Push Servers, and the sources of short messages.
    fn servers(&mut self, now: Now) -> Vec<Server> {
        let mut servers = self.http_servers(now);
        servers.extend(self.sip_servers(now));
        servers.extend(self.session_servers());
        servers.extend(self.short_messages.servers());
        servers
    }

    fn registrations(&self, owner: Option<&Owner>) -> Vec<Registration> {
        match owner {
            Some(owner) => self
                .core
                .registrations_of(owner)
                .map(|view| self.registration(&view))
                .collect(),
            None => self
                .core
                .registrations()
                .map(|view| self.registration(&view))
                .collect(),
        }
    }

    fn registration(&self, view: &RegistrationView) -> Registration {
        let state = view.handler.map(|state| {
            let failure = self.handler_failures.get(&view.record.id);
            handler_state(state, failure.cloned())
        });
        Registration {
            handler_state: state,
            ..registration(view)
        }
    }

    /// The handler of a registration could not be reached.
    fn handler_failed(&mut self, registration: RegistrationId, reason: String) {
        if let Some(record) = self.core.registration(registration) {
            self.counters.handler_failed(record);
            self.handler_failures.insert(registration, reason);
        }
    }

    fn status(&self, now: Now) -> Status {
        let counts = self.core.counts();
        let protocol = Protocol::OtaWsp.to_string();
        let over_udp = |listener: &Listener| (protocol.clone(), listener.address().to_string());
        let over_tcp = self.ota_http.iter().flat_map(OtaHttp::services);
        let over_sip = self.ota_sip.iter().flat_map(OtaSip::services);
        let over_tcp = over_tcp.chain(over_sip);
        let over_tcp =
            over_tcp.map(|(service, address)| ((*service).to_owned(), address.to_string()));
        Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            uptime_seconds: now.monotonic.as_secs(),
            registrations: counts.registrations,
            waiting_events: counts.waiting_events,
            unacknowledged_events: counts.unacknowledged_events,
            held_events: counts.held_events,
            dead_letters: counts.dead_letters,
            octets: counts.octets,
            listening: self
                .listeners
                .iter()
                .map(over_udp)
                .chain(over_tcp)
                .collect(),
            store_failure: self.store_failure.clone(),
            counters: metrics::by_name(&self.counters, self.ota_http.as_ref().map(OtaHttp::tally)),
        }
    }

    fn gauges(&self, now: Now) -> Gauges {
        let counts = self.core.counts();
        let over_sip = self.ota_sip.iter().filter_map(OtaSip::udp);
        Gauges {
            registrations: counts.registrations,
            waiting_events: counts.waiting_events,
            unacknowledged_events: counts.unacknowledged_events,
            held_events: counts.held_events,
            dead_letters: counts.dead_letters,
            octets: counts.octets,
            streams: counts.subscribers,
            watchers: self.watchers.len(),
            watch_missed: self.watchers.missed(),
            unwritten: self.persistence.unanswered(),
            kernel_drops: super::kernel::drops(self.listeners.iter().chain(over_sip)),
            held_messages: self.short_messages.held(),
            sip_connections: self.ota_sip.as_ref().map(OtaSip::connections),
            session_sockets: self.sessions.as_ref().map_or(0, PushSessions::sockets),
            store_writes: self.store_failure.is_none(),
            uptime_seconds: now.monotonic.as_secs(),
            sources: self.short_messages.counts(),
        }
    }

    /// What a caller may know of judgements: an owner those on its own Push Application IDs, but for those on pushes that
    /// somebody takes who shares the id; an administrator all.
    fn explain(
        &self,
        caller: &Caller,
        request: &ExplainRequest,
        now: Now,
    ) -> Result<ExplainAnswer, Refusal> {
        if request.event_id.is_some() {
            return self.story(caller, request, now);
        }
        let protocols = &self.core.settings().protocols;
        let owner = (!caller.administrator).then_some(&caller.owner);
        let standard_port = |protocol, bearer| {
            let offer = protocols.get(&protocol)?.bearers.get(&bearer)?;
            offer.ports.first().copied()
        };
        let described = described(request, standard_port, now)?;
        let may_see = |application: Option<&PushApplicationId>, taker: Option<&Owner>| {
            owner.is_none_or(|owner| {
                taker.is_none_or(|taker| taker == owner)
                    && application
                        .is_some_and(|application| self.core.holds_application(owner, application))
            })
        };
        let explanation = described.map(|push| {
            let Recipient {
                application,
                owner: taker,
            } = self.core.recipient_of(&push);
            if may_see(application.as_ref(), taker) {
                explanation(self.core.explain(&push))
            } else {
                concealed(application.as_ref())
            }
        });
        let mut recent = self.recent.view(|refusal| match refusal {
            recent::Refusal::Judged(decision) => {
                let application = decision.application.as_ref();
                let taker = application.and_then(|id| self.core.taker_of(id, &origin_of(decision)));
                may_see(application, taker)
            }
            recent::Refusal::Malformed { .. } | recent::Refusal::Unjudged(_) => owner.is_none(),
        });
        if owner.is_none()
            && let Some(http) = &self.ota_http
        {
            recent.extend(http.refused().into_iter().rev().map(recent::unjudged));
            recent.sort_by_key(|refused| std::cmp::Reverse(refused.received_at));
            recent.truncate(self.settings.recent_refusals);
        }
        Ok(ExplainAnswer {
            explanation,
            event: None,
            recent,
        })
    }

    /// Gives the store what waits; says whether something was answered at once.
    pub(super) fn flush_to_store(&mut self, now: Now) -> bool {
        let mut settled = Vec::new();
        self.persistence.flush(&mut settled);
        let any = !settled.is_empty();
        for (ticket, result) in settled {
            self.persisted(ticket, result, now);
        }
        any
    }

    /// The store has answered.
    pub(super) fn persisted(
        &mut self,
        ticket: PersistTicket,
        result: Result<(), String>,
        now: Now,
    ) {
        self.counters.persists += 1;
        match &result {
            Ok(()) => {
                if self.store_failure.take().is_some() {
                    tracing::info!("the store writes again");
                }
            }
            Err(reason) => {
                if self.store_failure.is_none() {
                    tracing::error!(%reason, "the store cannot write; pushes and requests are refused until it can");
                }
                self.store_failure = Some(reason.clone());
            }
        }
        if !self.segments_written(ticket, &result, now) {
            self.core
                .handle_input(Input::Persisted { ticket, result }, now);
        }
    }

    /// Counts, logs and remembers what the machine reports.
    pub(super) fn note(&mut self, occurrence: Occurrence, now: Now) {
        self.counters.count(&occurrence);
        self.remember_change(&occurrence, now);
        self.tell(&occurrence, now);
        self.tell_handler(&occurrence);
        let shown = self.settings.show_personal_data;
        match occurrence {
            Occurrence::PushJudged(decision) => {
                let server = Masked::new(&decision.server, shown);
                tracing::debug!(verdict = verdict_word(&decision.verdict), application = decision.application.as_ref().map(tracing::field::display), %server, "push judged");
                self.recent.judged(decision);
            }
            Occurrence::Registered(record) => {
                tracing::info!(owner = %record.owner, application = %record.push_application_id, "registered");
            }
            Occurrence::RegistrationRefused { owner, refusal } => {
                tracing::info!(%owner, reason = %refusal.reason, option = refusal.option, "registration refused");
            }
            Occurrence::Deregistered(record) => {
                self.handler_failures.remove(&record.id);
                tracing::info!(owner = %record.owner, application = %record.push_application_id, "deregistered");
            }
            Occurrence::Delivered { event, attempt } => {
                tracing::debug!(%event, attempt, "event delivered");
            }
            Occurrence::Completed { event, .. } => tracing::debug!(%event, "event accepted"),
            Occurrence::Delayed { event, .. } => tracing::debug!(%event, "event put off"),
            Occurrence::CopyDropped { registration } => {
                tracing::info!(%registration, "an observer has no room for its copy of a push");
            }
            Occurrence::Dropped { event, .. } => tracing::info!(%event, "dead letter dropped"),
            Occurrence::Replayed { event } => {
                tracing::info!(%event, "dead letter is delivered again");
            }
            Occurrence::HandlerFailed {
                registration,
                reason,
                ..
            } => {
                tracing::info!(%registration, reason, "an event handler cannot be reached");
                self.handler_failed(registration, reason);
            }
            Occurrence::RegistrationChanged {
                record,
                cause,
                detail,
            } => {
                tracing::warn!(owner = %record.owner, application = %record.push_application_id, cause = cause.as_str(), detail, "registration changed");
            }
            Occurrence::Died { event } => tracing::info!(%event, "event became a dead letter"),
            Occurrence::Expired {
                event,
                registration: Some(registration),
            } => {
                tracing::info!(%event, %registration, "event outlived its time, or gave way to later ones");
            }
            // Not louder: whoever sends datagrams would write the log.
            Occurrence::Expired { event, .. } => {
                tracing::debug!(%event, "held push outlived its time, or gave way to later ones");
            }
            Occurrence::PortNotOpened {
                protocol,
                bearer,
                port,
                reason,
            } => {
                tracing::warn!(%protocol, %bearer, port, reason, "a port for an application cannot be opened");
            }
            // Logged where the store's answer comes in.
            Occurrence::StoreFailed { .. } => {}
        }
    }
}

fn explanation(explanation: Explanation) -> push_api::Explanation {
    push_api::Explanation {
        verdict: explanation.verdict.as_str().to_owned(),
        steps: explanation.steps,
    }
}

/// The way that a push came by, as far as a judgement tells.
pub(super) fn origin_of(decision: &Decision) -> Origin {
    Origin {
        protocol: decision.protocol,
        bearer: decision.bearer,
        server: decision.server.clone(),
        destination_port: decision.destination_port,
        origin_port: None,
        transaction: TransactionId::default(),
        proved_names: Box::default(),
        instance: decision.instance.clone(),
        short_message: None,
        answerable: false,
    }
}

/// What somebody learns who holds no registration for the id: no more than that.
fn concealed(application: Option<&PushApplicationId>) -> push_api::Explanation {
    let application = application.map_or_else(|| "such pushes".to_owned(), ToString::to_string);
    push_api::Explanation {
        verdict: "notRegistered".to_owned(),
        steps: vec![format!(
            "no registration of yours takes {application} this way; register one, or ask as an administrator who sees \
             those of others"
        )],
    }
}

fn handler_state(state: HandlerState, failure: Option<String>) -> push_api::HandlerState {
    let (word, until) = match state.stage {
        HandlerStage::Idle => ("idle", None),
        HandlerStage::Wanted => ("wanted", None),
        HandlerStage::Attached => ("attached", None),
        HandlerStage::Resting { until } => ("resting", Some(until.0)),
    };
    push_api::HandlerState {
        state: word.to_owned(),
        failures: state.failures,
        until,
        reason: failure.filter(|_| state.failures > 0),
    }
}

fn registration(view: &RegistrationView) -> Registration {
    let record = &view.record;
    let seconds =
        |millis: u64| u32::try_from(Duration::from_millis(millis).as_secs()).unwrap_or(u32::MAX);
    let request = push_api::RegistrationRequest {
        push_application_id: record.push_application_id.to_string(),
        application_id: record.application_id.as_ref().map(ToString::to_string),
        event_handler: record.event_handler.as_ref().map(ToString::to_string),
        whitelist: Whitelist::addresses(&record.whitelist)
            .iter()
            .map(ToString::to_string)
            .collect(),
        connection_profile: record.profiles.iter().copied().map(profile_of).collect(),
        accept: record.accept.as_ref().map(ToString::to_string),
        suppress_equal_content: record.suppress_equal_content_millis.map(seconds),
    };
    let state = match record.state {
        RegistrationState::Pending => "pending",
        RegistrationState::Active => "active",
    };
    Registration {
        registration_id: record.id.to_string(),
        owner: record.owner.to_string(),
        request,
        state: state.to_owned(),
        registered_at: record.registered.0,
        waiting_events: view.waiting,
        unacknowledged_events: view.unacknowledged,
        connected: view.connected,
        handler_state: None,
    }
}
