//! The state of one assigned partition. Pure: it decides what is given, held and committed, and touches nothing.

use std::{sync::Arc, time::Duration};

use ottla_kafka_core::TopicPartition;
use tokio::time::Instant;

use super::{
    concurrency::Concurrency,
    health::{StallReason, StalledPartition},
    lane::{Delivery, Lane},
    ports::{AssignedPartition, SourceRecords},
    waits::Waits,
};
use crate::{
    ledger::{Ledger, LedgerViolation},
    offsets::OffsetTracker,
    settlement::{Pending, Settled},
};

/// So many times what may be in flight may stand between the commit and the position, where records overtake each other.
const UNCOMMITTABLE_FACTOR: usize = 10;

/// Why a whole partition cannot go on.
#[derive(Clone, Debug)]
pub(super) enum Hold {
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
    /// Records that wait for something.
    waits: Waits,
    /// One record that waits holds all others.
    one_at_a_time: bool,
    /// More is in flight than may be, and not yet less than half of it.
    full: bool,
    /// What the consumer was last told.
    paused: bool,
    max_in_flight: usize,
    /// Since when the lowest record in hand is the lowest.
    waiting_since: Option<Instant>,
}

impl AssignedState {
    pub(super) fn new(
        assigned: &AssignedPartition,
        lane: Option<Lane>,
        concurrency: Concurrency,
        max_in_flight: usize,
    ) -> Self {
        Self {
            topic_partition: assigned.topic_partition.clone(),
            lane,
            tracker: OffsetTracker::new(assigned.position, assigned.committed),
            ledger: Ledger::default(),
            high_watermark: None,
            hold: None,
            waits: Waits::default(),
            one_at_a_time: concurrency.holds_partition(),
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
        self.full |= self.fills(1);
        deliveries
    }

    /// Notes the log's end, which no fetch tells while the partition is paused.
    pub(super) fn saw_end(&mut self, end: i64) {
        self.high_watermark = self.high_watermark.max(Some(end));
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

    /// Takes a proof, and says whether its record stood still. A proof of a record that is not in flight goes into the
    /// books all the same: they no longer add up then, which the next commit finds.
    pub(super) fn settle(&mut self, settled: &Settled) -> bool {
        let lowest = self.tracker.commit_offset();
        self.tracker.settle(settled);
        self.ledger.settle(settled);
        if self.tracker.commit_offset() != lowest {
            self.waiting_since = (self.tracker.in_flight() > 0).then(Instant::now);
        }
        self.full &= self.fills(2);
        self.waits.settled(settled.offset())
    }

    /// Whether `times` what is in hand is more than may be.
    fn fills(&self, times: usize) -> bool {
        let reaches = |records: usize, bound: usize| records.saturating_mul(times) >= bound;
        let uncommittable = usize::try_from(self.tracker.uncommittable()).unwrap_or(usize::MAX);
        reaches(self.tracker.in_flight(), self.max_in_flight)
            || reaches(uncommittable, self.max_in_flight.saturating_mul(UNCOMMITTABLE_FACTOR))
    }

    /// The record waits for its next attempt. Says whether it stood still.
    pub(super) fn retrying(&mut self, offset: i64) -> bool {
        self.waits.retrying(offset)
    }

    /// The record stands still, until it is settled or is tried again.
    pub(super) fn record_stalled(&mut self, offset: i64, stalled: StalledPartition) {
        self.waits.stalled(offset, stalled);
    }

    /// Gives back what is not settled.
    pub(super) fn release(&mut self) {
        for released in self.tracker.release() {
            self.ledger.release(&released);
        }
        self.waits = Waits::default();
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

    /// Why it stands still, or the lowest of its records that does.
    pub(super) fn stalled(&self) -> Option<&StalledPartition> {
        match &self.hold {
            Some(Hold::Unread(stalled) | Hold::Broken(stalled)) => Some(stalled),
            None => self.waits.first_stalled().map(|(_, stalled)| stalled),
        }
    }

    /// The lowest of its records that stands still.
    pub(super) fn first_stalled(&self) -> Option<i64> {
        self.waits.first_stalled().map(|(offset, _)| offset)
    }

    /// The lowest record that is not settled and the reason, if it has been the lowest for `limit` and nothing is known to
    /// be wrong with it: whatever is settled behind it, no commit passes it.
    pub(super) fn stuck(&self, limit: Duration) -> Option<(i64, StallReason)> {
        let (after, offset) = (self.waiting_since?.elapsed(), self.tracker.commit_offset());
        let found = after >= limit && self.hold.is_none() && !self.waits.is_stalled(offset);
        found.then_some((offset, StallReason::Stuck { offset, after }))
    }

    pub(super) fn is_broken(&self) -> bool {
        matches!(self.hold, Some(Hold::Broken(_)))
    }

    /// Whether the consumer is to be told to pause (true) or to resume (false) the partition.
    pub(super) fn pause_change(&mut self) -> Option<bool> {
        // What cannot be read is not paused: the consumer would not try any more.
        let wanted = self.full || self.is_broken() || self.one_at_a_time && !self.waits.is_empty();
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
mod tests;
