//! Who waits for a turn, and whose it is.

use std::collections::BTreeMap;

use push_client::RegistrationId;
use push_message::Owner;

/// Those that wait, each owner's in order of their coming.
#[derive(Debug)]
pub(crate) struct Turns<T> {
    next: u64,
    of_owners: BTreeMap<Owner, BTreeMap<u64, (RegistrationId, T)>>,
    /// Where each stands.
    places: BTreeMap<RegistrationId, (Owner, u64)>,
}

impl<T> Default for Turns<T> {
    fn default() -> Self {
        Self {
            next: 0,
            of_owners: BTreeMap::new(),
            places: BTreeMap::new(),
        }
    }
}

impl<T> Turns<T> {
    /// Puts a registration at the end, wherever it stood.
    pub(crate) fn push(&mut self, registration: RegistrationId, owner: &Owner, turn: T) {
        self.remove(registration);
        let number = self.next;
        self.next += 1;
        self.places.insert(registration, (owner.clone(), number));
        let of_owner = self.of_owners.entry(owner.clone()).or_default();
        of_owner.insert(number, (registration, turn));
    }

    /// Takes a registration out.
    pub(crate) fn remove(&mut self, registration: RegistrationId) -> Option<T> {
        let (owner, number) = self.places.remove(&registration)?;
        let of_owner = self.of_owners.get_mut(&owner)?;
        let (_, turn) = of_owner.remove(&number)?;
        if of_owner.is_empty() {
            self.of_owners.remove(&owner);
        }
        Some(turn)
    }

    /// Whether there is one that can be.
    pub(crate) fn any(&self, can_be: impl Fn(RegistrationId) -> bool) -> bool {
        self.places.keys().any(|registration| can_be(*registration))
    }

    /// Who is next, of those that can be: the first of an owner that has the fewest places, and not its share of them. A place that is left
    /// goes to somebody who has none, however many an owner with some has in the line before. `taken` are the owners of the places.
    pub(crate) fn next<'a>(
        &self,
        can_be: impl Fn(RegistrationId) -> bool,
        taken: impl Iterator<Item = &'a Owner>,
        share: usize,
    ) -> Option<RegistrationId> {
        let mut places = BTreeMap::new();
        for owner in taken {
            *places.entry(owner).or_insert(0_usize) += 1;
        }
        let candidates = self.of_owners.iter().filter_map(|(owner, waiting)| {
            let taken = places.get(owner).copied().unwrap_or_default();
            let mut able = waiting.iter().filter(|(_, (one, _))| can_be(*one));
            let (number, (registration, _)) = able.next().filter(|_| taken < share.max(1))?;
            Some((taken, *number, *registration))
        });
        candidates.min().map(|(_, _, registration)| registration)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(name: char) -> Owner {
        Owner::proved(name.to_string())
    }

    /// Who is next of those that wait, an owner a letter, where these have places: by number in the line.
    fn next(waiting: &str, taken: &str, share: usize) -> Option<u64> {
        let mut turns = Turns::default();
        for (index, name) in (0..).zip(waiting.chars()) {
            turns.push(RegistrationId(index), &owner(name), ());
        }
        let taken: Vec<Owner> = taken.chars().map(owner).collect();
        let next = turns.next(|_| true, taken.iter(), share);
        next.map(|registration| registration.0)
    }

    #[test]
    fn whoever_has_the_fewest_places_is_next() {
        assert_eq!(next("", "", 4), None);
        assert_eq!(next("bac", "", 4), Some(0), "in order");
        assert_eq!(next("aab", "aaa", 4), Some(2));
        assert_eq!(next("aabb", "aab", 4), Some(2));
        assert_eq!(next("bbaa", "aabb", 4), Some(0));
    }

    #[test]
    fn owners_whose_handlers_hang_leave_the_next_place_to_another() {
        // Two that have all eight places between them, and one of these comes free.
        assert_eq!(next("aaaaabbbbbc", "aaabbbb", 4), Some(10));
    }

    #[test]
    fn nobody_has_more_than_a_share() {
        assert_eq!(next("aaa", "aaa", 4), Some(0));
        assert_eq!(next("aaa", "aaaa", 4), None);
        assert_eq!(next("a", "", 0), Some(0), "a share is one place at least");
    }

    #[test]
    fn each_waits_once_and_who_comes_anew_waits_behind() {
        let (one, two) = (RegistrationId(1), RegistrationId(2));
        let mut turns = Turns::default();
        turns.push(one, &owner('a'), "first");
        turns.push(two, &owner('a'), "second");
        turns.push(one, &owner('a'), "third");
        let next = |turns: &Turns<_>, can_be: &[_]| {
            turns.next(|one| can_be.contains(&one), std::iter::empty(), 1)
        };
        assert_eq!(next(&turns, &[one, two]), Some(two));
        assert_eq!(next(&turns, &[one]), Some(one), "the other cannot be");
        assert_eq!(turns.remove(one), Some("third"));
        assert!(turns.any(|waiting| waiting == two) && !turns.any(|waiting| waiting == one));
        assert_eq!(turns.remove(two), Some("second"));
        assert_eq!(turns.remove(two), None);
        assert!(turns.of_owners.is_empty() && turns.places.is_empty());
    }
}
