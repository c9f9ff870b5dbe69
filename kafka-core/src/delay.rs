//! Waits between attempts.

use std::time::Duration;

use crate::env::Env;

/// An exponential sequence of waits with jitter, bounded.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Delay {
    first: Duration,
    max: Duration,
}

impl Delay {
    /// Doubling waits from `first` to `max`.
    pub(crate) const fn new(first: Duration, max: Duration) -> Self {
        Self { first, max }
    }

    /// The wait before attempt `failures + 1`: 80 to 120 % of the doubled first wait, so that many clients that
    /// failed together do not come back together.
    pub(crate) fn after(&self, failures: u32, env: &Env) -> Duration {
        let doubled = self.first.saturating_mul(2_u32.saturating_pow(failures.saturating_sub(1).min(20)));
        let percent = u32::try_from(env.random_u64() % 41).unwrap_or(0).saturating_add(80);
        (doubled.min(self.max) / 100).saturating_mul(percent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_bound_and_stay_within_a_fifth() {
        let delay = Delay::new(Duration::from_millis(100), Duration::from_secs(1));
        let env = Env::system();
        for (failures, middle) in [(1, 100), (2, 200), (3, 400), (4, 800), (5, 1000), (1000, 1000)] {
            for _ in 0..100 {
                let wait = delay.after(failures, &env).as_millis();
                assert!((middle * 8 / 10..=middle * 12 / 10).contains(&wait), "{wait} after {failures} failures");
            }
        }
    }
}
