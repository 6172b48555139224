//! What comes into the machine.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use push_message::{Owner, ReceivedPush};

use crate::{
    EventId, PersistTicket, RegistrationId, RequestTicket, SegmentId, ServerReport, SubscriberId,
};

/// One thing that happened outside.
#[derive(Debug)]
pub enum Input {
    /// An application asks to be registered. Answered by [`Answer::Registered`](crate::Answer) or a refusal.
    Register {
        /// Names the answer.
        ticket: RequestTicket,
        /// Who asks, as the transport proved it.
        owner: Owner,
        /// What is asked, unchecked.
        request: RegistrationRequest,
    },
    /// An application asks to be deregistered. Answered by [`Answer::Deregistered`](crate::Answer) or a refusal.
    Deregister {
        /// Names the answer.
        ticket: RequestTicket,
        /// Who asks, as the transport proved it.
        owner: Owner,
        /// What is asked, unchecked.
        request: DeregistrationRequest,
    },
    /// A push arrived. Answered by [`Output::Judged`](crate::Output), after the journal is written where it is accepted.
    Push {
        /// Names the verdict.
        ticket: RequestTicket,
        /// The push.
        push: Arc<ReceivedPush>,
        /// The stored segments that it was put together from; none where it came in one piece. They are removed in the
        /// write that journals it; where it is a duplicate or is refused for good, in a write of its own before the
        /// verdict. They stay where the verdict is [`NoRoom`](crate::PushRefusal::NoRoom) or
        /// [`NotYet`](crate::PushRefusal::NotYet): the push is to be offered again.
        segments: Box<[SegmentId]>,
    },
    /// The store answered a [`Persist`](crate::Output::Persist): everything of it is durable, or nothing of it is written.
    Persisted {
        /// The persist answered.
        ticket: PersistTicket,
        /// Why it failed, in words for people.
        result: Result<(), String>,
    },
    /// The Push Servers' answers to an [`Announce`](crate::Output::Announce).
    Announced {
        /// The announcement answered.
        ticket: PersistTicket,
        /// What each server said; none where no server is provisioned.
        servers: Vec<ServerReport>,
    },
    /// Push Servers stand otherwise than they said last, whatever made them: nobody was answered. What is the same again changes
    /// nothing; one that is [being told](crate::ServerState::Requested) counts as it did before.
    ServersChanged {
        /// What each of these says by now; others stand as they did.
        servers: Vec<ServerReport>,
    },
    /// What became of an [`OpenPort`](crate::Output::OpenPort).
    PortOpened {
        /// The request answered.
        ticket: PersistTicket,
        /// Why the port could not be opened, in words for people.
        result: Result<(), String>,
    },
    /// What a host name of a whitelist resolves to; answers [`Resolve`](crate::Output::Resolve).
    Resolved {
        /// The name, as asked.
        host: Box<str>,
        /// Its addresses; none where it could not be resolved.
        addresses: Vec<IpAddr>,
    },
    /// A connection of an application wants events as they come.
    Subscribe {
        /// The connection.
        subscriber: SubscriberId,
        /// Whose events.
        owner: Owner,
        /// Which of them.
        selector: Selector,
        /// The last event that the application has already received (Last-Event-ID): events up to it that were delivered
        /// before are not sent again at once, but wait for their acknowledgement.
        after: Option<EventId>,
        /// How many unacknowledged events the connection holds at most; bounded by the settings too.
        window: u32,
    },
    /// A connection of an application is gone; what it left unacknowledged is delivered again to the next one. What one on behalf of an
    /// event handler left is taken as not having been given to the handler: it counts no attempt.
    Unsubscribe {
        /// The connection.
        subscriber: SubscriberId,
    },
    /// An application asks for the events that wait, once. Answered by [`Answer::Fetched`](crate::Answer).
    Fetch {
        /// Names the answer.
        ticket: RequestTicket,
        /// Whose events.
        owner: Owner,
        /// Which of them.
        selector: Selector,
        /// How many at most.
        limit: u32,
        /// How long to wait for the first one.
        wait: Duration,
    },
    /// The application that waited in a [`Fetch`](Self::Fetch) is gone; nothing is delivered to it.
    CancelFetch {
        /// The fetch.
        ticket: RequestTicket,
    },
    /// An application acknowledges events. Answered by [`Answer::Acknowledged`](crate::Answer), once it is durable.
    Acknowledge {
        /// Names the answer.
        ticket: RequestTicket,
        /// Who acknowledges, as the transport proved it.
        owner: Owner,
        /// What became of each event.
        acknowledgements: Vec<Acknowledgement>,
    },
    /// The event handler of a registration cannot be reached, or nobody carries it out. This says nothing of its events: what its
    /// connection had waits again, and no attempt counts as failed. The handler is asked for again after a back-off.
    HandlerFailed {
        /// The registration.
        registration: RegistrationId,
        /// The handler, as the registration named it. Where it names another one by now, that one is not meant.
        handler: Box<str>,
        /// Why, in words for people.
        reason: String,
        /// What the handler itself asked for: not to be tried sooner than after this time.
        after: Option<Duration>,
    },
    /// What kept the event handler of a registration from being reached is gone: it rests no longer.
    HandlerReturned {
        /// The registration.
        registration: RegistrationId,
    },
    /// Dead letters are to be delivered again, from the first attempt on, or dropped. Answered by
    /// [`Answer::Settled`](crate::Answer), once it is durable.
    SettleDeadLetters {
        /// Names the answer.
        ticket: RequestTicket,
        /// Whose; absent: an administrator asks, for any.
        owner: Option<Owner>,
        /// Which of them.
        letters: DeadLetters,
        /// What is to become of them.
        fate: Fate,
    },
}

