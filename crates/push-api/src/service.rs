//! What a binding calls.

use std::future::Future;
use std::time::Duration;

use push_message::{Owner, Reason, Refusal};

use crate::{
    BatchAcknowledgeAnswer, BatchAcknowledgement, DeadLetter, DeadLetterQuery,
    DeregistrationAnswer, DeregistrationQuery, ExplainAnswer, ExplainRequest, PushEventView,
    Registration, RegistrationAnswer, RegistrationRequest, Server, SessionAnswer, SessionAnswered,
    SessionTasks, SettleAnswer, SettleDeadLetters, Status, SubmitAnswer, SubmitRequest, WatchQuery,
    WatchStream, Watched,
};

/// Who calls, as the transport proved it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Whom the application belongs to.
    pub owner: Owner,
    /// Whether the caller administers this Push Client (the daemon's own user, root, an administrator's token): it sees
    /// every registration and every refusal, but no events of others.
    pub administrator: bool,
}

/// Which events to stream.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SubscribeQuery {
    /// Only events to this Push Application ID.
    pub push_application_id: Option<String>,
    /// Only events of the application with this name.
    pub application_id: Option<String>,
    /// The last event already received (Last-Event-ID).
    pub after: Option<String>,
    /// How many unacknowledged events may be under way; absent: the client's bound.
    pub window: Option<u32>,
}

/// Which events to fetch.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FetchQuery {
    /// Only events to this Push Application ID.
    pub push_application_id: Option<String>,
    /// Only events of the application with this name.
    pub application_id: Option<String>,
    /// How many at most.
    pub limit: u32,
    /// How long to wait for the first.
    pub wait: Duration,
}

