//! Whose turn it is.

use std::collections::BTreeMap;

/// Which of those that wait is next: the first of an owner that has the fewest places, and not its share of them. A place that is left goes
/// to somebody who has none, however many an owner with some has in the line before.
///
/// `waiting` has the owners in order, `None` for whom it cannot be; `places` those of the places that are taken.
pub(crate) fn next_turn<'a, O: Ord + 'a>(
    waiting: impl Iterator<Item = Option<&'a O>>,
    places: impl Iterator<Item = &'a O>,
    share: usize,
) -> Option<usize> {
    let mut taken = BTreeMap::new();
    for owner in places {
        *taken.entry(owner).or_insert(0_usize) += 1;
    }
    let taken_by = |owner| taken.get(owner).copied().unwrap_or_default();
    let candidates = waiting
        .enumerate()
        .filter_map(|(index, owner)| Some((taken_by(owner?), index)));
    let with_room = candidates.filter(|(taken, _)| *taken < share.max(1));
    with_room.min().map(|(_, index)| index)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(waiting: &str, places: &str, share: usize) -> Option<usize> {
        let waiting: Vec<char> = waiting.chars().collect();
        let places: Vec<char> = places.chars().collect();
        let waiting = waiting.iter().map(|owner| (*owner != '-').then_some(owner));
        next_turn(waiting, places.iter(), share)
    }

    #[test]
    fn whoever_has_the_fewest_places_is_next() {
        assert_eq!(next("", "", 4), None);
        assert_eq!(next("abc", "", 4), Some(0), "in order");
        assert_eq!(
            next("-bc", "", 4),
            Some(1),
            "one that cannot be is left out"
        );
        assert_eq!(next("aab", "aaa", 4), Some(2));
        assert_eq!(next("aabb", "aab", 4), Some(2));
        assert_eq!(next("aabb", "aabb", 4), Some(0));
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
}
