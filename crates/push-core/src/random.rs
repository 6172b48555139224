//! The jitter of back-offs.

use std::time::Duration;

/// `SplitMix64`: enough to spread retries, reproducible from its seed, and no secret.
#[derive(Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The delay, shortened by up to half of it, so that what failed together does not return together.
    pub(crate) fn jittered(&mut self, delay: Duration) -> Duration {
        let thousandths = u32::try_from(self.next() % 501).unwrap_or(0);
        delay.saturating_sub(delay * thousandths / 1000)
    }

    const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jitter_stays_between_half_and_whole_and_varies() {
        let mut random = Random::new(7);
        let delays: Vec<_> = (0..1000)
            .map(|_| random.jittered(Duration::from_secs(2)))
            .collect();
        assert!(
            delays
                .iter()
                .all(|delay| (1.0..=2.0).contains(&delay.as_secs_f64()))
        );
        assert!(delays.iter().min() < Some(&Duration::from_millis(1100)));
        assert!(delays.iter().max() > Some(&Duration::from_millis(1900)));
    }

    #[test]
    fn the_same_seed_gives_the_same_jitter() {
        let delay = Duration::from_mins(1);
        assert_eq!(
            Random::new(3).jittered(delay),
            Random::new(3).jittered(delay)
        );
    }
}
