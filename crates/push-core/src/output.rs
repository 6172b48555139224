//! What comes out of the machine.

use std::collections::BTreeSet;
use std::sync::Arc;

use push_message::{
    ApplicationId, Bearer, MediaType, Owner, Protocol, PushApplicationId, ReceivedPush, Refusal,
    ServerAddress, UnixMillis,
};

use crate::{
    Change, EventId, Full, PersistTicket, RegistrationId, RegistrationRecord, RequestTicket,
    SubscriberId,
};

/// One effect for the driver to carry out.
#[derive(Debug)]
pub enum Output {
    /// Write these changes, all or none, in the order of the tickets; answer with
    /// [`Input::Persisted`](crate::Input::Persisted).
    Persist {
        /// Names the answer.
        ticket: PersistTicket,
        /// What to write.
        changes: Vec<Change>,
    },
    /// Tell the Push Servers of these protocols what the terminal takes; answer with
    /// [`Input::Announced`](crate::Input::Announced).
    Announce {
        /// Names the answer.
        ticket: PersistTicket,
        /// The whole of what is to hold, one entry a protocol that has explicit registration.
        capabilities: Vec<Capabilities>,
    },
    /// Open a port for applications that asked for one of their own; answer with
    /// [`Input::PortOpened`](crate::Input::PortOpened).
    OpenPort {
        /// Names the answer.
        ticket: PersistTicket,
        /// The protocol.
        protocol: Protocol,
        /// The bearer below it.
        bearer: Bearer,
        /// The port, which is none of those that are listened on whoever is registered.
        port: u16,
    },
    /// Close a port that was opened: nobody needs it any more.
    ClosePort {
        /// The protocol.
        protocol: Protocol,
        /// The bearer below it.
        bearer: Bearer,
        /// The port.
        port: u16,
    },
    /// Resolve a host name of a whitelist; answer with [`Input::Resolved`](crate::Input::Resolved).
    Resolve {
        /// The name.
        host: Box<str>,
    },
    /// Answer an application's request.
    Answer {
        /// The request.
        ticket: RequestTicket,
        /// The answer.
        answer: Answer,
    },
    /// The judgement on a push, for the protocol to acknowledge or refuse it with. An accepted one is durable.
    Judged {
        /// The push.
        ticket: RequestTicket,
        /// The judgement.
        verdict: Verdict,
    },
    /// Hand an event to a connection of its application.
    Deliver {
        /// The connection.
        subscriber: SubscriberId,
        /// The event.
        delivery: Delivery,
    },
    /// Answer a [`Subscribe`](crate::Input::Subscribe) that cannot be taken, or end a connection that was attached for an event
    /// handler; it gets no events any more.
    SubscriptionRefused {
        /// The connection.
        subscriber: SubscriberId,
        /// Why.
        refusal: Refusal,
    },
    /// Events wait for a registration that has an event handler, and nobody is there to take them. The driver attaches a
    /// connection for the handler ([`Selector::handler_of`](crate::Selector)), or says
    /// [`Input::HandlerFailed`](crate::Input::HandlerFailed). Asked once, until that connection is gone or the failure's
    /// back-off is over; an application that takes its events itself answers it as well.
    Activate {
        /// The registration; it has an event handler.
        record: Arc<RegistrationRecord>,
        /// The handler failed the last time: one event is to be tried before more are.
        probe: bool,
    },
    /// The event handler of a registration is wanted no longer: the registration has ended or has another one, the application takes
    /// its events itself, nothing waits any more, or it took [too long](crate::Settings::activation_timeout). What its connection
    /// has under way may be finished, but where the connection was ended.
    Deactivate {
        /// The registration.
        registration: RegistrationId,
    },
    /// Something to count and to be able to explain.
    Occurred(Occurrence),
}

