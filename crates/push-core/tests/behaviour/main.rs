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

#[test]
fn a_push_client_may_be_shared_between_threads() {
    const fn is_shared<T: Send + Sync>() {}
    is_shared::<push_core::PushClient>();
}
