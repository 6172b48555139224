//! The gateway against a terminal that is written here, octet by octet.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

mod gateway;
mod terminal;
