//! OTA-WSP on its several roads: short messages, ports of applications, sessions.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

#[path = "../common/mod.rs"]
mod common;

mod bench;
mod gateway;
mod ports;
mod sessions;
mod short_messages;
mod submitted;
