//! The interface of the Push Client on a private bus, with a real Push Client behind it.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod changes;
mod fake;
mod interface;
mod large;
mod methods;
mod stage;
