//! What a run came to. Pure: evidence in, numbers out.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use uuid::Uuid;

/// What became of a posted order, as its poster saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Posted {
    /// 202: it is in the log.
    Accepted,
    /// 504 or no answer: it may be in the log.
    Unknown,
    /// It is not in the log.
    Refused,
}

/// What the store holds of an order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stored {
    /// The attempt that stored it, from 1.
    pub attempts: u32,
    /// How often its handler ran in all.
    pub handler_runs: u32,
}

/// A dead letter of this run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeadLetter {
    /// The attempts that were made.
    pub attempts: u32,
}

/// Everything that a second reader found of one run: in the log, among the dead letters and in the store.
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    /// The orders that were posted.
    pub posted: BTreeMap<Uuid, Posted>,
    /// The keys of the bad records that were written and acknowledged.
    pub poisoned: BTreeSet<String>,
    /// How often each posted order is in the log.
    pub log: BTreeMap<Uuid, u32>,
    /// Dead letters by the key of the record.
    pub dead_letters: BTreeMap<String, DeadLetter>,
    /// The posted orders that are in the store.
    pub stored: BTreeMap<Uuid, Stored>,
    /// The orders whose first attempt was made to fail.
    pub flaky: BTreeSet<Uuid>,
}

/// The numbers of one run; the last line of `--json`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// Tells this run from others on the same cluster.
    pub run_id: String,
    /// Orders that were answered with 202, and those answered with 504 that are in the log.
    pub accepted: usize,
    /// Bad records that were written to the topic.
    pub poisoned: usize,
    /// Accepted orders in the store.
    pub stored: usize,
    /// Accepted orders and bad records among the dead letters, and not in the store.
    pub dead_lettered: usize,
    /// Deliveries with more than one attempt.
    pub retried: usize,
    /// Accepted or poisoned, but neither stored nor dead-lettered.
    pub lost: usize,
    /// Order ids that are more than once in the log.
    pub duplicates: usize,
    /// Handler runs beyond one an order that `--flaky` does not explain.
    pub handler_repeats: usize,
    /// From the start of the program to this line.
    pub seconds: f64,
}

impl Summary {
    /// Counts the evidence.
    pub fn new(run_id: &str, evidence: &Evidence, seconds: f64) -> Self {
        let in_log = |id: &Uuid| evidence.log.get(id).is_some_and(|count| *count > 0);
        let accepted: BTreeSet<Uuid> = evidence
            .posted
            .iter()
            .filter(|(id, posted)| match posted {
                Posted::Accepted => true,
                Posted::Unknown => in_log(id),
                Posted::Refused => false,
            })
            .map(|(id, _)| *id)
            .collect();
        let stored = accepted.iter().filter(|id| evidence.stored.contains_key(id)).count();
        let dead = |key: &str| evidence.dead_letters.contains_key(key);
        let dead_orders =
            accepted.iter().filter(|id| !evidence.stored.contains_key(id) && dead(&id.to_string())).count();
        let dead_poison = evidence.poisoned.iter().filter(|key| dead(key)).count();
        let dead_lettered = dead_orders + dead_poison;
        let all = accepted.len() + evidence.poisoned.len();
        Self {
            run_id: run_id.to_owned(),
            accepted: accepted.len(),
            poisoned: evidence.poisoned.len(),
            stored,
            dead_lettered,
            retried: evidence.stored.values().filter(|stored| stored.attempts > 1).count()
                + evidence.dead_letters.values().filter(|letter| letter.attempts > 1).count(),
            lost: all - stored - dead_lettered,
            duplicates: evidence.log.values().filter(|count| **count > 1).count(),
            handler_repeats: evidence.handler_repeats(),
            seconds: (seconds * 1000.0).round() / 1000.0,
        }
    }

    /// Whether nothing was lost and nothing is twice in the log.
    pub fn is_clean(&self) -> bool {
        self.lost == 0 && self.duplicates == 0
    }
}

