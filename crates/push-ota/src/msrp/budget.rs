//! Octets that content on its way may take, over all sessions.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Octets that content on its way may take in all. Clones share the count.
#[derive(Debug, Clone)]
pub struct Budget(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    limit: usize,
    used: AtomicUsize,
}

/// Octets taken out of a [`Budget`]; they go back when this is dropped.
#[derive(Debug)]
pub(super) struct Reservation {
    budget: Budget,
    octets: usize,
}

impl Budget {
    /// A budget of so many octets.
    pub fn new(limit: usize) -> Self {
        let used = AtomicUsize::new(0);
        Self(Arc::new(Shared { limit, used }))
    }

    /// Octets that are taken.
    pub fn used(&self) -> usize {
        self.0.used.load(Ordering::Relaxed)
    }

    pub(super) fn reservation(&self) -> Reservation {
        let budget = self.clone();
        Reservation { budget, octets: 0 }
    }
}

impl Reservation {
    /// Takes as many more as make `octets` in all; false, and nothing taken, where there are not so many.
    pub(super) fn grow(&mut self, octets: usize) -> bool {
        let Shared { limit, used } = &*self.budget.0;
        let more = octets.saturating_sub(self.octets);
        let take = |used: usize| used.checked_add(more).filter(|sum| sum <= limit);
        let taken = used.try_update(Ordering::Relaxed, Ordering::Relaxed, take);
        if taken.is_ok() {
            self.octets += more;
        }
        taken.is_ok()
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        let used = &self.budget.0.used;
        used.fetch_sub(self.octets, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_is_bounded_and_goes_back() {
        let budget = Budget::new(10);
        let mut one = budget.reservation();
        let mut other = budget.reservation();
        assert!(one.grow(6) && other.grow(3));
        assert!(!other.grow(5));
        assert_eq!(budget.used(), 9);
        assert!(one.grow(4), "it never shrinks");
        drop(one);
        assert!(other.grow(10));
        drop(other);
        assert_eq!(budget.used(), 0);
    }
}
