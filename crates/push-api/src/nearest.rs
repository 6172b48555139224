//! Which known word somebody probably meant.

/// The most octets of a word that is compared; a longer one is nobody's slip of the pen.
const LONGEST: usize = 64;

/// The known word that is nearest to `word`, if one is near enough to be what was meant: compared without regard to case
/// and by edit distance, at most a third of the word's length.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if word.len() > LONGEST {
        return None;
    }
    let lower = word.to_lowercase();
    known
        .into_iter()
        .map(|candidate| (distance(&lower, &candidate.to_lowercase()), candidate))
        .filter(|&(edits, candidate)| edits <= candidate.len().max(word.len()).div_ceil(3))
        .min_by_key(|&(edits, _)| edits)
        .map(|(_, candidate)| candidate)
}

/// Insertions, deletions and replacements of characters that make `left` of `right`.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (index, letter) in left.chars().enumerate() {
        let mut previous = index + 1;
        let mut current = vec![previous];
        for ((above_left, above), other) in row.iter().zip(row.iter().skip(1)).zip(&right) {
            let replaced = above_left + usize::from(letter != *other);
            previous = replaced.min(above + 1).min(previous + 1);
            current.push(previous);
        }
        row = current;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_found_and_a_far_one_is_not() {
        let known = ["pushApplicationID", "applicationID", "Accept", "whitelist"];
        assert_eq!(nearest("aplicationID", known), Some("applicationID"));
        assert_eq!(nearest("applicationid", known), Some("applicationID"));
        assert_eq!(
            nearest("pushApplicationId", known),
            Some("pushApplicationID")
        );
        assert_eq!(nearest("accpet", known), Some("Accept"));
        assert_eq!(nearest("colour", known), None);
        assert_eq!(nearest(&"a".repeat(100_000), known), None);
    }
}
