//! `org.pushcai.Client1`.

use std::collections::HashMap;
use std::sync::Arc;

use push_api::{BatchAcknowledgement, Caller, Fate, Outcome, PushService, Reason, nearest};
use tokio::sync::{Mutex, watch};
use zbus::message::Header;
use zbus::object_server::SignalEmitter;
use zbus::{Connection, Variant, interface};

use crate::DbusSettings;
use crate::answers::{Answer, dead_letter, deregistered, registered, registration, source};
use crate::authority::{Action, Authority};
use crate::callers::{Admitted, Callers};
use crate::failure::{Failure, Fallible};
use crate::fetching::{Fetched, fetch};
use crate::heard::Heard;
use crate::options::{self, Document};
use crate::state::State;
use crate::watching::tell_newcomer;

/// The most events that one call may name.
const MAX_NAMED: usize = 1000;

/// What the calls on one connection to a bus share.
#[derive(Debug)]
pub(crate) struct Shared<S> {
    pub(crate) service: S,
    pub(crate) settings: DbusSettings,
    pub(crate) callers: Arc<Callers>,
    pub(crate) authority: Authority,
    pub(crate) closing: watch::Receiver<bool>,
    /// Held while connections are told, so that each hears in order what became of its registrations.
    pub(crate) heard: Mutex<Heard>,
}

impl<S: PushService> Shared<S> {
    /// Admits a call. A connection that calls for the first time is told what it was not there to hear.
    async fn admit(&self, connection: &Connection, header: &Header<'_>) -> Fallible<Admitted> {
        let admitted = self.callers.admit(connection, header).await?;
        if let (true, Some(name)) = (admitted.is_first, header.sender()) {
            tell_newcomer(connection, self, name.to_owned()).await;
        }
        Ok(admitted)
    }

    /// Takes the caller as an administrator where it asks for what is others'.
    async fn caller_for(
        &self,
        admitted: &mut Admitted,
        header: &Header<'_>,
        others: Option<Action>,
    ) -> Fallible<Caller> {
        match others {
            None => Ok(admitted.caller.clone()),
            Some(action) => self.authority.administrator(admitted, header, action).await,
        }
    }

    /// Settles dead letters; says how many.
    async fn settle(
        &self,
        fate: Fate,
        (ids, choice): (Vec<String>, &Document),
        connection: &Connection,
        header: &Header<'_>,
    ) -> Fallible<u32> {
        let mut admitted = self.admit(connection, header).await?;
        let choice = options::letter_choice(choice)?;
        check_count(&ids, 0, "dead letters")?;
        let others = choice.all_owners.then_some(Action::ManageDeadLetters);
        let caller = self.caller_for(&mut admitted, header, others).await?;
        let request = choice.request(fate, ids);
        let count = request.ids.len();
        let mut answer = self.service.settle_dead_letters(caller, request).await?;
        match answer.refused.pop() {
            None => Ok(u32::try_from(answer.settled).unwrap_or(u32::MAX)),
            Some(last) => Err(refused_of(
                &last,
                answer.refused.len() + 1,
                count,
                "dead letters",
            )),
        }
    }
}

/// The object of the Push Client.
#[derive(Debug)]
pub(crate) struct Client1<S>(pub(crate) Arc<Shared<S>>);

