//! What the Push Client does, sentence by sentence.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

mod awaiting;
mod changing;
mod choosing;
mod common;
mod dead_letters;
mod delivering;
mod handling;
mod judging;
mod observing;
mod options;
mod ports;
mod registration;
mod restarting;
mod segments;
