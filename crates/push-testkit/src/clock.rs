//! Time that passes when a test says so.

use std::time::Duration;

use push_core::Now;
use push_message::UnixMillis;

/// When every clock starts: 2026-01-01T00:00:00Z.
const START: UnixMillis = UnixMillis(1_767_225_600_000);

/// A monotonic clock and a wall clock that go together.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    now: Now,
}

impl Default for Clock {
    fn default() -> Self {
        Self {
            now: Now {
                monotonic: Duration::from_secs(1),
                unix: START,
            },
        }
    }
}

impl Clock {
    /// The time.
    pub const fn now(&self) -> Now {
        self.now
    }

    /// Lets time pass.
    pub fn advance(&mut self, duration: Duration) {
        self.now.monotonic += duration;
        let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        self.now.unix.0 = self.now.unix.0.saturating_add(millis);
    }

    /// Sets the wall clock without a moment passing.
    pub const fn set_wall_clock(&mut self, unix: UnixMillis) {
        self.now.unix = unix;
    }

    /// Starts the monotonic clock anew, as a restart of the machine does.
    pub const fn restart(&mut self) {
        self.now.monotonic = Duration::from_secs(1);
    }
}
