//! A sorted queue with gaps.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// The last slots, among which a key is looked for first: what came last is asked for most, and is in the processor's caches.
const LAST: usize = 256;

/// Gaps that are left however few values there are: below this, closing them up gains nothing.
const FEW: usize = 32;

/// A map whose keys come in rising order and leave in any, as events and their deadlines do: many at once, most of them
/// one after another, and some long after their neighbours.
///
/// What leaves out of order leaves a gap. Gaps at either end are given up at once, and those in between once there are more of
/// them than values, so that adding and removing cost no more, on the average, than a search, and memory stays bounded by
/// twice what is held.
#[derive(Debug)]
pub(crate) struct Sparse<K, V> {
    /// Sorted by key; the first and the last are no gaps.
    slots: VecDeque<(K, Option<V>)>,
    held: usize,
    /// The slot found last: whoever has asked for a key mostly asks for it again, or for the one behind it. Whatever else stands there
    /// by now is seen by its key. Atomic so that the map can be shared between threads.
    found: AtomicUsize,
}

impl<K, V> Default for Sparse<K, V> {
    fn default() -> Self {
        Self {
            slots: VecDeque::new(),
            held: 0,
            found: AtomicUsize::new(0),
        }
    }
}

impl<K: Ord + Copy, V> Sparse<K, V> {
    pub(crate) fn len(&self) -> usize {
        self.held
    }

    pub(crate) fn first(&self) -> Option<K> {
        self.slots.front().map(|&(key, _)| key)
    }

    pub(crate) fn last(&self) -> Option<K> {
        self.slots.back().map(|&(key, _)| key)
    }

    pub(crate) fn get(&self, key: K) -> Option<&V> {
        let index = self.search(key).ok()?;
        self.slots.get(index)?.1.as_ref()
    }

    pub(crate) fn get_mut(&mut self, key: K) -> Option<&mut V> {
        let index = self.search(key).ok()?;
        self.slots.get_mut(index)?.1.as_mut()
    }

    /// Puts a value in; returns the one that it replaces. A key that is not the last costs as much as lies behind it.
    pub(crate) fn insert(&mut self, key: K, value: V) -> Option<V> {
        match self.search(key) {
            Ok(index) => {
                let (_, slot) = self.slots.get_mut(index)?;
                let standing = slot.replace(value);
                self.held += usize::from(standing.is_none());
                standing
            }
            Err(index) => {
                self.held += 1;
                if index == self.slots.len() {
                    self.slots.push_back((key, Some(value)));
                } else {
                    self.slots.insert(index, (key, Some(value)));
                }
                None
            }
        }
    }

    /// Takes a value out.
    pub(crate) fn remove(&mut self, key: K) -> Option<V> {
        let index = self.search(key).ok()?;
        let value = self.slots.get_mut(index)?.1.take()?;
        self.held -= 1;
        self.close_gaps();
        Some(value)
    }

    fn close_gaps(&mut self) {
        while self.slots.front().is_some_and(|(_, value)| value.is_none()) {
            self.slots.pop_front();
            let found = self.found.get_mut();
            *found = found.saturating_sub(1);
        }
        while self.slots.back().is_some_and(|(_, value)| value.is_none()) {
            self.slots.pop_back();
        }
        if self.slots.len() > 2 * self.held + FEW {
            self.slots.retain(|(_, value)| value.is_some());
        }
        if self.slots.capacity() > 4 * self.slots.len() + 4 * FEW {
            self.slots.shrink_to(2 * self.slots.len());
        }
    }

    /// The first and the last are asked for most.
    fn search(&self, key: K) -> Result<usize, usize> {
        let (Some(&(first, _)), Some(&(last, _))) = (self.slots.front(), self.slots.back()) else {
            return Err(0);
        };
        if key == first {
            return Ok(0);
        }
        if key > last {
            return Err(self.slots.len());
        }
        let found = self.found.load(Relaxed);
        let is_at = |index: &usize| self.slots.get(*index).is_some_and(|&(at, _)| at == key);
        let near = [found, found.saturating_add(1)].into_iter().find(is_at);
        let searched = near.map_or_else(|| self.search_within(key), Ok);
        if let Ok(index) = searched {
            self.found.store(index, Relaxed);
        }
        searched
    }

    fn search_within(&self, key: K) -> Result<usize, usize> {
        let near = self.slots.len().saturating_sub(LAST);
        let is_behind = |index: usize| self.slots.get(index).is_some_and(|&(at, _)| at < key);
        let (mut from, mut to) = if near == 0 || is_behind(near - 1) {
            (near, self.slots.len())
        } else {
            (0, near - 1)
        };
        while from < to {
            let middle = from.midpoint(to);
            if is_behind(middle) {
                from = middle + 1;
            } else {
                to = middle;
            }
        }
        match self.slots.get(from) {
            Some(&(found, _)) if found == key => Ok(from),
            Some(_) | None => Err(from),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_does_what_a_map_does(steps in prop::collection::vec((0..600_u16, any::<Option<u8>>()), 0..900)) {
            let (mut sparse, mut map) = (Sparse::default(), BTreeMap::new());
            for (key, value) in steps {
                if let Some(value) = value {
                    prop_assert_eq!(sparse.insert(key, value), map.insert(key, value));
                } else {
                    prop_assert_eq!(sparse.remove(key), map.remove(&key));
                }
                prop_assert_eq!(sparse.get(key), map.get(&key));
                prop_assert_eq!(sparse.get_mut(key), map.get_mut(&key));
                prop_assert_eq!(sparse.len(), map.len());
                prop_assert_eq!(sparse.first(), map.keys().next().copied());
                prop_assert_eq!(sparse.last(), map.keys().next_back().copied());
            }
        }

        #[test]
        fn gaps_take_no_more_room_than_values(leaving in Just((0..400_u32).collect::<Vec<_>>()).prop_shuffle()) {
            let mut sparse = Sparse::default();
            for key in 0..400 {
                sparse.insert(key, ());
            }
            for (left, key) in (0..400).rev().zip(leaving) {
                prop_assert_eq!(sparse.remove(key), Some(()));
                prop_assert!(sparse.slots.len() <= 2 * left + FEW);
                prop_assert!(sparse.slots.capacity() <= 4 * (2 * left + FEW) + 4 * FEW);
            }
        }
    }
}