/// The answer to a request of an application.
#[derive(Debug)]
pub enum Answer {
    /// Registered (Push-CAI 5.1).
    Registered {
        /// The registration.
        registration: RegistrationId,
        /// What each Push Server said.
        servers: Vec<ServerReport>,
    },
    /// Deregistered (Push-CAI 5.2).
    Deregistered {
        /// What each Push Server said.
        servers: Vec<ServerReport>,
    },
    /// The events asked for; none where the wait ended without one.
    Fetched(Vec<Delivery>),
    /// The acknowledgements are durable, but for those listed here with the reason.
    Acknowledged {
        /// Those that were refused.
        refused: Vec<(EventId, Refusal)>,
    },
    /// The dead letters are settled, durably, but for those listed here with the reason.
    Settled {
        /// How many are.
        settled: usize,
        /// Those that were refused.
        refused: Vec<(EventId, Refusal)>,
    },
    /// Refused; nothing was changed.
    Refused(Refusal),
}

/// What the Push Client says of itself on one protocol: the sum over the registrations that use it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capabilities {
    /// The protocol.
    pub protocol: Protocol,
    /// Every Push Application ID, those that the client answers itself included.
    pub applications: BTreeSet<PushApplicationId>,
    /// Every application instance (IARI) where the protocol tells them apart.
    pub instances: BTreeSet<ApplicationId>,
    /// The client's own types and the union of what applications asked for; `*/*` where one named none.
    pub accept: BTreeSet<Box<str>>,
    /// Whether an application asked for push sessions by name.
    pub sessions_asked_for: bool,
}

/// What one Push Server said to an announcement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerReport {
    /// The server, as a URI.
    pub uri: String,
    /// The protocol.
    pub protocol: Protocol,
    /// How far the announcement got.
    pub state: ServerState,
    /// Why, where it was refused or could not be reached.
    pub reason: Option<String>,
    /// The ids that the server refused although it took the rest.
    pub rejected_applications: Vec<PushApplicationId>,
}

/// How far an announcement got with one Push Server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerState {
    /// It is being told.
    Requested,
    /// It was told.
    Announced,
    /// It said that it knows.
    Confirmed,
    /// It refused.
    Rejected,
    /// It could not be reached in time.
    Unreachable,
}

/// The judgement on a push.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Journalled for delivery to the one application that it is for.
    Accepted {
        /// The event made of it.
        event: EventId,
        /// It is stored for later: no connection of its application is open and has room for it at this moment, nor does
        /// a fetch wait for it.
        waits: bool,
    },
    /// The same transmission again; it was accepted before, and is acknowledged like the first.
    Duplicate,
    /// Nobody is registered for it; it is kept for an application that registers late. Only where the protocol carries no
    /// answer.
    Held {
        /// The event kept.
        event: EventId,
    },
    /// Refused; nothing was kept.
    Refused(PushRefusal),
}

/// Why a push was refused. Every protocol has a code of its own for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PushRefusal {
    /// No application is registered for its id (WSP USERPND, OTA-HTTP 236, SIP 480).
    NoSuchApplication,
    /// Several applications could be meant, and the push does not say which (SIP 480). Only where the protocol tells their
    /// instances apart.
    Ambiguous,
    /// No registration accepts its content type (WSP USERDCU, OTA-HTTP 238, SIP 415).
    ContentType,
    /// The server is on no whitelist that counts (WSP USERRFS, OTA-HTTP 235, SIP 403).
    ServerNotListed,
    /// No room, or the store cannot write, at present (WSP USERDCR, OTA-HTTP 237, SIP 486).
    NoRoom,
    /// An application that would take it is being registered at this moment; it may be sent again (WSP USERREQ, OTA-HTTP
    /// 234, SIP 480 with Retry-After). Only where the protocol carries an answer.
    NotYet,
}

impl PushRefusal {
    /// A stable word for metrics and explanations.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoSuchApplication => "noSuchApplication",
            Self::Ambiguous => "ambiguous",
            Self::ContentType => "contentType",
            Self::ServerNotListed => "serverNotListed",
            Self::NoRoom => "noRoom",
            Self::NotYet => "notYet",
        }
    }
}

/// An event on its way to its application.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// The event.
    pub event: EventId,
    /// 1 for the first delivery.
    pub attempt: u32,
    /// The registration that it is for.
    pub registration: RegistrationId,
    /// The Push Application ID registered.
    pub push_application_id: PushApplicationId,
    /// The application's own name.
    pub application_id: Option<ApplicationId>,
    /// The push.
    pub push: Arc<ReceivedPush>,
}

