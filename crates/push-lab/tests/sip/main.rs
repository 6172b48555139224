//! The core and the push server against a terminal that is written here.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod misbehaviour;
mod msrp;
mod push;
mod registration;
mod terminal;
mod tls;
