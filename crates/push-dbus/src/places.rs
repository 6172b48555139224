//! How many calls there may be at one time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Counts what is under way; a place is given back when its [`Place`] is dropped.
#[derive(Debug, Default)]
pub(crate) struct Places(AtomicUsize);

/// One place.
#[derive(Debug)]
pub(crate) struct Place(Arc<Places>);

impl Places {
    /// A place, if fewer than `most` are taken.
    pub(crate) fn take(self: &Arc<Self>, most: usize) -> Option<Place> {
        let one_more = |taken| (taken < most).then_some(taken + 1);
        self.0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more)
            .ok()
            .map(|_| Place(Arc::clone(self)))
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.0.load(Ordering::Relaxed) == 0
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_that_is_left_is_taken_again() {
        let places = Arc::<Places>::default();
        let held = [places.take(2), places.take(2)];
        assert!(held.iter().all(Option::is_some) && places.take(2).is_none());
        drop(held);
        assert!(places.is_idle() && places.take(2).is_some());
    }
}
