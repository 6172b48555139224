//! The gateway against a terminal that is written here, octet by octet.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

mod authentication;
mod delivery;
mod gateway;
mod misbehaviour;
mod pap;
mod terminal;
mod tls;
