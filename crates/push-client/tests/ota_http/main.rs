//! OTA-HTTP over real sockets on loopback: what a gateway sees that opens connections, and one that is dialled.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "../common/mod.rs"]
mod common;

mod accepted;
mod agreement;
mod bench;
mod bounds;
mod dialled;
mod framing;
mod receipts;
mod session_initiation;
mod timeouts;
mod tls;
