//! The Push Client of Push-CAI as a machine without I/O.
//!
//! [`PushClient`] holds the registry of applications, judges every push, and delivers events until each is acknowledged.
//! It reads no clock, opens no socket and writes no file: time comes in with every call, effects go out as [`Output`]s.
//!
//! The contract: give one [`Input`], drain [`PushClient::poll_output`] to `None`, then wait for the next input or for
//! [`PushClient::poll_timeout`].

mod accounts;
mod acknowledging;
mod admission;
mod capabilities;
mod changes;
mod choosing;
mod client;
mod completed;
mod dead_letters;
mod delivery;
mod deregistering;
mod dispatch;
mod duplicates;
mod event_views;
mod explain;
mod fetching;
mod fingerprint;
mod handlers;
mod holding;
mod ids;
mod input;
mod journal;
mod observing;
mod output;
mod pending;
mod places;
mod ports;
mod queue;
mod random;
mod record;
mod registering;
mod registry;
mod resolving;
mod restoring;
mod rising;
mod room;
mod selection;
mod settings;
mod sparse;
mod subscribers;
mod subscribing;
mod taking;
mod timers;
mod uniqueness;
mod views;
mod whitelist;

pub use client::PushClient;
pub use event_views::{EventStage, EventView};
pub use explain::{ExplainedVerdict, Explanation, Recipient};
pub use handlers::handler_scheme;
pub use ids::{EventId, PersistTicket, RegistrationId, RequestTicket, SegmentId, SubscriberId};
pub use input::{
    Acknowledgement, DeadLetters, DeregistrationRequest, Fate, HandlerOf, Input, Outcome,
    ProfileRequest, RegistrationRequest, Selector,
};
pub use output::{
    Answer, Capabilities, ChangeCause, Decision, Delivery, Occurrence, Output, PushRefusal,
    ServerReport, ServerState, Verdict,
};
pub use record::{
    Change, EventRecord, EventState, Fingerprint, RegistrationRecord, RegistrationState,
    SegmentRecord, Snapshot,
};
pub use room::Full;
pub use selection::Selection;
pub use settings::{Addressing, Ambiguous, BearerSettings, OwnPorts, ProtocolSettings, Settings};
pub use views::{Counts, DeadLetter, HandlerStage, HandlerState, RegistrationView};

use std::time::Duration;

use push_message::UnixMillis;

/// The time at a call: a monotonic clock for timers, the wall clock for what is written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// Time since the driver started; never goes back.
    pub monotonic: Duration,
    /// Wall-clock time; may jump.
    pub unix: UnixMillis,
}
