//! What follows an attempt: a pure decision.

use std::time::Duration;

use super::{attempt::Outcome, health::StallReason};
use crate::{
    dead_letter::FailureHistory,
    handler::ErrorClass,
    retry::{RetryDecision, RetryPolicy, RetrySchedule},
};

/// So many reruns may lose against other units of work before it counts as a failed attempt.
const MAX_CONFLICTS: u32 = 100;

/// What has happened to one record so far.
#[derive(Debug, Default)]
pub(super) struct Progress {
    failed: u32,
    first_failure_ms: Option<i64>,
    conflicts: u32,
    outages: u32,
}

/// What follows an attempt.
#[derive(Debug)]
pub(super) enum Next {
    /// Settle the record as handled.
    Handled,
    /// Settle the record as filtered.
    Filtered,
    /// Commit, wait, and make the next attempt.
    Retry { failed: u32, class: ErrorClass, wait: Duration },
    /// Wait and make the same attempt again; with a reason, the partition stands still until then.
    Again { wait: Duration, stalled: Option<StallReason> },
    /// Write the dead letter, then settle.
    DeadLetter(FailureHistory),
    /// End the worker.
    Stop(String),
}

impl Progress {
    /// The number of the attempt that runs now, from 1.
    pub(super) fn attempt(&self) -> u32 {
        self.failed.saturating_add(1)
    }

    /// Decides after an attempt that ended at `now_ms`.
    pub(super) fn next(&mut self, outcome: Outcome, policy: &RetryPolicy, now_ms: i64, random: u64) -> Next {
        match outcome {
            Outcome::Done => Next::Handled,
            Outcome::Filtered => Next::Filtered,
            Outcome::Fatal(error) => Next::Stop(error),
            Outcome::Outage(reason) => {
                self.outages = self.outages.saturating_add(1);
                Next::Again { wait: outage_wait(self.outages, random), stalled: Some(reason) }
            }
            Outcome::Conflict(error) if self.conflicts >= MAX_CONFLICTS => {
                self.conflicts = 0;
                self.failed(policy, ErrorClass::CONFLICT, error.to_string(), None, (now_ms, random))
            }
            Outcome::Conflict(_) => {
                self.conflicts += 1;
                let schedule = RetrySchedule::attempts(MAX_CONFLICTS + 2)
                    .wait(Duration::from_millis(1), 1.5)
                    .max_wait(Duration::from_millis(100))
                    .jitter(1.0);
                Next::Again { wait: schedule.wait_after(self.conflicts, random), stalled: None }
            }
            Outcome::Failed { class, error, after } => self.failed(policy, class, error, after, (now_ms, random)),
            Outcome::Hopeless { class, error } => {
                self.count(now_ms);
                Next::DeadLetter(self.history(class, error, now_ms))
            }
        }
    }

    fn failed(
        &mut self,
        policy: &RetryPolicy,
        class: ErrorClass,
        error: String,
        after: Option<Duration>,
        (now_ms, random): (i64, u64),
    ) -> Next {
        self.count(now_ms);
        match policy.decide(&class, self.failed, after, random) {
            RetryDecision::Retry(wait) => Next::Retry { failed: self.failed, class, wait },
            RetryDecision::GiveUp => Next::DeadLetter(self.history(class, error, now_ms)),
        }
    }

    fn count(&mut self, now_ms: i64) {
        self.failed = self.failed.saturating_add(1);
        self.first_failure_ms.get_or_insert(now_ms);
    }

    fn history(&self, class: ErrorClass, error: String, now_ms: i64) -> FailureHistory {
        let first_ms = self.first_failure_ms.unwrap_or(now_ms);
        FailureHistory { attempts: self.failed, first_ms, last_ms: now_ms, class, error }
    }
}

/// How long to wait for what is away: 100 ms at first, 5 s at most, for as long as it takes.
pub(super) fn outage_wait(outages: u32, random: u64) -> Duration {
    RetrySchedule::attempts(1).max_wait(Duration::from_secs(5)).wait_after(outages.min(20), random)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::StoreError;

    fn failed(class: ErrorClass) -> Outcome {
        Outcome::Failed { class, error: "no stock".to_owned(), after: None }
    }

    fn conflict() -> Outcome {
        Outcome::Conflict(StoreError::Conflict { table: "orders".to_owned(), key: b"1".to_vec() })
    }

    fn outage() -> Outcome {
        Outcome::Outage(StallReason::Store { error: StoreError::Closed })
    }

    #[test]
    fn attempts_are_counted_and_then_the_record_is_a_dead_letter() {
        let (mut progress, policy) = (Progress::default(), RetryPolicy::orders());
        for attempt in 1..=3 {
            assert_eq!(progress.attempt(), attempt);
            let next = progress.next(failed(ErrorClass::HANDLER), &policy, i64::from(attempt), 0);
            assert!(matches!(next, Next::Retry { failed, .. } if failed == attempt), "{next:?}");
        }
        let Next::DeadLetter(history) = progress.next(failed(ErrorClass::PANIC), &policy, 9, 0) else {
            panic!("no attempt is left")
        };
        assert_eq!((history.attempts, history.first_ms, history.last_ms), (4, 1, 9));
        assert_eq!((history.class, history.error.as_str()), (ErrorClass::PANIC, "no stock"));
    }

    #[test]
    fn outages_and_conflicts_spend_no_attempt() {
        let (mut progress, policy) = (Progress::default(), RetryPolicy::never());
        for _ in 0..50 {
            let next = progress.next(outage(), &policy, 0, 0);
            assert!(matches!(next, Next::Again { stalled: Some(_), wait } if wait <= Duration::from_secs(6)));
            let next = progress.next(conflict(), &policy, 0, 0);
            assert!(matches!(next, Next::Again { stalled: None, wait } if wait <= Duration::from_millis(200)));
        }
        assert_eq!(progress.attempt(), 1);
    }

    #[test]
    fn endless_conflicts_are_a_failure() {
        let (mut progress, policy) = (Progress::default(), RetryPolicy::never());
        for _ in 0..MAX_CONFLICTS {
            assert!(matches!(progress.next(conflict(), &policy, 0, 0), Next::Again { .. }));
        }
        let next = progress.next(conflict(), &policy, 0, 0);
        assert!(matches!(next, Next::DeadLetter(history) if history.class == ErrorClass::CONFLICT));
    }

    #[test]
    fn the_hopeless_go_at_once_whatever_their_class_is_called() {
        let (mut progress, policy) = (Progress::default(), RetryPolicy::orders());
        let outcome = Outcome::Hopeless { class: "invalid-schema".into(), error: "no customer".to_owned() };
        let Next::DeadLetter(history) = progress.next(outcome, &policy, 5, 0) else { panic!("not retried") };
        assert_eq!((history.attempts, history.first_ms), (1, 5));
    }
}