/// Application Registration and Deregistration, events and their acknowledgement (Push-CAI 5). Errors are those of `org.pushcai.Error`.
#[interface(name = "org.pushcai.Client1")]
impl<S: PushService> Client1<S> {
    /// Registers an application: `pushApplicationID` (required), `applicationID`, `eventHandler`, `whitelist`, `connectionProfile`,
    /// `Accept`, `suppressEqualContent`. Administrators may name another `owner` among the options.
    #[zbus(out_args("response"))]
    async fn register(
        &self,
        request: Document,
        options: Document,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] connection: &Connection,
    ) -> Result<Answer, Failure> {
        let mut admitted = self.0.admit(connection, &header).await?;
        let (request, owner) = options::registration(&request, &options)?;
        let mut caller = admitted.caller.clone();
        if let Some(owner) = owner.filter(|owner| *owner != caller.owner) {
            let others = Some(Action::ManageRegistrations);
            self.0.caller_for(&mut admitted, &header, others).await?;
            // It may be told to do what that owner may, and no more.
            caller = Caller {
                owner,
                administrator: false,
            };
        }
        let answer = self.0.service.register(caller, request).await?;
        Ok(registered(answer))
    }

    /// Deregisters an application; options are `applicationID`, `force`, and for administrators `owner`, whose application hears that
    /// its registration is revoked.
    #[zbus(out_args("response"))]
    async fn deregister(
        &self,
        push_application_id: String,
        options: Document,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] connection: &Connection,
    ) -> Result<Answer, Failure> {
        let mut admitted = self.0.admit(connection, &header).await?;
        let query = options::deregistration(push_application_id, &options)?;
        let owner = query.owner.as_deref();
        let is_anothers = owner.is_some_and(|owner| owner != admitted.caller.owner.as_str());
        let others = is_anothers.then_some(Action::ManageRegistrations);
        let caller = self.0.caller_for(&mut admitted, &header, others).await?;
        let answer = self.0.service.deregister(caller, query).await?;
        Ok(deregistered(answer))
    }

    /// The caller's registrations, those of all owners for root and where an administrator asks for `allOwners`; a filter has
    /// `pushApplicationID`, `applicationID` or `registrationID`.
    #[zbus(out_args("registrations"))]
    async fn list(
        &self,
        filter: Document,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] connection: &Connection,
    ) -> Result<Vec<Answer>, Failure> {
        let mut admitted = self.0.admit(connection, &header).await?;
        let filter = options::filter(&filter)?;
        let others = filter.all_owners.then_some(Action::ListRegistrations);
        let caller = self.0.caller_for(&mut admitted, &header, others).await?;
        let all = self.0.service.registrations(caller).await?;
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
            Some(last) => Err(refused_of(&last, answer.refused.len() + 1, count, "events")),
        }
    }

    /// Dead letters of the caller's registrations, in order of arrival, without their content; those of all owners for root and where
    /// an administrator asks for `allOwners`. A filter has `pushApplicationID`, `applicationID`, `after` (the last id of the list
    /// before) and `limit`.
    #[zbus(out_args("letters"))]
    async fn list_dead_letters(
        &self,
        filter: Document,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] connection: &Connection,
    ) -> Result<Vec<Answer>, Failure> {
        let mut admitted = self.0.admit(connection, &header).await?;
        let filter = options::letter_filter(&filter)?;
        let most = self.0.settings.max_fetch;
        let limit = filter.limit.unwrap_or(most);
        if !(1..=most).contains(&limit) {
            let detail = format!("{limit} are asked for; 1 to {most} may be");
            return Err(Failure::invalid("limit", &detail));
        }
        let others = filter.all_owners.then_some(Action::ManageDeadLetters);
        let caller = self.0.caller_for(&mut admitted, &header, others).await?;
        let query = filter.query(limit);
        let letters = self.0.service.dead_letters(caller, query).await?;
        Ok(letters.into_iter().map(dead_letter).collect())
    }

    /// Has dead letters delivered again, as if for the first time: those with these ids, or where there are none those that fit
    /// `pushApplicationID`, `applicationID` or `all` of the choice; `allOwners` beside it is for administrators. Returns once that is
    /// durable, with their number.
    #[zbus(out_args("settled"))]
    async fn replay_dead_letters(
        &self,
        event_ids: Vec<String>,
        choice: Document,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] connection: &Connection,
    ) -> Result<u32, Failure> {
        let meant = (event_ids, &choice);
        self.0
            .settle(Fate::Replay, meant, connection, &header)
            .await
    }

    /// Drops dead letters, which are chosen as in `ReplayDeadLetters`.
    #[zbus(out_args("settled"))]
    async fn drop_dead_letters(
        &self,
        event_ids: Vec<String>,
        choice: Document,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] connection: &Connection,
    ) -> Result<u32, Failure> {
        let meant = (event_ids, &choice);
        self.0.settle(Fate::Drop, meant, connection, &header).await
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

/// Some of what was asked for is refused; one of these stands for all.
fn refused_of(
    (id, reason, detail): &(String, String, String),
    refused: usize,
    count: usize,
    what: &str,
) -> Failure {
    let reason = Reason::from_word(reason).unwrap_or(Reason::InvalidRequest);
    let detail = format!("{refused} of {count} {what} were refused, `{id}` because: {detail}");
    Failure::new(reason, None, &detail)
}

fn check_count(ids: &[String], least: usize, what: &str) -> Fallible<()> {
    let count = ids.len();
    if (least..=MAX_NAMED).contains(&count) {
        return Ok(());
    }
    let detail = format!(
        "{count} {what} are named; one call names {least} to {MAX_NAMED}, so make one for each {MAX_NAMED} of them"
    );
    Err(Failure::invalid("event_ids", &detail))
}

fn acknowledgements(ids: Vec<String>, outcome: &str) -> Fallible<Vec<BatchAcknowledgement>> {
    let outcome = outcome_of(outcome)?;
    check_count(&ids, 1, "events")?;
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
