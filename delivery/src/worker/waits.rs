//! The records of a partition that cannot go on at the moment. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::health::{StallReason, StalledPartition};

/// The records of a partition that wait for their next attempt, and those that stand still, by offset. Bounded by what
/// is in flight.
#[derive(Debug, Default)]
pub(super) struct Waits {
    retrying: BTreeSet<i64>,
    stalled: BTreeMap<i64, StalledPartition>,
}

impl Waits {
    /// The record waits for its next attempt. If it stood still, it moves again; but a stuck one has not moved yet.
    /// Says whether it stood still.
    pub(super) fn retrying(&mut self, offset: i64) -> bool {
        let stuck = |stalled: &StalledPartition| matches!(stalled.reason, StallReason::Stuck { .. });
        if self.stalled.get(&offset).is_some_and(stuck) {
            return false;
        }
        self.retrying.insert(offset);
        self.stalled.remove(&offset).is_some()
    }

    /// The record stands still: since it first did, whatever the reason is by now.
    pub(super) fn stalled(&mut self, offset: i64, mut stalled: StalledPartition) {
        if let Some(before) = self.stalled.get(&offset) {
            stalled.since_ms = before.since_ms;
        }
        self.retrying.remove(&offset);
        self.stalled.insert(offset, stalled);
    }

    /// The record is settled. Says whether it stood still.
    pub(super) fn settled(&mut self, offset: i64) -> bool {
        self.retrying.remove(&offset);
        self.stalled.remove(&offset).is_some()
    }

    /// The lowest that stands still, which the commit waits for.
    pub(super) fn first_stalled(&self) -> Option<(i64, &StalledPartition)> {
        self.stalled.first_key_value().map(|(offset, stalled)| (*offset, stalled))
    }

    pub(super) fn is_stalled(&self, offset: i64) -> bool {
        self.stalled.contains_key(&offset)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.retrying.is_empty() && self.stalled.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use ottla_kafka_core::TopicPartition;

    use super::*;
    use crate::StoreError;

    fn since(since_ms: i64, reason: StallReason) -> StalledPartition {
        StalledPartition { topic_partition: TopicPartition::new("orders", 0), reason, since_ms }
    }

    fn outage(since_ms: i64) -> StalledPartition {
        since(since_ms, StallReason::Store { error: StoreError::Closed })
    }

    fn first(waits: &Waits) -> Option<(i64, i64)> {
        waits.first_stalled().map(|(offset, stalled)| (offset, stalled.since_ms()))
    }

    #[test]
    fn a_record_stands_still_until_it_moves_whatever_others_do() {
        let mut waits = Waits::default();
        waits.stalled(7, outage(10));
        waits.stalled(3, outage(20));
        waits.stalled(7, outage(30));
        assert!(!waits.settled(5), "it did not stand still");
        assert_eq!(first(&waits), Some((3, 20)));
        assert!(waits.settled(3));
        assert_eq!(first(&waits), Some((7, 10)), "since it first stood still");
        assert!(waits.retrying(7), "its outage is over");
        assert!(waits.first_stalled().is_none() && !waits.is_empty());
        assert!(!waits.settled(7));
        assert!(waits.is_empty());
    }

    #[test]
    fn another_attempt_of_a_stuck_record_is_no_progress() {
        let mut waits = Waits::default();
        waits.stalled(1, since(5, StallReason::Stuck { offset: 1, after: Duration::from_secs(10) }));
        assert!(!waits.retrying(1));
        assert!(waits.is_stalled(1));
        assert!(waits.settled(1) && waits.is_empty());
    }
}
