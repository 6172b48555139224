//! Pauses between attempts, and what a watch waits for when there may be nothing to wait for.

use std::future::{Future, pending};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// Pauses that double from the first to the greatest.
#[derive(Debug, Clone)]
pub(super) struct Pauses {
    base: Duration,
    limit: Duration,
    next: Duration,
}

impl Pauses {
    /// Pauses from `base` up to `limit`.
    pub(super) const fn new(base: Duration, limit: Duration) -> Self {
        Self {
            base,
            limit,
            next: base,
        }
    }

    /// The next pause.
    pub(super) fn take(&mut self) -> Duration {
        let pause = self.next.min(self.limit);
        self.next = pause.saturating_mul(2).min(self.limit);
        pause
    }

    /// Something succeeded: the next pause is the first again.
    pub(super) const fn reset(&mut self) {
        self.next = self.base;
    }
}

/// Returns at `instant`; never where there is none.
pub(super) async fn until(instant: Option<Instant>) {
    match instant {
        Some(instant) => sleep_until(instant).await,
        None => pending().await,
    }
}

/// Goes on with the work under way, if there is some, and forgets it when it is done.
pub(super) async fn progress<W: Future + Unpin>(work: &mut Option<W>) -> W::Output {
    let Some(under_way) = work else {
        return pending().await;
    };
    let done = under_way.await;
    *work = None;
    done
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_greatest_and_start_again() {
        let second = Duration::from_secs(1);
        let mut pauses = Pauses::new(second, second * 5);
        let taken: Vec<u64> = (0..4).map(|_| pauses.take().as_secs()).collect();
        assert_eq!(taken, [1, 2, 4, 5]);
        pauses.reset();
        assert_eq!(pauses.take(), second);
    }
}
