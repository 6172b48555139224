//! How many connections and waits there may be at one time.

use std::sync::{Arc, Mutex, PoisonError};

/// Counts what is under way; a place is given back when its [`Place`] is dropped.
#[derive(Debug)]
pub(crate) struct Limit {
    most: usize,
    taken: Mutex<usize>,
}

/// One of the places of a [`Limit`].
#[derive(Debug)]
pub(crate) struct Place(Arc<Limit>);

impl Limit {
    pub(crate) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self {
            most,
            taken: Mutex::new(0),
        })
    }

    pub(crate) fn most(&self) -> usize {
        self.most
    }

    pub(crate) fn take(self: &Arc<Self>) -> Option<Place> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        (*taken < self.most).then(|| {
            *taken += 1;
            Place(Arc::clone(self))
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.0.taken.lock().unwrap_or_else(PoisonError::into_inner);
        *taken = taken.saturating_sub(1);
    }
}
