//! OTA-SIP on loopback, against a core whose octets are written by hand.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

#[path = "../common/mod.rs"]
mod common;

mod bench;
mod binding;
mod bounds;
mod core;
mod large;
mod message;
mod pushes;
mod tls;
