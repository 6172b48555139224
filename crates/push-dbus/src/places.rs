//! How many calls there may be at one time.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use push_api::Owner;

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

/// Counts what is under way for each owner, whether or not the connection that began it is still there.
#[derive(Debug, Default)]
pub(crate) struct OwnerPlaces(Mutex<BTreeMap<Owner, Arc<Places>>>);

impl OwnerPlaces {
    /// A place of an owner, if fewer than `most` of its own are taken.
    pub(crate) fn take(&self, owner: &Owner, most: usize) -> Option<Place> {
        let mut owners = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Places are taken under the lock alone: of whom none is taken now, nobody counts.
        owners.retain(|one, places| one == owner || !places.is_idle());
        if let Some(places) = owners.get(owner) {
            return places.take(most);
        }
        owners.entry(owner.clone()).or_default().take(most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owners_have_places_of_their_own_and_are_forgotten_without_any() {
        let (mine, theirs) = (Owner::proved("uid:1"), Owner::proved("uid:2"));
        let places = OwnerPlaces::default();
        let count = || places.0.lock().unwrap().len();
        let (first, second) = (places.take(&mine, 2), places.take(&mine, 2));
        assert!(first.is_some() && second.is_some());
        assert!(places.take(&mine, 2).is_none());
        let other = places.take(&theirs, 2);
        assert!(other.is_some());
        drop(first);
        assert!(places.take(&mine, 2).is_some());
        drop((second, other));
        assert!(places.take(&theirs, 2).is_some());
        assert_eq!(count(), 1);
    }
}
