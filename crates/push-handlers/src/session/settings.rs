//! Bounds on session helpers, and what may be wrong with one.

use std::fmt::{self, Display};
use std::time::Duration;

/// Bounds on session helpers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionSettings {
    /// Users whose helpers are connected at one time.
    pub max_helpers: usize,
    /// Tasks of one helper that are not answered, at one time.
    pub max_tasks: usize,
    /// Registrations that are remembered as waiting for a helper; the others are tried again by their back-off alone.
    pub max_missed: usize,
    /// How long a helper may take to look for an application.
    pub check_timeout: Duration,
    /// How many events one application is given before it has answered the first.
    pub window: u32,
    /// How long an application that has answered is counted on to take the next event.
    pub linger: Duration,
}

impl Default for SessionSettings {
    fn default() -> Self {
        Self {
            max_helpers: 64,
            max_tasks: 256,
            max_missed: 4096,
            check_timeout: Duration::from_secs(10),
            window: 32,
            linger: Duration::from_millis(200),
        }
    }
}

/// Why a helper did not do what it was asked to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionFault {
    /// No helper of this user is connected.
    NoHelper(u32),
    /// It is gone.
    Gone(u32),
    /// It has more to do than it may have.
    Busy(u32),
    /// It did not answer in time.
    Silent(u32),
    /// The application is not on the bus, and would not be started: what is missing, in words for people.
    Missing(String),
}

impl Display for SessionFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoHelper(uid) => write!(
                f,
                "no session helper of user {uid} is connected; it is started by `systemctl --user enable --now \
                 pushcai-session-helper`, or run as that user: pushcai session-helper"
            ),
            Self::Gone(uid) => write!(f, "the session helper of user {uid} is gone"),
            Self::Busy(uid) => write!(f, "the session helper of user {uid} has too much to do"),
            Self::Silent(uid) => write!(f, "the session helper of user {uid} did not answer"),
            Self::Missing(what) => f.write_str(what),
        }
    }
}
