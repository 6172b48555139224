//! Chance for each part of the user agent.

use sha1::{Digest as _, Sha1};

/// Chance for a part, out of chance for the whole. Others see what a part makes of its own, and learn nothing of the whole by it, nor of
/// another part: names of MSRP tell no branch of SIP.
pub(super) fn part_of(seed: u64, part: &str) -> u64 {
    let digest = Sha1::new()
        .chain_update(seed.to_be_bytes())
        .chain_update(part)
        .finalize();
    let octets = digest.iter().take(8);
    octets.fold(0, |word, octet| word << 8 | u64::from(*octet))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_have_chance_of_their_own() {
        assert_eq!(part_of(7, "a"), part_of(7, "a"));
        assert_ne!(part_of(7, "a"), part_of(7, "b"));
        assert_ne!(part_of(7, "a"), part_of(8, "a"));
        assert_ne!(part_of(7, ""), 7);
    }
}