/// Something that the driver counts, logs, and keeps for explanations. Holds no content.
#[derive(Debug, Clone)]
pub enum Occurrence {
    /// A push was judged.
    PushJudged(Decision),
    /// A registration became active.
    Registered(Arc<RegistrationRecord>),
    /// A registration was refused.
    RegistrationRefused {
        /// Who asked.
        owner: Owner,
        /// Why not.
        refusal: Refusal,
    },
    /// A registration ended.
    Deregistered(Arc<RegistrationRecord>),
    /// An event was handed to its application.
    Delivered {
        /// The event.
        event: EventId,
        /// 1 for the first time.
        attempt: u32,
    },
    /// An event was acknowledged as accepted.
    Completed {
        /// The event.
        event: EventId,
        /// The registration that it was for.
        registration: Option<RegistrationId>,
    },
    /// An event will be tried again.
    Delayed {
        /// The event.
        event: EventId,
        /// When.
        until: UnixMillis,
    },
    /// An event became a dead letter.
    Died {
        /// The event.
        event: EventId,
    },
    /// An event was dropped without an acknowledgement: it outlived its time, or gave way to later ones.
    Expired {
        /// The event.
        event: EventId,
        /// The registration that it waited for; none if it was held for nobody.
        registration: Option<RegistrationId>,
    },
    /// An observer had no room for its copy of a push that was accepted for others.
    CopyDropped {
        /// The observer.
        registration: RegistrationId,
    },
    /// A dead letter was dropped because somebody said so.
    Dropped {
        /// The event.
        event: EventId,
        /// The registration that it was for.
        registration: Option<RegistrationId>,
    },
    /// A dead letter waits for its application again.
    Replayed {
        /// The event.
        event: EventId,
    },
    /// An event handler could not be reached.
    HandlerFailed {
        /// The registration.
        registration: RegistrationId,
        /// When it is tried again.
        until: UnixMillis,
        /// Why, in words for people.
        reason: String,
    },
    /// A registration that stands is not what it was, without its application having asked for it.
    RegistrationChanged {
        /// The registration.
        record: Arc<RegistrationRecord>,
        /// What happened.
        cause: ChangeCause,
        /// In words for people.
        detail: String,
    },
    /// A port for an application of its own could not be opened.
    PortNotOpened {
        /// The protocol.
        protocol: Protocol,
        /// The bearer below it.
        bearer: Bearer,
        /// The port.
        port: u16,
        /// Why, in words for people.
        reason: String,
    },
    /// The store could not write.
    StoreFailed {
        /// Why, in words for people.
        reason: String,
    },
}

/// Why a registration is not what it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ChangeCause {
    /// It stands, but something that it asked for is not to be had any more (a protocol, a port, a handler); the application
    /// should register anew.
    Invalidated,
    /// Somebody who may took it away: an administrator, or the policy that now holds.
    Revoked,
    /// A Push Server does not know it any more, or cannot be reached; the client goes on trying.
    Lost,
    /// What was lost stands again.
    Restored,
}

impl ChangeCause {
    /// A stable word, for bindings.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Invalidated => "invalidated",
            Self::Revoked => "revoked",
            Self::Lost => "lost",
            Self::Restored => "restored",
        }
    }
}

/// How one push was judged and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// When it arrived.
    pub received: UnixMillis,
    /// The application addressed; absent where the push names none and its protocol knows no default
    /// ([`Addressing::OnlyFitting`](crate::Addressing::OnlyFitting)).
    pub application: Option<PushApplicationId>,
    /// Whether the push named it, rather than leaving it out.
    pub application_named: bool,
    /// The instance addressed, where the push names one.
    pub instance: Option<Box<str>>,
    /// The content's type.
    pub media_type: MediaType,
    /// Octets of content.
    pub content_length: usize,
    /// The protocol.
    pub protocol: Protocol,
    /// The bearer.
    pub bearer: Bearer,
    /// The server.
    pub server: ServerAddress,
    /// The terminal's port.
    pub destination_port: Option<u16>,
    /// The judgement.
    pub verdict: Verdict,
    /// The bound for which there was no room; absent where there was, or the store cannot write.
    pub full: Option<Full>,
}
