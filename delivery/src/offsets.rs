//! Which offset of a partition may be committed.

use std::collections::BTreeMap;

use crate::settlement::{Released, Settled};

/// The offsets of one partition that were delivered and are not settled, and the position behind all of them.
///
/// Only offsets that were really delivered are held, never a range: what compaction removed and what a transaction
/// marker occupies can block nothing.
#[derive(Debug)]
pub(crate) struct OffsetTracker {
    /// Each with its number among all that were delivered.
    unsettled: BTreeMap<i64, u64>,
    delivered: u64,
    /// The offset after the last one that was delivered or passed.
    position: i64,
    committed: Option<i64>,
    settled_since_commit: usize,
}

impl OffsetTracker {
    /// Starts at `position`; `committed` is what the group holds, if it holds anything.
    pub(crate) fn new(position: i64, committed: Option<i64>) -> Self {
        Self { unsettled: BTreeMap::new(), delivered: 0, position, committed, settled_since_commit: 0 }
    }

    /// Notes a delivery. False if the offset is behind the position: it was delivered before, and again is once too
    /// often.
    pub(crate) fn deliver(&mut self, offset: i64) -> bool {
        if offset < self.position {
            return false;
        }
        self.position = offset.saturating_add(1);
        let number = self.delivered;
        self.delivered = number.saturating_add(1);
        self.unsettled.insert(offset, number).is_none()
    }

    /// Notes that nothing more comes before `position`.
    pub(crate) fn advance(&mut self, position: i64) {
        self.position = self.position.max(position);
    }

    /// Takes a proof. False if this record is not in flight here.
    pub(crate) fn settle(&mut self, settled: &Settled) -> bool {
        let known = self.unsettled.remove(&settled.offset()).is_some();
        self.settled_since_commit = self.settled_since_commit.saturating_add(usize::from(known));
        known
    }

    /// Takes back all that is not settled. The position falls to the first of it, so that nothing at or after it can
    /// be committed.
    pub(crate) fn release(&mut self) -> Vec<Released> {
        self.position = self.commit_offset();
        std::mem::take(&mut self.unsettled).into_keys().map(Released::new).collect()
    }

    /// The lowest offset that is not settled, otherwise the position: everything before it is settled.
    pub(crate) fn commit_offset(&self) -> i64 {
        self.unsettled.first_key_value().map_or(self.position, |(first, _)| self.position.min(*first))
    }

    /// What a commit would write, if it would change anything.
    pub(crate) fn uncommitted(&self) -> Option<i64> {
        let offset = self.commit_offset();
        // Without any commit the start position is worth one: the group's lag is known from then on.
        self.committed.is_none_or(|committed| committed < offset).then_some(offset)
    }

    /// Notes that a commit of everything settled until now is on its way.
    pub(crate) fn committing(&mut self) {
        self.settled_since_commit = 0;
    }

    /// Notes that the group holds `offset`.
    pub(crate) fn committed(&mut self, offset: i64) {
        self.committed = Some(offset);
    }

    /// Settlements since the last commit was started.
    pub(crate) fn settled_since_commit(&self) -> usize {
        self.settled_since_commit
    }

    /// Records that would be delivered again if everything ended now: those from the lowest that is not settled on.
    pub(crate) fn uncommittable(&self) -> u64 {
        self.unsettled.first_key_value().map_or(0, |(_, number)| self.delivered.saturating_sub(*number))
    }

    /// Records that are delivered and not settled.
    pub(crate) fn in_flight(&self) -> usize {
        self.unsettled.len()
    }
}

#[cfg(test)]
mod tests {
    use ottla_kafka_core::TopicPartition;
    use proptest::prelude::*;

    use super::*;
    use crate::settlement::Pending;

    fn pending(offset: i64) -> Pending {
        Pending::new(TopicPartition::new("orders", 0), offset)
    }

    /// Delivers `delivered` from offset 0, settles `settled`, advances to `position`.
    fn check(delivered: &[i64], settled: &[i64], position: i64, commit: i64) {
        let mut tracker = OffsetTracker::new(0, Some(0));
        for offset in delivered {
            assert!(tracker.deliver(*offset));
        }
        tracker.advance(position);
        for offset in settled {
            assert!(tracker.settle(&pending(*offset).handled()));
        }
        assert_eq!(tracker.commit_offset(), commit, "{delivered:?} − {settled:?}");
        assert_eq!(tracker.uncommitted(), (commit > 0).then_some(commit));
    }

