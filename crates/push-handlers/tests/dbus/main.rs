//! Services of D-Bus as event handlers: a real Push Client, a private bus, and applications on it.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod delivering;
mod losing;
mod registering;
mod service;
mod stage;
