//! The state of one assigned partition. Pure: it decides what is given, held and committed, and touches nothing.

use std::{sync::Arc, time::Duration};

use ottla_kafka_core::TopicPartition;
use tokio::time::Instant;

use super::{
    health::{StallReason, StalledPartition},
    lane::{Delivery, Lane},
    ports::{AssignedPartition, SourceRecords},
};
use crate::{
    ledger::{Ledger, LedgerViolation},
    offsets::OffsetTracker,
    settlement::{Pending, Settled},
};

/// Why a partition is not fetched although there is room.
#[derive(Clone, Debug)]
pub(super) enum Hold {
    /// Its first record waits for its next attempt.
    Retrying,
    /// It stands still, until something is settled in it.
    Stalled(StalledPartition),
    /// The consumer cannot read it on, and tries. What was read before goes on.
    Unread(StalledPartition),
    /// It stands still for good.
    Broken(StalledPartition),
}

/// One partition of a worker.
#[derive(Debug)]
pub(super) struct AssignedState {
    topic_partition: TopicPartition,
    pub(super) lane: Option<Lane>,
    tracker: OffsetTracker,
    ledger: Ledger,
    high_watermark: Option<i64>,
    hold: Option<Hold>,
    /// More is in flight than may be, and not yet less than half of it.
    full: bool,
    /// What the consumer was last told.
    paused: bool,
    max_in_flight: usize,
    /// Since when records are in hand of which none was settled.
    waiting_since: Option<Instant>,
}

impl AssignedState {
    pub(super) fn new(assigned: &AssignedPartition, lane: Option<Lane>, max_in_flight: usize) -> Self {
        Self {
            topic_partition: assigned.topic_partition.clone(),
            lane,
            tracker: OffsetTracker::new(assigned.position, assigned.committed),
            ledger: Ledger::default(),
            high_watermark: None,
            hold: None,
            full: false,
            paused: false,
            max_in_flight,
            waiting_since: None,
        }
    }

    pub(super) fn lane_id(&self) -> Option<u64> {
        self.lane.as_ref().map(|lane| lane.id)
    }

    /// Takes fetched records. What is behind the position was delivered before and is left out; a broken partition
    /// takes nothing, so that nothing of it can be passed by a commit.
    pub(super) fn deliver(&mut self, records: SourceRecords) -> Vec<Delivery> {
        if self.is_broken() {
            return Vec::new();
        }
        let mut deliveries = Vec::with_capacity(records.records.len());
        for record in records.records {
            if self.tracker.deliver(record.offset()) {
                self.ledger.deliver();
                let pending = Pending::new(self.topic_partition.clone(), record.offset());
                deliveries.push(Delivery { pending, record: Arc::new(record) });
            }
        }
        if !deliveries.is_empty() {
            self.waiting_since.get_or_insert_with(Instant::now);
        }
        self.advance(records.next_offset);
        self.high_watermark = Some(records.high_watermark);
        self.full |= self.tracker.in_flight() >= self.max_in_flight;
        deliveries
    }

    /// Passes offsets without records.
    pub(super) fn advance(&mut self, position: i64) {
        if !self.is_broken() {
            self.tracker.advance(position);
        }
        if matches!(self.hold, Some(Hold::Unread(_))) {
            self.hold = None;
        }
    }

    /// Takes a proof. A proof of a record that is not in flight goes into the books all the same: they no longer add
    /// up then, which the next commit finds.
    pub(super) fn settle(&mut self, settled: &Settled) {
        self.tracker.settle(settled);
        self.ledger.settle(settled);
        self.waiting_since = (self.tracker.in_flight() > 0).then(Instant::now);
        if matches!(self.hold, Some(Hold::Retrying | Hold::Stalled(_))) {
            self.hold = None;
        }
        self.full &= self.tracker.in_flight().saturating_mul(2) >= self.max_in_flight;
    }

    /// Gives back what is not settled.
    pub(super) fn release(&mut self) {
        for released in self.tracker.release() {
            self.ledger.release(&released);
        }
    }

    /// The offset to commit, if there is progress. Checks the books first.
    pub(super) fn commit_point(&mut self) -> Result<Option<i64>, LedgerViolation> {
        if matches!(&self.hold, Some(Hold::Broken(StalledPartition { reason: StallReason::Ledger { .. }, .. }))) {
            return Ok(None);
        }
        self.ledger.check(self.tracker.in_flight() as u64)?;
        self.tracker.committing();
        Ok(self.tracker.uncommitted())
    }

    pub(super) fn committed(&mut self, offset: i64) {
        self.tracker.committed(offset);
    }

    pub(super) fn settled_since_commit(&self) -> usize {
        self.tracker.settled_since_commit()
    }

    /// Everything that was delivered is settled and committed.
    pub(super) fn is_clean(&self) -> bool {
        self.tracker.in_flight() == 0 && self.tracker.uncommitted().is_none() && self.ledger.released() == 0
    }

    /// Holds the partition, unless it is broken already: then the first reason stays.
    pub(super) fn hold(&mut self, hold: Hold) {
        if !self.is_broken() {
            self.hold = Some(hold);
        }
    }

    pub(super) fn stalled(&self) -> Option<&StalledPartition> {
        match &self.hold {
            Some(Hold::Stalled(stalled) | Hold::Unread(stalled) | Hold::Broken(stalled)) => Some(stalled),
            Some(Hold::Retrying) | None => None,
        }
    }

    /// The reason, if nothing was settled for `limit` although records are in hand, and nothing else is known to be
    /// wrong.
    pub(super) fn stuck(&self, limit: Duration) -> Option<StallReason> {
        let after = self.waiting_since?.elapsed();
        let found = after >= limit && self.tracker.in_flight() > 0 && self.stalled().is_none();
        found.then(|| StallReason::Stuck { offset: self.tracker.commit_offset(), after })
    }