    #[test]
    fn the_lowest_unsettled_offset_is_committed() {
        check(&[], &[], 0, 0);
        check(&[0, 1, 2], &[], 3, 0);
        check(&[0, 1, 2], &[0], 3, 1);
        check(&[0, 1, 2], &[1, 2], 3, 0);
        check(&[0, 1, 2], &[2, 0, 1], 3, 3);
    }

    #[test]
    fn gaps_never_block() {
        // Compaction left 0, 5 and 9; a transaction marker stands at 10 to 12.
        check(&[0, 5, 9], &[0], 10, 5);
        check(&[0, 5, 9], &[0, 5, 9], 10, 10);
        check(&[0, 5, 9], &[0, 5, 9], 13, 13);
        check(&[], &[], 7, 7);
    }

    #[test]
    fn an_offset_is_delivered_and_settled_once() {
        let mut tracker = OffsetTracker::new(5, None);
        assert!(!tracker.deliver(4), "behind the position");
        assert!(tracker.deliver(5));
        assert!(!tracker.deliver(5));
        assert!(tracker.settle(&pending(5).handled()));
        assert!(!tracker.settle(&pending(5).handled()));
        assert!(!tracker.settle(&pending(6).handled()), "never delivered");
        assert_eq!((tracker.in_flight(), tracker.settled_since_commit()), (0, 1));
    }

    #[test]
    fn nothing_at_or_after_a_released_record_is_committed() {
        let mut tracker = OffsetTracker::new(0, None);
        for offset in [0, 1, 2, 3] {
            tracker.deliver(offset);
        }
        assert!(tracker.settle(&pending(0).handled()) && tracker.settle(&pending(3).handled()));
        let released: Vec<_> = tracker.release().iter().map(Released::offset).collect();
        assert_eq!(released, [1, 2]);
        assert_eq!((tracker.commit_offset(), tracker.in_flight()), (1, 0));
    }

    #[test]
    fn what_was_settled_ahead_of_a_slow_record_is_counted_until_that_is_settled() {
        let mut tracker = OffsetTracker::new(0, None);
        for offset in [0, 2, 4, 6, 8] {
            tracker.deliver(offset);
        }
        assert_eq!(tracker.uncommittable(), 5);
        for (offset, left) in [(4, 5), (2, 5), (0, 2), (8, 2), (6, 0)] {
            assert!(tracker.settle(&pending(offset).handled()));
            assert_eq!(tracker.uncommittable(), left, "after {offset}");
        }
    }

    #[test]
    fn the_first_position_is_committed_and_then_only_progress() {
        let mut tracker = OffsetTracker::new(5, None);
        assert_eq!(tracker.uncommitted(), Some(5));
        tracker.committed(5);
        assert_eq!(tracker.uncommitted(), None);
        tracker.advance(6);
        assert_eq!(tracker.uncommitted(), Some(6));
    }

    proptest! {
        /// Whatever is delivered and in whatever order it settles: a commit never passes an unsettled record, and is
        /// never lower than it must be.
        #[test]
        fn a_commit_never_passes_an_unsettled_record(
            gaps in prop::collection::vec(0_i64..4, 1..60),
            order in prop::collection::vec(any::<prop::sample::Index>(), 0..60),
        ) {
            let mut tracker = OffsetTracker::new(0, None);
            let mut unsettled = Vec::new();
            let mut position = 0;
            for gap in gaps {
                position += gap;
                prop_assert!(tracker.deliver(position));
                unsettled.push(position);
                position += 1;
            }
            for index in order {
                if unsettled.is_empty() {
                    break;
                }
                let offset = unsettled.remove(index.index(unsettled.len()));
                prop_assert!(tracker.settle(&pending(offset).handled()));
                prop_assert_eq!(tracker.commit_offset(), unsettled.first().copied().unwrap_or(position));
            }
        }
    }
}
