//! The Push Client daemon: its configuration and its wiring, for the program and for whoever embeds it whole.

pub mod arguments;
pub mod config;
mod daemon;
mod logging;
mod manager;
mod sip_instance;
mod socket;

pub use config::{Config, ConfigError};
pub use daemon::{Daemon, DaemonError};
pub use logging::start_logging;
pub use manager::{Manager, notify_ready, notify_stopping};
pub use sip_instance::SipInstanceError;
