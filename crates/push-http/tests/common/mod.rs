//! A Push Client in memory, and clients that speak in raw octets.

#![allow(
    dead_code,
    unused_imports,
    clippy::allow_attributes,
    reason = "each test file uses a part"
)]
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod fake;
mod raw;
mod samples;
mod served;

pub(crate) use fake::{Fake, FakeEvent};
pub(crate) use raw::{Answer, Client, request};
pub(crate) use samples::{everything_watched, session_check, session_loss};
pub(crate) use served::{Served, TOKENS, settings};
