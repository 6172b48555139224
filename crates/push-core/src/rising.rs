//! A sorted queue.

use std::collections::VecDeque;

/// A map, or with no values a set, whose keys mostly come in rising order and mostly leave in that order, as ids and
/// deadlines do.
///
/// Adding the last and taking the first cost next to nothing. Anything in between moves what lies on its shorter side, so
/// this is for what is bounded.
#[derive(Debug)]
pub(crate) struct Rising<K, V = ()>(VecDeque<(K, V)>);

impl<K, V> Default for Rising<K, V> {
    fn default() -> Self {
        Self(VecDeque::new())
    }
}

impl<K: Ord + Copy, V> Rising<K, V> {
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The keys, in order.
    pub(crate) fn keys(&self) -> impl Iterator<Item = K> {
        self.0.iter().map(|&(key, _)| key)
    }

    pub(crate) fn first(&self) -> Option<K> {
        self.0.front().map(|&(key, _)| key)
    }

    pub(crate) fn get(&self, key: K) -> Option<&V> {
        let index = self.search(key).ok()?;
        self.0.get(index).map(|(_, value)| value)
    }

    pub(crate) fn get_mut(&mut self, key: K) -> Option<&mut V> {
        let index = self.search(key).ok()?;
        self.0.get_mut(index).map(|(_, value)| value)
    }

    /// Puts a value in; returns the one that it replaces.
    pub(crate) fn insert(&mut self, key: K, value: V) -> Option<V> {
        if self.0.back().is_none_or(|&(last, _)| last < key) {
            self.0.push_back((key, value));
            return None;
        }
        match self.search(key) {
            Ok(index) => {
                let (_, standing) = self.0.get_mut(index)?;
                Some(std::mem::replace(standing, value))
            }
            Err(index) => {
                self.0.insert(index, (key, value));
                None
            }
        }
    }

    /// Takes a value out.
    pub(crate) fn remove(&mut self, key: K) -> Option<V> {
        // Mostly it is the first: for that nothing has to be moved.
        if let Some((_, value)) = self.0.pop_front_if(|(first, _)| *first == key) {
            return Some(value);
        }
        let index = self.search(key).ok()?;
        self.0.remove(index).map(|(_, value)| value)
    }

    fn search(&self, key: K) -> Result<usize, usize> {
        match self.0.front() {
            Some(&(first, _)) if first == key => Ok(0),
            Some(_) => self.0.binary_search_by_key(&key, |&(key, _)| key),
            None => Err(0),
        }
    }
}

impl<K: Ord + Copy> Rising<K> {
    /// Puts a key in.
    pub(crate) fn add(&mut self, key: K) {
        self.insert(key, ());
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_does_what_a_map_does(steps in prop::collection::vec((0..12_u8, any::<Option<u8>>()), 0..60)) {
            let (mut rising, mut map) = (Rising::default(), BTreeMap::new());
            for (key, value) in steps {
                if let Some(value) = value {
                    prop_assert_eq!(rising.insert(key, value), map.insert(key, value));
                } else {
                    prop_assert_eq!(rising.remove(key), map.remove(&key));
                }
                prop_assert_eq!(rising.get(key), map.get(&key));
                prop_assert_eq!(rising.get_mut(key), map.get_mut(&key));
                prop_assert_eq!(rising.first(), map.keys().next().copied());
                prop_assert_eq!((rising.len(), rising.is_empty()), (map.len(), map.is_empty()));
                prop_assert!(rising.keys().eq(map.keys().copied()));
            }
        }
    }
}
