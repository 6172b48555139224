//! Who waits for a turn, and whose it is.

use std::collections::BTreeMap;

use push_client::RegistrationId;
use push_message::{Owner, ShareBounds, ShareCounts};

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

    /// Who is next, of those that can be and have not their share: the first of a user that has the fewest places, its sandboxes
    /// counted, or else of an owner. A place that is left goes to somebody who has none, however many one with some has in the line
    /// before. `taken` are the owners of the places.
    pub(crate) fn next<'a>(
        &self,
        can_be: impl Fn(RegistrationId) -> bool,
        taken: impl Iterator<Item = &'a Owner>,
        shares: ShareBounds,
    ) -> Option<RegistrationId> {
        let mut counts = ShareCounts::default();
        taken.for_each(|owner| counts.add(owner));
        let candidates = self.of_owners.iter().filter_map(|(owner, waiting)| {
            counts.check(owner, shares).ok()?;
            let mut able = waiting.iter().filter(|(_, (one, _))| can_be(*one));
            let (number, (registration, _)) = able.next()?;
            let (wide, narrow) = (counts.with(owner), counts.of_owner(owner));
            Some((wide, narrow, *number, *registration))
        });
        let first = candidates.min();
        first.map(|(_, _, _, registration)| registration)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(name: char) -> Owner {
        Owner::proved(name.to_string())
    }

    const fn shares(per_owner: usize, per_user: usize) -> ShareBounds {
        ShareBounds {
            all: usize::MAX,
            per_owner,
            per_user,
        }
    }

    /// Who is next of those that wait, an owner a letter, where these have places: by number in the line.
    fn next(waiting: &str, taken: &str, share: usize) -> Option<u64> {
        let owners = |letters: &str| letters.chars().map(owner).collect::<Vec<_>>();
        next_of(&owners(waiting), &owners(taken), shares(share, share))
    }

    fn next_of(waiting: &[Owner], taken: &[Owner], shares: ShareBounds) -> Option<u64> {
        let mut turns = Turns::default();
        for (index, owner) in (0..).zip(waiting) {
            turns.push(RegistrationId(index), owner, ());
        }
        let next = turns.next(|_| true, taken.iter(), shares);
        next.map(|registration| registration.0)
    }

    #[test]
    fn a_user_has_no_more_places_by_having_sandboxes() {
        let owners = |texts: &[&str]| texts.iter().copied().map(Owner::proved).collect::<Vec<_>>();
        let taken = owners(&["uid:7/snap:a", "uid:7/snap:b", "uid:8"]);
        let waiting = owners(&["uid:7/snap:c", "uid:7", "uid:8", "uid:9"]);
        assert_eq!(next_of(&waiting, &taken, shares(2, 4)), Some(3));
        assert_eq!(next_of(&waiting[..3], &taken, shares(2, 4)), Some(2));
        assert_eq!(next_of(&waiting[..2], &taken, shares(2, 4)), Some(0));
        assert_eq!(next_of(&waiting[..2], &taken, shares(2, 2)), None);
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
    }

    #[test]
    fn each_waits_once_and_who_comes_anew_waits_behind() {
        let (one, two) = (RegistrationId(1), RegistrationId(2));
        let mut turns = Turns::default();
        turns.push(one, &owner('a'), "first");
        turns.push(two, &owner('a'), "second");
        turns.push(one, &owner('a'), "third");
        let next = |turns: &Turns<_>, can_be: &[_]| {
            turns.next(
                |one| can_be.contains(&one),
                std::iter::empty(),
                shares(1, 1),
            )
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
