//! Records one by one: asking for the next acknowledges the last.

use std::{collections::VecDeque, time::Duration};

use futures_util::{StreamExt, stream::FuturesOrdered};
use ottla_kafka_core::{Error, ErrorCode, TopicPartition};
use tokio::time::{Instant, sleep_until};

use crate::{
    commit::CommitAck,
    consumer::Consumer,
    event::Event,
    handle::ConsumerHandle,
    offsets::{OffsetAndMetadata, Offsets},
    owner::Outcomes,
    record::ConsumerRecord,
    records::Records,
    status::GroupState,
};

/// How often what is acknowledged is committed. Kafka: `auto.commit.interval.ms` (there 5 s, and of what was read).
const COMMIT_INTERVAL: Duration = Duration::from_secs(1);

/// A consumer's records one by one. Asking for the [`next`](Self::next) acknowledges the last; what is acknowledged is
/// committed every second, when partitions are given back, and by [`close`](Self::close). So after a crash the records
/// of the last second may come again, and none is left out.
#[derive(Debug)]
pub struct RecordReader {
    consumer: Consumer,
    handle: ConsumerHandle,
    /// Read, and not handed out yet.
    waiting: VecDeque<(ConsumerRecord, OffsetAndMetadata)>,
    /// The generation of what waits.
    generation: i32,
    /// What the record that was handed out last commits once it is acknowledged.
    handed_out: Option<(TopicPartition, OffsetAndMetadata)>,
    acknowledged: Offsets,
    /// Whether some of it is still to be committed.
    is_dirty: bool,
    commit_at: Instant,
    commits: FuturesOrdered<CommitAck>,
}

impl RecordReader {
    pub(crate) fn new(consumer: Consumer) -> Self {
        Self {
            handle: consumer.handle(),
            consumer,
            waiting: VecDeque::new(),
            generation: -1,
            handed_out: None,
            acknowledged: Offsets::new(),
            is_dirty: false,
            commit_at: Instant::now(),
            commits: FuturesOrdered::new(),
        }
    }

    /// The next record; it waits while there is none. Acknowledges the one before.
    ///
    /// # Errors
    /// As [`Consumer::recv`]; and a commit that failed, unless because its partition is another member's now, who reads
    /// those records again. Asking again goes on.
    ///
    /// # Cancel safety
    /// Safe: a record is either returned or still there. The one before is acknowledged.
    pub async fn next(&mut self) -> Result<ConsumerRecord, Error> {
        self.acknowledge();
        self.handle.touch();
        loop {
            if let Some(record) = self.take_waiting() {
                return Ok(record);
            }
            let is_due = self.is_dirty && self.commits.is_empty();
            tokio::select! {
                biased;
                Some(outcome) = self.commits.next(), if !self.commits.is_empty() => self.committed(outcome)?,
                () = sleep_until(self.commit_at), if is_due => self.commit(),
                event = self.consumer.recv() => self.event(event?),
            }
        }
    }

    /// Acknowledges the record that was handed out last, without asking for another.
    pub fn acknowledge(&mut self) {
        if let Some((topic_partition, offset)) = self.handed_out.take() {
            self.acknowledged.insert(topic_partition, offset);
            self.is_dirty = true;
        }
    }

    /// Pauses, asks and seeks. Who commits by it as well decides alone what is committed.
    pub fn handle(&self) -> ConsumerHandle {
        self.handle.clone()
    }

    /// Commits what is acknowledged, and leaves the group, unless it is a static member; within 20 s.
    ///
    /// # Errors
    /// What is acknowledged could not be committed. The consumer is closed all the same.
    ///
    /// # Cancel safety
    /// Dropping the future ends the consumer as a crash does.
    pub async fn close(mut self) -> Result<(), Error> {
        if self.is_dirty {
            self.commit();
        }
        let mut outcomes = Vec::new();
        let closed = {
            let mut commits = std::mem::take(&mut self.commits);
            let committing = async {
                while let Some(outcome) = commits.next().await {
                    outcomes.push(outcome);
                }
            };
            // The close finishes them, or ends them.
            let ((), closed) = tokio::join!(committing, self.consumer.close());
            closed
        };
        outcomes.into_iter().try_for_each(failure)?;
        closed
    }

    /// What waits, unless its partitions are wanted back or gone: then it is read again by whoever gets them.
    fn take_waiting(&mut self) -> Option<ConsumerRecord> {
        if self.waiting.is_empty() {
            return None;
        }
        let is_ours = self.handle.generation() == Some(self.generation);
        if !is_ours || self.handle.status().state == GroupState::Revoking {
            self.waiting.clear();
            return None;
        }
        if self.is_dirty && self.commits.is_empty() && self.commit_at <= Instant::now() {
            self.commit();
        }
        let (record, behind) = self.waiting.pop_front()?;
        self.handed_out = Some((record.topic_partition().clone(), behind));
        Some(record)
    }

    fn event(&mut self, event: Event) {
        match event {
            Event::Records(records) => self.received(&records),
            Event::Position { topic_partition, offset } => {
                self.acknowledged.insert(topic_partition, OffsetAndMetadata::new(offset));
                self.is_dirty = true;
            }
            Event::Revoking(guard) => {
                if self.is_dirty {
                    // The rebalance waits for it, though not for this guard any more.
                    self.commit();
                }
                self.forget(guard.partitions());
            }
            Event::Lost(lost) => self.forget(&lost),
            Event::Assigned(_) => {}
        }
    }

    fn received(&mut self, records: &Records) {
        self.generation = records.generation();
        let behind = |offset| OffsetAndMetadata::new(offset).with_leader_epoch(records.leader_epoch());
        let each = ConsumerRecord::all(records).map(|record| {
            let next = behind(record.offset().saturating_add(1));
            (record, next)
        });
        self.waiting.extend(each);
        if let Some((_, last)) = self.waiting.back_mut() {
            // It lies past transaction markers and compacted records, too.
            *last = behind(records.next_offset());
        }
    }

    fn forget(&mut self, partitions: &[TopicPartition]) {
        self.acknowledged.retain(|tp, _| !partitions.contains(tp));
        self.is_dirty &= !self.acknowledged.is_empty();
    }

    fn commit(&mut self) {
        self.is_dirty = false;
        self.commit_at = Instant::now() + COMMIT_INTERVAL;
        self.commits.push_back(self.handle.commit_async(self.acknowledged.clone()));
    }

    /// What failed is committed again with what follows.
    fn committed(&mut self, outcome: Result<Outcomes, Error>) -> Result<(), Error> {
        let failed = failure(outcome);
        self.is_dirty |= failed.is_err() && !self.acknowledged.is_empty();
        failed
    }
}

/// The first failure that somebody must know of. That a partition is another member's is no failure.
fn failure(outcome: Result<Outcomes, Error>) -> Result<(), Error> {
    for (topic_partition, outcome) in outcome? {
        match outcome {
            Ok(()) => {}
            Err(error) if error.code() == Some(ErrorCode::ILLEGAL_GENERATION) => {
                tracing::info!(%topic_partition, "not committed: the partition is another member's");
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
