//! How many connections and waits there may be at one time.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use push_api::Owner;

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

/// The same for each owner.
#[derive(Debug)]
pub(crate) struct OwnerLimit {
    most: usize,
    taken: Mutex<BTreeMap<Owner, usize>>,
}

/// One of the places of one owner.
#[derive(Debug)]
pub(crate) struct OwnerPlace {
    limit: Arc<OwnerLimit>,
    owner: Owner,
}

impl OwnerLimit {
    pub(crate) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self {
            most,
            taken: Mutex::default(),
        })
    }

    pub(crate) fn most(&self) -> usize {
        self.most
    }

    pub(crate) fn take(self: &Arc<Self>, owner: &Owner) -> Option<OwnerPlace> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let count = taken.get(owner).copied().unwrap_or_default();
        (count < self.most).then(|| {
            taken.insert(owner.clone(), count + 1);
            OwnerPlace {
                limit: Arc::clone(self),
                owner: owner.clone(),
            }
        })
    }
}

impl OwnerPlace {
    pub(crate) fn owner(&self) -> &Owner {
        &self.owner
    }
}

impl Drop for OwnerPlace {
    fn drop(&mut self) {
        let mut taken = self
            .limit
            .taken
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = taken.get_mut(&self.owner) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.owner);
            }
        }
    }
}