/// An Application Registration request (Push-CAI 5.1), its values as the application wrote them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RegistrationRequest {
    /// `pushApplicationID`, which every request must have.
    pub push_application_id: String,
    /// `applicationID`.
    pub application_id: Option<String>,
    /// `eventHandler`.
    pub event_handler: Option<String>,
    /// `whitelist`; absent or empty: the default whitelist alone counts.
    pub whitelist: Vec<String>,
    /// `connectionProfile`.
    pub connection_profile: Vec<ProfileRequest>,
    /// `Accept`.
    pub accept: Option<String>,
    /// For how long equal content from any server and bearer is one push; absent: never (an option of this client).
    pub suppress_equal_content: Option<Duration>,
    /// It takes copies of pushes, beside the application that each is for, and stands in nobody's way (a compatibility of this
    /// client: consumers that match by content type and port). Its Push Application ID may be `*`: any.
    pub observes: bool,
}

/// One `connectionProfile`, its values as the application wrote them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ProfileRequest {
    /// `protocol`.
    pub protocol: Option<String>,
    /// `bearerType`.
    pub bearer_type: Option<String>,
    /// `port`.
    pub port: Option<String>,
}

/// An Application Deregistration request (Push-CAI 5.2), its values as the application wrote them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DeregistrationRequest {
    /// `pushApplicationID`, which every request must have.
    pub push_application_id: String,
    /// `applicationID`; absent: the application that registered without one.
    pub application_id: Option<String>,
    /// Whether somebody else takes it away, who may: the application hears of it.
    pub revoked: bool,
    /// Remove the registration here even if a Push Server cannot be told.
    pub force: bool,
}

/// Which events of an owner are meant. Absent: all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Selector {
    /// Those to this Push Application ID, as the application wrote it.
    pub push_application_id: Option<String>,
    /// Those of the application with this name.
    pub application_id: Option<String>,
    /// Those of one registration alone, on behalf of its event handler: the connection gives way to any connection of the
    /// application's own, and counts in no owner's quota. Only the driver says so, in answer to
    /// [`Output::Activate`](crate::Output::Activate).
    pub handler_of: Option<HandlerOf>,
}

/// The event handler that a connection takes events for. One that the registration has no longer gets nothing of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandlerOf {
    /// The registration.
    pub registration: RegistrationId,
    /// Its handler, as the application wrote it.
    pub handler: Box<str>,
    /// For how long an event may be held ready before the handler is given it: so much later may it be acknowledged.
    pub held: Duration,
}

/// Which dead letters are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeadLetters {
    /// These.
    Events(Vec<EventId>),
    /// All that fit.
    Selected(Selector),
}

/// What is to become of dead letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// They are delivered again, as if for the first time, and live as long as a new event.
    Replayed,
    /// They are dropped.
    Dropped,
}

/// What became of one event at its application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Acknowledgement {
    /// The event.
    pub event: EventId,
    /// What became of it.
    pub outcome: Outcome,
    /// Where it is [`Later`](Outcome::Later): not sooner than after this time, within the
    /// [bound](crate::Settings::backoff_limit) of back-offs.
    pub after: Option<Duration>,
}

impl Acknowledgement {
    /// What became of an event, at no time in particular.
    pub const fn new(event: EventId, outcome: Outcome) -> Self {
        Self {
            event,
            outcome,
            after: None,
        }
    }
}

/// What an application says of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// It is done with.
    Accepted,
    /// It is to be delivered again after a back-off.
    Later,
    /// It cannot be used; it is kept as a dead letter.
    Rejected,
}
