//! The bounds that all handlers have in common.

use std::time::Duration;

/// The settings of a [`Runner`](crate::Runner).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunnerSettings {
    /// Registrations whose handlers are at work at a time; the others wait for their turn, in order.
    pub max_at_work: usize,
    /// Of these, registrations of one owner.
    pub max_at_work_per_owner: usize,
    /// Of these, registrations of one user, those of its sandboxed applications included.
    pub max_at_work_per_user: usize,
    /// Events that one handler is given before it makes room for those that wait.
    pub events_per_turn: u32,
    /// How long it may take to reach an application, and how long an application may take to answer on an event before the
    /// event counts as `later`.
    pub event_timeout: Duration,
    /// How long what is under way may take when the runner ends.
    pub stop_timeout: Duration,
    /// Octets of what a handler said on an event that are kept for explanations.
    pub kept_output: usize,
}

impl Default for RunnerSettings {
    fn default() -> Self {
        Self {
            max_at_work: 8,
            max_at_work_per_owner: 4,
            max_at_work_per_user: 6,
            events_per_turn: 64,
            event_timeout: Duration::from_secs(25),
            stop_timeout: Duration::from_secs(5),
            kept_output: 4 << 10,
        }
    }
}
