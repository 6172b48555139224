//! What may take long, and may never come to an end, is begun so many times at most: by all owners, by each, and by each user.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use push_message::{Owner, ShareBounds, Sharer};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// So many places, of which no owner gets all, and no user by its sandboxes.
#[derive(Debug)]
pub(super) struct Places {
    all: Arc<Semaphore>,
    bounds: ShareBounds,
    sharers: Mutex<BTreeMap<Sharer, Weak<Semaphore>>>,
}

/// A place; it is free again once this is dropped.
#[derive(Debug)]
pub(super) struct Place {
    _all: OwnedSemaphorePermit,
    // These keep the semaphores of the owner and its user, so that their other places are counted with this one.
    _own: OwnedSemaphorePermit,
    _with_user: OwnedSemaphorePermit,
}

impl Places {
    pub(super) fn new(bounds: ShareBounds) -> Self {
        Self {
            all: semaphore(bounds.all),
            bounds,
            sharers: Mutex::default(),
        }
    }

    /// Waits for a place. `None` never comes: the semaphores are not closed.
    pub(super) async fn take(&self, owner: &Owner) -> Option<Place> {
        // Who has to wait for a place of its own stands in nobody's way.
        let (per_owner, per_user) = (self.bounds.per_owner, self.bounds.per_user);
        let own = self.of(Sharer::Owner(owner.clone()), per_owner);
        let own = own.acquire_owned().await.ok()?;
        let with_user = match Sharer::of(owner) {
            user @ Sharer::User(_) => self.of(user, per_user),
            Sharer::All | Sharer::Owner(_) => semaphore(1),
        };
        let with_user = with_user.acquire_owned().await.ok()?;
        let all = Arc::clone(&self.all).acquire_owned().await.ok()?;
        Some(Place {
            _all: all,
            _own: own,
            _with_user: with_user,
        })
    }

    fn of(&self, sharer: Sharer, most: usize) -> Arc<Semaphore> {
        let mut sharers = self.sharers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(semaphore) = sharers.get(&sharer).and_then(Weak::upgrade) {
            return semaphore;
        }
        sharers.retain(|_, semaphore| semaphore.strong_count() > 0);
        let semaphore = semaphore(most);
        sharers.insert(sharer, Arc::downgrade(&semaphore));
        semaphore
    }
}

fn semaphore(most: usize) -> Arc<Semaphore> {
    Arc::new(Semaphore::new(most.clamp(1, Semaphore::MAX_PERMITS)))
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use super::*;

    const BOUNDS: ShareBounds = ShareBounds {
        all: 4,
        per_owner: 2,
        per_user: 3,
    };

    #[tokio::test]
    async fn sandboxes_that_hang_leave_places_for_other_users() {
        let places = Places::new(BOUNDS);
        let owner = |text: &str| Owner::proved(text);
        let mut held = Vec::new();
        for sandbox in ["uid:7/flatpak:a", "uid:7/flatpak:b", "uid:7/snap:c"] {
            held.push(places.take(&owner(sandbox)).await);
        }
        let (user, other) = (owner("uid:7"), owner("uid:8"));
        let mut fourth = pin!(places.take(&user));
        tokio::select! {
            biased;
            _ = &mut fourth => panic!("three places are all that a user has"),
            place = places.take(&other) => assert!(place.is_some()),
        }
        drop(held);
        assert!(fourth.await.is_some());
    }

    #[tokio::test]
    async fn an_owner_that_hangs_leaves_places_for_others() {
        let places = Places::new(BOUNDS);
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
            places.sharers.lock().unwrap().len(),
            2,
            "owners without a place are forgotten"
        );
        drop(place);
    }
}
