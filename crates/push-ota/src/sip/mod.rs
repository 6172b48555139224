//! OTA-SIP: the terminal as a SIP user agent (Push-CAI 5.1, 5.2; Push using SIP).
//!
//! One [`UserAgent`] keeps the binding at the registrar, tells Push Sender Agents what the terminal takes, and answers what they
//! send: MESSAGE for small pushes, INVITE with MSRP for large ones, OPTIONS.

mod agent;
mod chance;
mod dialogs;
mod events;
mod reach;
mod registration;
mod sdp;
mod serving;
mod settings;
pub(crate) mod stack;
mod tags;
pub(crate) mod transactions;

pub use agent::UserAgent;
pub use events::{
    AgentInput, AgentOutput, AnnounceTicket, BindingView, FlowId, Host, PushOutcome, SipNote,
    SipPushTicket, SipReport, SipServerState, SipServerView, StreamId, Transport,
};
pub use reach::Reach;
#[cfg(any(test, feature = "check"))]
pub(crate) use sdp::check_offer;
pub use settings::{
    AcceptFrom, Account, AgentSettings, LargePushSettings, OtherInstances, RegistrationSettings,
    ServingSettings, TransactionSettings,
};
