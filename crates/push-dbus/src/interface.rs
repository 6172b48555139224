//! `org.pushcai.Client1`.

use std::collections::HashMap;
use std::sync::Arc;

use push_api::{BatchAcknowledgement, Outcome, PushService, Reason, nearest};
use tokio::sync::watch;
use zbus::message::Header;
use zbus::object_server::SignalEmitter;
use zbus::{Connection, Variant, interface};

use crate::DbusSettings;
use crate::answers::{Answer, deregistered, registered, registration, source};
use crate::callers::{Admitted, Callers};
use crate::failure::{Failure, Fallible};
use crate::fetching::{Fetched, fetch};
use crate::options::{self, Document};
use crate::state::State;
use crate::watching::tell_newcomer;

/// The most events that one call may acknowledge.
const MAX_ACKNOWLEDGED: usize = 1000;

/// What the calls on one connection to a bus share.
#[derive(Debug)]
pub(crate) struct Shared<S> {
    pub(crate) service: S,
    pub(crate) settings: DbusSettings,
    pub(crate) callers: Arc<Callers>,
    pub(crate) closing: watch::Receiver<bool>,
}

impl<S: PushService> Shared<S> {
    /// Admits a call. A connection that calls for the first time is told what it was not there to hear.
    async fn admit(&self, connection: &Connection, header: &Header<'_>) -> Fallible<Admitted> {
        let admitted = self.callers.admit(connection, header).await?;
        if let (true, Some(name)) = (admitted.is_first, header.sender()) {
            tell_newcomer(connection, self, &admitted.caller, name.to_owned()).await;
        }
        Ok(admitted)
    }
}

/// The object of the Push Client.
#[derive(Debug)]
pub(crate) struct Client1<S>(pub(crate) Arc<Shared<S>>);

