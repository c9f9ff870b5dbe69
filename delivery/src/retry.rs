//! Whether a failed record gets another attempt, and when.

use std::{collections::BTreeMap, time::Duration};

use backoff::{ExponentialBackoffBuilder, backoff::Backoff as _};

use crate::handler::ErrorClass;

/// The most attempts a schedule may allow: a bound on retries is a bound.
const MAX_ATTEMPTS: u32 = 1_000;

/// How often and how fast one class of failures is tried again.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RetrySchedule {
    attempts: u32,
    initial: Duration,
    multiplier: f64,
    max: Duration,
    jitter: f64,
}

impl RetrySchedule {
    /// `attempts` in all (the first one included); waits of 100 ms, doubled each time up to 30 s, and up to 20 % more.
    pub fn attempts(attempts: u32) -> Self {
        Self {
            attempts,
            initial: Duration::from_millis(100),
            multiplier: 2.0,
            max: Duration::from_secs(30),
            jitter: 0.2,
        }
    }

    /// The wait before the second attempt, and how much longer each further one is.
    #[must_use]
    pub fn wait(mut self, initial: Duration, multiplier: f64) -> Self {
        (self.initial, self.multiplier) = (initial, multiplier);
        self
    }

    /// The longest wait, also for a wait that the handler asks for.
    #[must_use]
    pub fn max_wait(mut self, max: Duration) -> Self {
        self.max = max;
        self
    }

    /// How much longer a wait may be by chance, as a share of it. Jitter never shortens a wait.
    #[must_use]
    pub fn jitter(mut self, share: f64) -> Self {
        self.jitter = share;
        self
    }

    /// The wait after the failed attempt number `attempt`, without jitter.
    fn interval(&self, attempt: u32) -> Duration {
        let mut sequence = ExponentialBackoffBuilder::new()
            .with_initial_interval(self.initial.min(self.max))
            .with_multiplier(self.multiplier)
            .with_max_interval(self.max)
            // The crate's own randomness and clock stay out: they could be neither seeded nor paused.
            .with_randomization_factor(0.0)
            .with_max_elapsed_time(None)
            .build();
        let mut wait = self.initial;
        for _ in 0..attempt.clamp(1, MAX_ATTEMPTS) {
            wait = sequence.next_backoff().unwrap_or(self.max);
        }
        wait.min(self.max)
    }

    /// The wait after the failed attempt number `attempt`; `random` decides the jitter.
    pub(crate) fn wait_after(&self, attempt: u32, random: u64) -> Duration {
        self.with_jitter(self.interval(attempt), random)
    }

    fn with_jitter(&self, wait: Duration, random: u64) -> Duration {
        wait.mul_f64(1.0 + self.jitter * share(random))
    }

    fn problems(&self, name: &str, problems: &mut Vec<String>) {
        let mut refuse = |wrong: bool, text: String| problems.extend(wrong.then_some(text));
        let attempts = self.attempts;
        refuse(
            !(1..=MAX_ATTEMPTS).contains(&attempts),
            format!("retry of {name}: {attempts} attempts: 1 to {MAX_ATTEMPTS} are possible"),
        );
        let multiplier = self.multiplier;
        refuse(
            !(1.0..=1_000.0).contains(&multiplier),
            format!("retry of {name}: multiplier {multiplier}: waits must not shrink (1 to 1000)"),
        );
        let jitter = self.jitter;
        refuse(
            !(0.0..=1.0).contains(&jitter),
            format!("retry of {name}: jitter {jitter}: it is a share of the wait (0 to 1)"),
        );
        let (initial, max) = (self.initial, self.max);
        refuse(initial > max, format!("retry of {name}: first wait {initial:?} exceeds the longest wait {max:?}"));
    }
}

/// What a policy says about a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryDecision {
    /// Another attempt, after this wait.
    Retry(Duration),
    /// No attempt is left, or none can help: the record goes to the dead letter topic.
    GiveUp,
}

/// A schedule for every class of failure. Undecodable and rejected records are never retried.
#[derive(Clone, Debug, PartialEq)]
pub struct RetryPolicy {
    otherwise: RetrySchedule,
    by_class: BTreeMap<ErrorClass, RetrySchedule>,
}

impl Default for RetryPolicy {
    /// [`RetryPolicy::orders`].
    fn default() -> Self {
        Self::orders()
    }
}

impl RetryPolicy {
    /// One schedule for all classes.
    pub fn new(schedule: RetrySchedule) -> Self {
        Self { otherwise: schedule, by_class: BTreeMap::new() }
    }

    /// The order service's: one try and three retries, after 100, 200 and 400 ms.
    pub fn orders() -> Self {
        Self::new(RetrySchedule::attempts(4))
    }

    /// The DreamScape services': as [`orders`](Self::orders).
    pub fn dreamscape() -> Self {
        Self::orders()
    }

    /// The commerce services': three attempts, with waits of exactly 2 s and 4 s.
    pub fn commerce() -> Self {
        Self::new(RetrySchedule::attempts(3).wait(Duration::from_secs(2), 2.0).jitter(0.0))
    }