    /// Whether it is known to be stuck: another attempt at the same record is no progress.
    pub(super) fn is_stuck(&self) -> bool {
        self.stalled().is_some_and(|stalled| matches!(stalled.reason, StallReason::Stuck { .. }))
    }

    fn is_broken(&self) -> bool {
        matches!(self.hold, Some(Hold::Broken(_)))
    }

    /// Whether the consumer is to be told to pause (true) or to resume (false) the partition.
    pub(super) fn pause_change(&mut self) -> Option<bool> {
        // What cannot be read is not paused: the consumer would not try any more.
        let wanted = self.full || self.hold.as_ref().is_some_and(|hold| !matches!(hold, Hold::Unread(_)));
        (wanted != self.paused).then(|| {
            self.paused = wanted;
            wanted
        })
    }

    /// Whether the consumer was told to pause it.
    pub(super) fn is_paused(&self) -> bool {
        self.paused
    }

    /// Records between the committable offset and the log's end.
    pub(super) fn lag(&self) -> Option<i64> {
        self.high_watermark.map(|end| end.saturating_sub(self.tracker.commit_offset()).max(0))
    }

    pub(super) fn ledger(&self) -> &Ledger {
        &self.ledger
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::DeliveryRecord;

    fn orders() -> TopicPartition {
        TopicPartition::new("orders", 0)
    }

    fn partition(max_in_flight: usize) -> AssignedState {
        let assigned = AssignedPartition { topic_partition: orders(), position: 0, committed: Some(0) };
        AssignedState::new(&assigned, None, max_in_flight)
    }

    fn records(offsets: std::ops::Range<i64>) -> SourceRecords {
        let next_offset = offsets.end;
        let records = offsets.map(|offset| DeliveryRecord::new(orders(), offset, 0)).collect();
        SourceRecords { topic_partition: orders(), records, next_offset, high_watermark: 100 }
    }

    fn broken() -> Hold {
        Hold::Broken(StalledPartition { topic_partition: orders(), reason: StallReason::TaskEnded, since_ms: 0 })
    }

    #[test]
    fn it_is_paused_at_the_bound_and_resumed_below_half_of_it() {
        let mut partition = partition(4);
        let deliveries = partition.deliver(records(0..4));
        let changes: Vec<_> = std::iter::once(partition.pause_change())
            .chain(deliveries.into_iter().map(|delivery| {
                partition.settle(&delivery.pending.handled());
                partition.pause_change()
            }))
            .collect();
        // In flight: 4 (paused), 3, 2, 1 (resumed), 0.
        assert_eq!(changes, [Some(true), None, None, Some(false), None]);
    }

    #[test]
    fn a_settlement_ends_a_hold_but_not_a_broken_partition() {
        let mut partition = partition(10);
        let mut deliveries = partition.deliver(records(0..3)).into_iter();
        partition.hold(Hold::Retrying);
        assert_eq!(partition.pause_change(), Some(true));
        partition.settle(&deliveries.next().expect("a delivery").pending.handled());
        assert_eq!(partition.pause_change(), Some(false));
        partition.hold(broken());
        partition.hold(Hold::Retrying);
        partition.settle(&deliveries.next().expect("a delivery").pending.handled());
        assert_eq!(partition.pause_change(), Some(true));
        assert!(partition.stalled().is_some());
    }

    #[test]
    fn an_unreadable_partition_moves_again_when_it_is_read() {
        let mut partition = partition(10);
        let mut deliveries = partition.deliver(records(0..1)).into_iter();
        let reason = StallReason::Consumer { error: ottla_kafka_core::Error::closed() };
        partition.hold(Hold::Unread(StalledPartition { topic_partition: orders(), reason, since_ms: 0 }));
        assert_eq!(partition.pause_change(), None);
        partition.settle(&deliveries.next().expect("a delivery").pending.handled());
        assert!(partition.stalled().is_some(), "what was read before says nothing about what comes");
        partition.advance(5);
        assert!(partition.stalled().is_none());
    }

    #[test]
    fn a_broken_partition_takes_nothing_and_passes_nothing() {
        let mut partition = partition(10);
        partition.hold(broken());
        assert!(partition.deliver(records(0..3)).is_empty());
        partition.advance(7);
        assert_eq!(partition.commit_point(), Ok(None));
    }

    #[test]
    fn a_record_is_delivered_once() {
        let mut partition = partition(10);
        assert_eq!(partition.deliver(records(0..3)).len(), 3);
        assert_eq!(partition.deliver(records(1..5)).len(), 2);
    }

    #[test]
    fn books_that_do_not_add_up_stop_commits() {
        let mut partition = partition(10);
        for delivery in partition.deliver(records(0..2)) {
            partition.settle(&delivery.pending.handled());
        }
        assert_eq!(partition.commit_point(), Ok(Some(2)));
        partition.settle(&Pending::new(orders(), 1).handled());
        let violation = partition.commit_point().expect_err("settled twice");
        let reason = StallReason::Ledger { violation };
        partition.hold(Hold::Broken(StalledPartition { topic_partition: orders(), reason, since_ms: 0 }));
        assert_eq!(partition.commit_point(), Ok(None));
    }

    #[test]
    fn what_is_released_is_in_the_books_and_not_in_the_commit() {
        let mut partition = partition(10);
        let mut deliveries = partition.deliver(records(0..3)).into_iter();
        partition.settle(&deliveries.next().expect("a delivery").pending.handled());
        partition.release();
        assert_eq!((partition.ledger().released(), partition.lag()), (2, Some(99)));
        assert_eq!(partition.commit_point(), Ok(Some(1)));
        assert!(!partition.is_clean());
    }
}
