//! What a [`Client`](crate::Client) asks of its engine.

use push_api::{
    Caller, DeadLetter, DeadLetterQuery, ExplainAnswer, ExplainRequest, Registration, Server,
    Status, WatchQuery, Watched,
};
use push_core::{Answer, Delivery, EventId, Input, RequestTicket, Selector, SubscriberId};
use push_message::{Owner, Refusal};
use tokio::sync::{mpsc, oneshot};

use crate::handlers::HandlerReport;
use crate::watch::Watching;

/// One request on its way to the engine.
#[derive(Debug)]
pub(crate) enum Request {
    /// A request that the machine answers.
    Ask {
        /// Names the answer; the same as in `input`.
        ticket: RequestTicket,
        /// The request.
        input: Input,
        /// Where the answer goes.
        answer: oneshot::Sender<Answer>,
    },
    /// Something that the machine does not answer.
    Tell(Input),
    /// What became of events at a handler.
    Handled(Vec<HandlerReport>),
    /// A connection wants events.
    Subscribe(Subscription),
    /// Which registrations there are: those of one owner, or all.
    Registrations {
        owner: Option<Owner>,
        answer: oneshot::Sender<Vec<Registration>>,
    },
    /// The state of the client.
    Status { answer: oneshot::Sender<Status> },
    /// The Push Servers.
    Servers {
        answer: oneshot::Sender<Vec<Server>>,
    },
    /// How pushes were and would be judged: as far as one owner may know, or all.
    Explain {
        caller: Caller,
        request: ExplainRequest,
        answer: oneshot::Sender<Result<ExplainAnswer, Refusal>>,
    },
    /// Dead letters: those of one owner, or all.
    DeadLetters {
        owner: Option<Owner>,
        query: DeadLetterQuery,
        answer: oneshot::Sender<Result<Vec<DeadLetter>, Refusal>>,
    },
    /// What is not as it was with the registrations of an owner.
    RegistrationChanges {
        owner: Owner,
        answer: oneshot::Sender<Vec<Watched>>,
    },
    /// Somebody wants to watch what goes on.
    Watch {
        caller: Caller,
        query: WatchQuery,
        answer: oneshot::Sender<Result<Watching, Refusal>>,
    },
    /// The metrics.
    Metrics { answer: oneshot::Sender<String> },
    /// The network has changed, or come back.
    NetworkChanged,
    /// Stop: take nothing more, write what is under way, end the streams.
    ShutDown,
}

/// A connection that wants events.
#[derive(Debug)]
pub(crate) struct Subscription {
    pub(crate) subscriber: SubscriberId,
    pub(crate) owner: Owner,
    pub(crate) selector: Selector,
    pub(crate) after: Option<EventId>,
    pub(crate) window: u32,
    /// Where the events go; it has room for `window` of them.
    pub(crate) deliveries: mpsc::Sender<Delivery>,
    /// Whether the subscription stands.
    pub(crate) answer: oneshot::Sender<Result<(), Refusal>>,
}
