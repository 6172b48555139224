//! The clock of the benchmarks.

use std::time::Instant;

/// The present moment on the monotonic clock.
#[expect(clippy::disallowed_methods, reason = "measuring is what this is for")]
pub(crate) fn now() -> Instant {
    Instant::now()
}
