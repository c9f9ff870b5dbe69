//! Random decisions that a printed number repeats.

use std::{ops::Range, time::Duration};

/// A small random generator (SplitMix64), for tests only: the same seed gives the same decisions.
#[derive(Clone, Debug)]
pub struct Seed(u64);

impl Seed {
    /// Decisions from `seed`.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Decisions for the test called `name`, so that one test's do not depend on which others run.
    #[must_use]
    pub fn fork(&self, name: &str) -> Self {
        // FNV-1a: stable between runs and toolchains, unlike the standard library's hasher.
        let hash = name
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        Self(self.0 ^ hash)
    }

    /// The next number.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number in `range`; its start if the range is empty.
    pub fn between(&mut self, range: Range<u64>) -> u64 {
        let width = range.end.saturating_sub(range.start).max(1);
        range.start + self.next_u64() % width
    }

    /// A time in `range`, to the millisecond.
    pub fn millis(&mut self, range: Range<u64>) -> Duration {
        Duration::from_millis(self.between(range))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_its_decisions_and_names_have_their_own() {
        let draw = |mut seed: Seed| [seed.next_u64(), seed.next_u64(), seed.between(10..20)];
        assert_eq!(draw(Seed::new(7)), draw(Seed::new(7)));
        assert_eq!(draw(Seed::new(7).fork("a")), draw(Seed::new(7).fork("a")));
        assert_ne!(draw(Seed::new(7).fork("a")), draw(Seed::new(7).fork("b")));
        assert_ne!(draw(Seed::new(7)), draw(Seed::new(8)));
    }

    #[test]
    fn ranges_are_kept() {
        let mut seed = Seed::new(1);
        assert!((0..1_000).all(|_| (10..20).contains(&seed.between(10..20))));
        assert_eq!(seed.between(5..5), 5);
    }
}