impl Evidence {
    fn handler_repeats(&self) -> usize {
        let repeats = |(id, stored): (&Uuid, &Stored)| {
            let explained = 1 + u32::from(self.flaky.contains(id));
            stored.handler_runs.saturating_sub(explained) as usize
        };
        self.stored.iter().map(repeats).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUN: &str = "r";

    fn id(n: u128) -> Uuid {
        Uuid::from_u128(n)
    }

    /// Three orders, one of them flaky, and one bad record, all as they should be.
    fn clean() -> Evidence {
        let mut evidence = Evidence::default();
        for n in 1..=3 {
            evidence.posted.insert(id(n), Posted::Accepted);
            evidence.log.insert(id(n), 1);
            evidence.stored.insert(id(n), Stored { attempts: 1, handler_runs: 1 });
        }
        evidence.flaky.insert(id(3));
        evidence.stored.insert(id(3), Stored { attempts: 2, handler_runs: 2 });
        evidence.poisoned.insert("poison-1".to_owned());
        evidence.dead_letters.insert("poison-1".to_owned(), DeadLetter { attempts: 1 });
        evidence
    }

    fn check(plant: impl FnOnce(&mut Evidence), expected: impl FnOnce(&mut Summary)) {
        let mut evidence = clean();
        plant(&mut evidence);
        let mut summary = Summary {
            run_id: RUN.to_owned(),
            accepted: 3,
            poisoned: 1,
            stored: 3,
            dead_lettered: 1,
            retried: 1,
            lost: 0,
            duplicates: 0,
            handler_repeats: 0,
            seconds: 1.5,
        };
        expected(&mut summary);
        assert_eq!(Summary::new(RUN, &evidence, 1.5), summary);
        assert_eq!(summary.stored + summary.dead_lettered + summary.lost, summary.accepted + summary.poisoned);
    }

    #[test]
    fn a_clean_run_adds_up() {
        check(|_| {}, |_| {});
    }

    #[test]
    fn a_lost_order_is_counted() {
        let lose = |evidence: &mut Evidence| {
            evidence.log.remove(&id(1));
            evidence.stored.remove(&id(1));
        };
        check(lose, |summary| {
            summary.lost = 1;
            summary.stored = 2;
        });
    }

    #[test]
    fn a_doubled_order_is_counted() {
        let double = |evidence: &mut Evidence| {
            evidence.log.insert(id(2), 2);
        };
        check(double, |summary| summary.duplicates = 1);
    }

    #[test]
    fn an_unsettled_order_is_counted() {
        let unsettle = |evidence: &mut Evidence| {
            evidence.stored.remove(&id(2));
        };
        check(unsettle, |summary| {
            summary.lost = 1;
            summary.stored = 2;
        });
    }

    #[test]
    fn an_unsettled_bad_record_is_counted() {
        check(
            |evidence| evidence.dead_letters.clear(),
            |summary| {
                summary.lost = 1;
                summary.dead_lettered = 0;
            },
        );
    }

    #[test]
    fn an_unknown_order_counts_if_it_is_in_the_log() {
        let unknown = |evidence: &mut Evidence| {
            evidence.posted.insert(id(1), Posted::Unknown);
            evidence.posted.insert(id(9), Posted::Unknown);
        };
        check(unknown, |_| {});
    }

    #[test]
    fn a_handler_that_ran_again_is_counted_unless_it_was_made_to_fail() {
        let again = |evidence: &mut Evidence| {
            evidence.stored.insert(id(1), Stored { attempts: 1, handler_runs: 3 });
        };
        check(again, |summary| summary.handler_repeats = 2);
    }

    #[test]
    fn a_dead_lettered_order_is_not_lost() {
        let reject = |evidence: &mut Evidence| {
            evidence.stored.remove(&id(2));
            evidence.dead_letters.insert(id(2).to_string(), DeadLetter { attempts: 4 });
        };
        check(reject, |summary| {
            summary.stored = 2;
            summary.dead_lettered = 2;
            summary.retried = 2;
        });
    }
}
