//! The application-facing contract: requests, answers, events and refusals.
//!
//! The JSON names are those of Push-CAI 1.0 where it has one. [`PushService`] is what a binding calls; the Push Client
//! implements it, and a test may put anything in its place.

mod dead_letter;
mod event;
mod event_text;
mod json;
mod nearest;
mod opened;
mod problem;
mod registration;
mod service;
mod session_helper;
mod status;
mod submit;
mod watch;

pub use dead_letter::{DeadLetter, DeadLetterQuery, Fate, SettleAnswer, SettleDeadLetters};
pub use event::{
    AcknowledgeRequest, BatchAcknowledgeAnswer, BatchAcknowledgement, EventPorts, Outcome,
    PushEvent, PushEventView,
};
pub use event_text::id_digits;
pub use json::{from_json, from_value, list_from_json};
pub use nearest::nearest;
pub use opened::{InvalidEvent, OpenedEvent};
pub use problem::Problem;
pub use push_message::{Owner, Reason, Refusal, Share, ShareBounds, ShareTaken, Sharer, Shares};
pub use registration::{
    ConnectionProfile, DeregistrationAnswer, DeregistrationQuery, HandlerState, Registration,
    RegistrationAnswer, RegistrationRequest, ServerAnswer,
};
pub use service::{Caller, DeliveredEvent, EventStream, FetchQuery, PushService, SubscribeQuery};
pub use session_helper::{
    SessionAnswer, SessionAnswered, SessionApplication, SessionCheck, SessionClosing, SessionEvent,
    SessionLoss, SessionOrder, SessionOutcome, SessionTask, SessionTasks,
};
pub use status::{
    Binding, EventStory, Exchange, ExplainAnswer, ExplainRequest, Explanation, HandlerAttempt,
    Refused, Server, Session, Status,
};
pub use submit::{MAX_SUBMITTED, SubmitAnswer, SubmitKind, SubmitPorts, SubmitRequest, Submitted};
pub use watch::{
    Happening, WatchQuery, WatchStream, Watched, WatchedEvent, WatchedKind, WatchedPush,
    WatchedRegistration,
};

/// The contract over HTTP as an `OpenAPI` 3.1 document.
pub const OPENAPI: &str = include_str!("../openapi.yaml");
