//! What may take long, and may never come to an end, is begun so many times at most: by all owners, and by each.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use push_message::Owner;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// So many places, of which no owner gets all.
#[derive(Debug)]
pub(super) struct Places {
    all: Arc<Semaphore>,
    per_owner: usize,
    owners: Mutex<BTreeMap<Owner, Weak<Semaphore>>>,
}

/// A place; it is free again once this is dropped.
#[derive(Debug)]
pub(super) struct Place {
    _all: OwnedSemaphorePermit,
    // It keeps the owner's semaphore, so that its other places are counted with this one.
    _own: OwnedSemaphorePermit,
}

impl Places {
    pub(super) fn new(all: usize, per_owner: usize) -> Self {
        Self {
            all: Arc::new(Semaphore::new(all.clamp(1, Semaphore::MAX_PERMITS))),
            per_owner: per_owner.clamp(1, Semaphore::MAX_PERMITS),
            owners: Mutex::default(),
        }
    }

    /// Waits for a place. `None` never comes: the semaphores are not closed.
    pub(super) async fn take(&self, owner: &Owner) -> Option<Place> {
        // Who has to wait for a place of its own stands in nobody's way.
        let own = self.of(owner).acquire_owned().await.ok()?;
        let all = Arc::clone(&self.all).acquire_owned().await.ok()?;
        Some(Place {
            _all: all,
            _own: own,
        })
    }

    fn of(&self, owner: &Owner) -> Arc<Semaphore> {
        let mut owners = self.owners.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(semaphore) = owners.get(owner).and_then(Weak::upgrade) {
            return semaphore;
        }
        owners.retain(|_, semaphore| semaphore.strong_count() > 0);
        let semaphore = Arc::new(Semaphore::new(self.per_owner));
        owners.insert(owner.clone(), Arc::downgrade(&semaphore));
        semaphore
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use super::*;

    #[tokio::test]
    async fn an_owner_that_hangs_leaves_places_for_others() {
        let places = Places::new(4, 2);
        let (one, other) = (Owner::proved("uid:1"), Owner::proved("uid:2"));
        let held = [places.take(&one).await, places.take(&one).await];
        let mut third = pin!(places.take(&one));
        tokio::select! {
            biased;
            _ = &mut third => panic!("two places are all that an owner has"),
            place = places.take(&other) => assert!(place.is_some()),
        }
        drop(held);
        assert!(third.await.is_some());
        assert_eq!(places.all.available_permits(), 4);
        let place = places.take(&Owner::proved("uid:3")).await;
        assert_eq!(
            places.owners.lock().unwrap().len(),
            1,
            "owners without a place are forgotten"
        );
        drop(place);
    }
}
