//! How long systemd is left alone that started no unit.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Rests that double with each failure in a row.
#[derive(Debug)]
pub(super) struct Rest {
    base: Duration,
    limit: Duration,
    last: Mutex<Option<Resting>>,
}

#[derive(Debug, Clone, Copy)]
struct Resting {
    until: Instant,
    length: Duration,
}

impl Rest {
    /// The first takes so long, the longest no longer than `limit`.
    pub(super) const fn new(base: Duration, limit: Duration) -> Self {
        Self {
            base,
            limit,
            last: Mutex::new(None),
        }
    }

    /// Whether there is none, or it is over.
    pub(super) fn is_over(&self, now: Instant) -> bool {
        self.last().is_none_or(|rest| rest.until <= now)
    }

    /// Something failed. Says whether this is the first of several failures in a row; what failed at the same time is one.
    pub(super) fn begin(&self, now: Instant) -> bool {
        let mut last = self.last();
        let length = match *last {
            Some(rest) if now < rest.until => return false,
            Some(rest) => rest.length.saturating_mul(2),
            None => self.base,
        };
        let length = length.min(self.limit);
        let until = now + length;
        last.replace(Resting { until, length }).is_none()
    }

    /// What failed does so no longer. Says whether it did before.
    pub(super) fn end(&self) -> bool {
        self.last().take().is_some()
    }

    fn last(&self) -> MutexGuard<'_, Option<Resting>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_failure_in_a_row_doubles_the_rest_up_to_its_limit() {
        let second = Duration::from_secs(1);
        let rest = Rest::new(second, 5 * second);
        let mut now = Instant::now();
        assert!(rest.is_over(now));
        for (attempt, seconds) in [1, 2, 4, 5, 5].into_iter().enumerate() {
            assert_eq!(rest.begin(now), attempt == 0);
            assert!(!rest.begin(now), "at the same time");
            let end = now + seconds * second;
            assert!(!rest.is_over(end - Duration::from_millis(1)), "{seconds}");
            assert!(rest.is_over(end), "{seconds}");
            now = end;
        }
        assert!(rest.end() && !rest.end());
        assert!(rest.is_over(now));
        assert!(rest.begin(now));
        assert!(rest.is_over(now + second), "from the beginning");
    }
}
