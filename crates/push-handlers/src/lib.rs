//! The event handlers of Linux (Push-CAI 5.1, `eventHandler`), carried out beside the engine of a Push Client.
//!
//! A [`Scheme`] knows one way to reach an application: a command, a unit, a socket, a webhook, a service of D-Bus. It opens a
//! [`Handler`] for a registration when its events wait and nobody takes them. The runner gives it the events in order, and
//! acknowledges each by what the handler [answers](Answering).

#![forbid(unsafe_code)]

mod bus;
pub mod dbus;
pub mod exec;
mod flow;
mod host;
pub mod imports;
mod job;
mod notices;
pub mod ofono_side;
mod owner;
pub mod peers;
mod runner;
mod scheme;
mod session;
mod settings;
mod shown;
pub mod systemd;
mod turns;
pub mod web;

pub use host::Handlers;
pub use runner::Runner;
pub use scheme::{Answer, Answering, Handed, Handler, Opened, Scheme, Unreachable};
pub use session::{SessionFault, SessionHelperTable, SessionSettings};
pub use settings::RunnerSettings;