    /// One attempt, no retries.
    pub fn never() -> Self {
        Self::new(RetrySchedule::attempts(1))
    }

    /// The same policy with another schedule for one class.
    #[must_use]
    pub fn for_class(mut self, class: impl Into<ErrorClass>, schedule: RetrySchedule) -> Self {
        self.by_class.insert(class.into(), schedule);
        self
    }

    /// What follows the failed attempt number `attempt` (from 1). `after` is the wait the handler asked for, `random`
    /// decides the jitter.
    pub fn decide(&self, class: &ErrorClass, attempt: u32, after: Option<Duration>, random: u64) -> RetryDecision {
        let schedule = self.by_class.get(class).unwrap_or(&self.otherwise);
        if !class.is_retriable() || attempt >= schedule.attempts {
            return RetryDecision::GiveUp;
        }
        let wait = schedule.interval(attempt).max(after.unwrap_or_default()).min(schedule.max);
        RetryDecision::Retry(schedule.with_jitter(wait, random))
    }

    /// Everything that is wrong with it; `name` says whose policy it is.
    pub(crate) fn problems(&self, name: &str) -> Vec<String> {
        let mut problems = Vec::new();
        self.otherwise.problems(name, &mut problems);
        for (class, schedule) in &self.by_class {
            schedule.problems(&format!("{name}, class {class}"), &mut problems);
        }
        problems
    }
}

/// A number in [0, 1) of 53 random bits.
fn share(random: u64) -> f64 {
    (random >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The waits of a policy without luck, in milliseconds, until it gives up.
    fn waits(policy: &RetryPolicy, class: &ErrorClass) -> Vec<u128> {
        (1..)
            .map_while(|attempt| match policy.decide(class, attempt, None, 0) {
                RetryDecision::Retry(wait) => Some(wait.as_millis()),
                RetryDecision::GiveUp => None,
            })
            .collect()
    }

    #[test]
    fn the_presets_wait_as_documented() {
        assert_eq!(waits(&RetryPolicy::orders(), &ErrorClass::HANDLER), [100, 200, 400]);
        assert_eq!(waits(&RetryPolicy::commerce(), &ErrorClass::HANDLER), [2_000, 4_000]);
        assert_eq!(waits(&RetryPolicy::never(), &ErrorClass::HANDLER), [0; 0]);
        let long = RetryPolicy::new(RetrySchedule::attempts(12));
        assert_eq!(waits(&long, &ErrorClass::PANIC)[8..], [25_600, 30_000, 30_000]);
    }

    #[test]
    fn undecodable_and_rejected_records_are_never_retried() {
        let stubborn = RetryPolicy::new(RetrySchedule::attempts(100))
            .for_class(ErrorClass::UNDECODABLE, RetrySchedule::attempts(100));
        for class in [ErrorClass::UNDECODABLE, ErrorClass::REJECTED] {
            assert_eq!(stubborn.decide(&class, 1, None, 0), RetryDecision::GiveUp);
        }
    }

    #[test]
    fn a_class_has_its_own_schedule() {
        let policy = RetryPolicy::orders().for_class(ErrorClass::TIMEOUT, RetrySchedule::attempts(2));
        assert_eq!(waits(&policy, &ErrorClass::TIMEOUT), [100]);
        assert_eq!(waits(&policy, &ErrorClass::HANDLER).len(), 3);
    }

    #[test]
    fn the_handlers_wish_is_heard_within_bounds() {
        let policy = RetryPolicy::new(RetrySchedule::attempts(2).jitter(0.0).max_wait(Duration::from_secs(5)));
        let wait = |after| policy.decide(&ErrorClass::HANDLER, 1, Some(after), 0);
        assert_eq!(wait(Duration::from_millis(1)), RetryDecision::Retry(Duration::from_millis(100)));
        assert_eq!(wait(Duration::from_secs(3)), RetryDecision::Retry(Duration::from_secs(3)));
        assert_eq!(wait(Duration::MAX), RetryDecision::Retry(Duration::from_secs(5)));
    }

    #[test]
    fn a_bad_schedule_is_refused_with_every_reason() {
        let bad = RetrySchedule::attempts(0).wait(Duration::from_secs(60), f64::NAN).jitter(2.0);
        let problems = RetryPolicy::orders().for_class("slow", bad).problems("orders");
        assert_eq!(problems.len(), 4, "{problems:?}");
        assert!(problems.iter().all(|problem| problem.starts_with("retry of orders, class slow: ")));
    }

    proptest! {
        #[test]
        fn jitter_never_shortens_a_wait_and_is_bounded(attempt in 1_u32..8, random: u64) {
            let policy = RetryPolicy::new(RetrySchedule::attempts(8));
            let RetryDecision::Retry(wait) = policy.decide(&ErrorClass::HANDLER, attempt, None, random) else {
                return Err(TestCaseError::fail("gave up early"));
            };
            let plain = Duration::from_millis(100 << (attempt - 1));
            prop_assert!(wait >= plain && wait <= plain.mul_f64(1.2), "{wait:?}");
        }
    }
}
