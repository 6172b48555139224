//! Pauses between attempts.

use std::time::Duration;

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
