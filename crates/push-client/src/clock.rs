//! The only reader of clocks.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use push_core::Now;
use push_message::UnixMillis;
use tokio::time::Instant;

/// The time of day, for what goes out of this process: an event handler's time stamps.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the one reader of clocks"
)]
pub fn unix_time() -> UnixMillis {
    let unix = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    UnixMillis(u64::try_from(unix.as_millis()).unwrap_or(u64::MAX))
}

/// The clocks of one engine.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    started: Instant,
}

impl Clock {
    /// A clock that starts to count.
    pub(crate) fn start() -> Self {
        Self {
            started: Instant::now(),
        }
    }

    /// The time, read once for everything that is done about one wake-up.
    pub(crate) fn now(&self) -> Now {
        Now {
            monotonic: self.started.elapsed(),
            unix: unix_time(),
        }
    }

    /// A number that differs from start to start.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one reader of clocks"
    )]
    pub(crate) fn seed() -> u64 {
        let unix = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        unix.as_secs() ^ u64::from(unix.subsec_nanos()) << 32 ^ u64::from(std::process::id())
    }

    /// The instant of a time on the monotonic clock; one too far away to be said is a century away.
    pub(crate) fn instant(&self, monotonic: Duration) -> Instant {
        const CENTURY: Duration = Duration::from_hours(24 * 36_525);
        self.started
            .checked_add(monotonic.min(CENTURY))
            .unwrap_or(self.started)
    }
}