/// The Push Client as a binding sees it. Cheap to clone.
pub trait PushService: Clone + Send + Sync + 'static {
    /// An event under way to its application.
    type Event: DeliveredEvent;
    /// The events of one subscription. Dropping it ends the subscription.
    type Events: EventStream<Event = Self::Event>;
    /// What goes on, as one watcher sees it. Dropping it ends the watch.
    type Watching: WatchStream;

    /// Registers an application (Push-CAI 5.1).
    fn register(
        &self,
        caller: Caller,
        request: RegistrationRequest,
    ) -> impl Future<Output = Result<RegistrationAnswer, Refusal>> + Send;

    /// Deregisters an application (Push-CAI 5.2).
    fn deregister(
        &self,
        caller: Caller,
        query: DeregistrationQuery,
    ) -> impl Future<Output = Result<DeregistrationAnswer, Refusal>> + Send;

    /// The caller's registrations; all of them for an administrator.
    fn registrations(
        &self,
        caller: Caller,
    ) -> impl Future<Output = Result<Vec<Registration>, Refusal>> + Send;

    /// Streams the caller's events.
    fn subscribe(
        &self,
        caller: Caller,
        query: SubscribeQuery,
    ) -> impl Future<Output = Result<Self::Events, Refusal>> + Send;

    /// Takes the caller's waiting events once.
    fn fetch(
        &self,
        caller: Caller,
        query: FetchQuery,
    ) -> impl Future<Output = Result<Vec<Self::Event>, Refusal>> + Send;

    /// Acknowledges events of the caller; returns once that is durable.
    fn acknowledge(
        &self,
        caller: Caller,
        acknowledgements: Vec<BatchAcknowledgement>,
    ) -> impl Future<Output = Result<BatchAcknowledgeAnswer, Refusal>> + Send;

    /// Dead letters of the caller's registrations, in order of arrival; those of everybody for an administrator.
    fn dead_letters(
        &self,
        caller: Caller,
        query: DeadLetterQuery,
    ) -> impl Future<Output = Result<Vec<DeadLetter>, Refusal>> + Send;

    /// Replays or drops dead letters: those of the caller's registrations, of anybody's for an administrator; returns once that is
    /// durable.
    ///
    /// # Errors
    /// `invalidRequest` where nothing says which ones are meant, or two things do.
    fn settle_dead_letters(
        &self,
        caller: Caller,
        request: SettleDeadLetters,
    ) -> impl Future<Output = Result<SettleAnswer, Refusal>> + Send;

    /// Watches what goes on from now: what concerns the caller's registrations; everything, but for content of others, for
    /// an administrator.
    fn watch(
        &self,
        caller: Caller,
        query: WatchQuery,
    ) -> impl Future<Output = Result<Self::Watching, Refusal>> + Send;

    /// What is not as it was with registrations of the caller's own, the oldest first: the last change of each
    /// ([`Happening::RegistrationChanged`](crate::Happening)), for as long as it holds and its application has neither registered nor
    /// deregistered since. It is for applications that were away when it was said.
    fn registration_changes(
        &self,
        caller: Caller,
    ) -> impl Future<Output = Result<Vec<Watched>, Refusal>> + Send;

    /// The state of the client.
    fn status(&self, caller: Caller) -> impl Future<Output = Result<Status, Refusal>> + Send;

    /// The Push Servers that the client registers with.
    fn servers(&self, caller: Caller) -> impl Future<Output = Result<Vec<Server>, Refusal>> + Send;

    /// How pushes were judged, and how one would be. What concerns others is shown to administrators only.
    fn explain(
        &self,
        caller: Caller,
        request: ExplainRequest,
    ) -> impl Future<Output = Result<ExplainAnswer, Refusal>> + Send;

    /// Takes a short message that the caller hands over; returns once what became of it is durable. Administrators may, and
    /// whom the configuration names.
    ///
    /// # Errors
    /// `storeFailed` where there is no room or the store cannot write: it is to be submitted again later, in whole.
    fn submit(
        &self,
        caller: Caller,
        request: SubmitRequest,
    ) -> impl Future<Output = Result<SubmitAnswer, Refusal>> + Send;

    /// Takes the caller as the session helper of its user: it reaches applications on the message bus of this user's session. The
    /// helper that was there before is told that it is replaced.
    ///
    /// # Errors
    /// `notAuthorized` where the caller is no user, or one in a sandbox; `quotaExceeded` where too many users have one;
    /// `unsupportedOption` where none are taken.
    fn session_tasks(
        &self,
        caller: Caller,
    ) -> impl Future<Output = Result<Box<dyn SessionTasks>, Refusal>> + Send {
        drop(caller);
        async { Err(no_session_helpers()) }
    }

    /// Takes the answers of a session helper to its tasks.
    ///
    /// # Errors
    /// As [`session_tasks`](Self::session_tasks).
    fn session_answers(
        &self,
        caller: Caller,
        answers: Vec<SessionAnswer>,
    ) -> impl Future<Output = Result<SessionAnswered, Refusal>> + Send {
        drop((caller, answers));
        async { Err(no_session_helpers()) }
    }

    /// Counters and gauges in the text format of Prometheus.
    fn metrics(&self) -> impl Future<Output = String> + Send;
}

fn no_session_helpers() -> Refusal {
    Refusal::new(
        Reason::UnsupportedOption,
        "session helpers are not served here: applications on users' buses are not reached",
    )
}

/// An event under way to its application.
pub trait DeliveredEvent: Send + Sync + 'static {
    /// What to write.
    fn view(&self) -> PushEventView<'_>;
}

/// The events of one subscription, in order.
pub trait EventStream: Send + 'static {
    /// An event of this stream.
    type Event: DeliveredEvent;

    /// Waits for at least one event, then moves all that are ready, up to `limit`, behind `events`. Returns how many;
    /// 0 when the subscription has ended. Safe to cancel: no event is lost.
    fn next(
        &mut self,
        events: &mut Vec<Self::Event>,
        limit: usize,
    ) -> impl Future<Output = usize> + Send;
}