/// Application Registration and Deregistration, events and their acknowledgement (Push-CAI 5). Errors are those of `org.pushcai.Error`.
#[interface(name = "org.pushcai.Client1")]
impl<S: PushService> Client1<S> {
    /// Registers an application: `pushApplicationID` (required), `applicationID`, `eventHandler`, `whitelist`, `connectionProfile`,
    /// `Accept`, `suppressEqualContent`.
    #[zbus(out_args("response"))]
    async fn register(
        &self,
        request: Document,
        options: Document,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] connection: &Connection,
    ) -> Result<Answer, Failure> {
        let admitted = self.0.admit(connection, &header).await?;
        let request = options::registration(&request, &options)?;
        let answer = self
            .0
            .service
            .register(admitted.caller.clone(), request)
            .await?;
        Ok(registered(answer))
    }

    /// Deregisters an application; options are `applicationID` and `force`.
    #[zbus(out_args("response"))]
    async fn deregister(
        &self,
        push_application_id: String,
        options: Document,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] connection: &Connection,
    ) -> Result<Answer, Failure> {
        let admitted = self.0.admit(connection, &header).await?;
        let query = options::deregistration(push_application_id, &options)?;
        let answer = self
            .0
            .service
            .deregister(admitted.caller.clone(), query)
            .await?;
        Ok(deregistered(answer))
    }

    /// The caller's registrations, all of them for an administrator; a filter has `pushApplicationID`, `applicationID` or
    /// `registrationID`.
    #[zbus(out_args("registrations"))]
    async fn list(
        &self,
        filter: Document,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] connection: &Connection,
    ) -> Result<Vec<Answer>, Failure> {
        let admitted = self.0.admit(connection, &header).await?;
        let filter = options::filter(&filter)?;
        let all = self
            .0
            .service
            .registrations(admitted.caller.clone())
            .await?;
        let fitting = all
            .into_iter()
            .filter(|registration| filter.fits(registration));
        Ok(fitting.map(registration).collect())
    }

    /// Takes the caller's waiting events once, at most `max` of them, and waits up to `wait_ms` for the first; an empty
    /// `registration_id` means all registrations. What is not acknowledged comes again.
    #[zbus(out_args("events"))]
    async fn fetch(
        &self,
        registration_id: String,
        max: u32,
        wait_ms: u32,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] connection: &Connection,
    ) -> Result<Fetched<S::Event>, Failure> {
        let admitted = self.0.admit(connection, &header).await?;
        fetch(&self.0, admitted, &registration_id, max, wait_ms).await
    }

    /// Acknowledges events of the caller: `outcome` is `accepted`, `later` or `rejected`. Returns once that is durable.
    async fn ack(
        &self,
        event_ids: Vec<String>,
        outcome: String,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] connection: &Connection,
    ) -> Result<(), Failure> {
        let admitted = self.0.admit(connection, &header).await?;
        let acknowledgements = acknowledgements(event_ids, &outcome)?;
        let count = acknowledgements.len();
        let caller = admitted.caller.clone();
        let mut answer = self.0.service.acknowledge(caller, acknowledgements).await?;
        match answer.refused.pop() {
            None => Ok(()),
            Some((id, reason, detail)) => {
                let refused = answer.refused.len() + 1;
                let reason = Reason::from_word(&reason).unwrap_or(Reason::InvalidRequest);
                let detail =
                    format!("{refused} of {count} events were refused, `{id}` because: {detail}");
                Err(Failure::new(reason, None, &detail))
            }
        }
    }

    /// Something happened to a registration of the receiver's: `cause` is `invalidated`, `revoked`, `lost` or `restored`. Sent to the
    /// connections of its owner alone: to those that have called, when it happens, and to others at their first call, if it holds.
    #[zbus(signal)]
    pub(crate) async fn registration_changed(
        emitter: &SignalEmitter<'_>,
        registration_id: &str,
        cause: &str,
        details: HashMap<&str, Variant<'_>>,
    ) -> zbus::Result<()>;

    /// The Push OTA protocols that are spoken.
    #[zbus(property)]
    async fn protocols(&self) -> Vec<String> {
        State::read(&self.0.service).await.protocols
    }

    /// The bearers that pushes come by.
    #[zbus(property)]
    async fn bearers(&self) -> Vec<String> {
        State::read(&self.0.service).await.bearers
    }

    /// The Push Servers and sources of short messages, each with `uri`, `protocol`, `state` and perhaps `reason`.
    #[zbus(property)]
    async fn sources(&self) -> Vec<Answer> {
        State::read(&self.0.service)
            .await
            .sources
            .iter()
            .map(source)
            .collect()
    }

    /// The version of the program.
    #[zbus(property(emits_changed_signal = "const"))]
    #[expect(clippy::unused_self, reason = "a property is a method of its object")]
    fn version(&self) -> &'static str {
        env!("CARGO_PKG_VERSION")
    }
}

fn acknowledgements(ids: Vec<String>, outcome: &str) -> Fallible<Vec<BatchAcknowledgement>> {
    let outcome = outcome_of(outcome)?;
    if !(1..=MAX_ACKNOWLEDGED).contains(&ids.len()) {
        let detail = format!(
            "{} events are named; name 1 to {MAX_ACKNOWLEDGED}",
            ids.len()
        );
        return Err(Failure::invalid("event_ids", &detail));
    }
    let acknowledgement = |id| BatchAcknowledgement { id, outcome };
    Ok(ids.into_iter().map(acknowledgement).collect())
}

fn outcome_of(word: &str) -> Fallible<Outcome> {
    const KNOWN: [(&str, Outcome); 3] = [
        ("accepted", Outcome::Accepted),
        ("later", Outcome::Later),
        ("rejected", Outcome::Rejected),
    ];
    let found = KNOWN.iter().find(|(known, _)| *known == word);
    found.map(|(_, outcome)| *outcome).ok_or_else(|| {
        let near = nearest(word, KNOWN.iter().map(|(known, _)| *known));
        let hint = near.map_or_else(
            || "known are `accepted`, `later` and `rejected`".to_owned(),
            |near| format!("did you mean `{near}`?"),
        );
        let shown: String = word.chars().take(40).collect();
        Failure::invalid("outcome", &format!("`{shown}` is no outcome; {hint}"))
    })
}
