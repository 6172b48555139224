//! How long to wait before the next dial.

use std::time::Duration;

/// Waits that double, with chance on them so that what failed together does not return together.
#[derive(Debug)]
pub struct Backoff {
    base: Duration,
    limit: Duration,
    /// State of `SplitMix64`, which is reproducible from its seed, and no secret.
    chance: u64,
}

impl Backoff {
    /// Waits that begin with `base` and end with `limit`; `seed` is the chance on them.
    pub const fn new(base: Duration, limit: Duration, seed: u64) -> Self {
        Self {
            base,
            limit,
            chance: seed,
        }
    }

    /// The wait after so many failures, one or more, shortened by up to a quarter.
    pub fn after(&mut self, failures: u32) -> Duration {
        let factor = 1_u32
            .checked_shl(failures.saturating_sub(1))
            .unwrap_or(u32::MAX);
        let wait = self.base.saturating_mul(factor).min(self.limit);
        let thousandths = u32::try_from(self.next() % 251).unwrap_or(0);
        wait.saturating_sub(wait.saturating_mul(thousandths) / 1000)
    }

    /// A number of chance.
    pub(crate) const fn next(&mut self) -> u64 {
        self.chance = self.chance.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.chance;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_limit_and_are_shortened_by_a_quarter_at_most() {
        let mut backoff = Backoff::new(Duration::from_secs(2), Duration::from_mins(1), 7);
        for (failures, whole) in [
            (1, 2),
            (2, 4),
            (3, 8),
            (5, 32),
            (6, 60),
            (40, 60),
            (u32::MAX, 60),
        ] {
            let waits: Vec<_> = (0..500).map(|_| backoff.after(failures)).collect();
            let whole = Duration::from_secs(whole);
            assert!(
                waits
                    .iter()
                    .all(|wait| (whole * 3 / 4..=whole).contains(wait))
            );
            assert!(waits.iter().min() < Some(&(whole * 77 / 100)));
            assert!(waits.iter().max() > Some(&(whole * 98 / 100)));
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_waits() {
        let waits = |seed| {
            let mut backoff = Backoff::new(Duration::from_secs(2), Duration::from_mins(1), seed);
            (1..20)
                .map(|failures| backoff.after(failures))
                .collect::<Vec<_>>()
        };
        assert_eq!(waits(3), waits(3));
        assert_ne!(waits(3), waits(4));
    }
}
