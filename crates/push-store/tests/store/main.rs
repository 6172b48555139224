//! Tests of the store as its users see it: from outside, on files, with processes that are killed.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod crash;
mod full;
mod keeps;
mod model;
mod open;
mod round_trip;
mod support;
mod syncs;
mod writer;
