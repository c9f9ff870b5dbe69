//! Records that wait to be sent, in batches by partition.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use tokio::{sync::OwnedSemaphorePermit, time::Instant};

use super::{
    ack::{Ack, Completion},
    batch::Batch,
    partitioner::{Sticky, by_key},
    record::ProducerRecord,
};
use crate::{env::Env, error::Error, record::BatchBuilder, topic_partition::TopicPartition};

/// The producer's queues. Bounded by the memory that each record brings with it.
#[derive(Debug)]
pub(super) struct Accumulator {
    queues: BTreeMap<TopicPartition, VecDeque<Batch>>,
    sticky: Sticky,
    /// Batches whose fate is open, sent or not, oldest first: what `flush` waits for.
    outstanding: BTreeMap<u64, Arc<Completion>>,
    next_id: u64,
    /// Batches with a smaller id do not linger.
    flush_below: u64,
    closed: bool,
    batch_size: usize,
    linger: Duration,
    delivery_timeout: Duration,
}

impl Accumulator {
    pub(super) fn new(batch_size: usize, linger: Duration, delivery_timeout: Duration) -> Self {
        Self {
            queues: BTreeMap::new(),
            sticky: Sticky::default(),
            outstanding: BTreeMap::new(),
            next_id: 0,
            flush_below: 0,
            closed: false,
            batch_size,
            linger,
            delivery_timeout,
        }
    }

    /// Puts a record into its partition's open batch. True if the sender has something new to look at.
    pub(super) fn append(
        &mut self,
        record: &ProducerRecord,
        partitions: usize,
        memory: OwnedSemaphorePermit,
        env: &Env,
    ) -> Result<(Ack, bool), Error> {
        if self.closed {
            return Err(Error::closed());
        }
        let (key, value) = (record.key.as_deref(), record.value.as_deref());
        let size = BatchBuilder::estimate(key, value, &record.headers);
        let partition = match (record.partition, key) {
            (Some(partition), _) => partition,
            (None, Some(key)) => by_key(key, partitions),
            (None, None) => self.sticky.partition(&record.topic, partitions, size, self.batch_size, env),
        };
        let topic_partition = TopicPartition::new(Arc::clone(&record.topic), partition);
        let timestamp = record.timestamp.unwrap_or_else(|| env.now_ms());
        let queue = self.queues.entry(topic_partition.clone()).or_default();
        let room =
            |batch: &mut Batch| batch.size().saturating_add(size) <= self.batch_size && batch.builder().is_some();
        let joins = queue.back_mut().is_some_and(room);
        if joins {
            if let Some(batch) = queue.back_mut() {
                batch.hold(memory);
            }
        } else {
            let created = Instant::now();
            let builder = BatchBuilder::with_capacity(size);
            let deadline = created + self.delivery_timeout;
            let batch = Batch::new(self.next_id, topic_partition.clone(), builder, created, deadline, memory);
            self.outstanding.insert(self.next_id, Arc::clone(batch.promise.completion()));
            self.next_id = self.next_id.saturating_add(1);
            queue.push_back(batch);
        }
        let Some(batch) = queue.back_mut() else { return Err(Error::closed()) };
        let index = i64::from(batch.count());
        let ack = Ack::new(&batch.promise, topic_partition, index, timestamp);
        if let Some(builder) = batch.builder() {
            builder.push(timestamp, key, value, &record.headers);
        }
        let full = batch.size() >= self.batch_size;
        Ok((ack, !joins || full))
    }

    /// The partitions that have batches waiting.
    pub(super) fn partitions(&self) -> Vec<TopicPartition> {
        self.queues.iter().filter(|(_, queue)| !queue.is_empty()).map(|(partition, _)| partition.clone()).collect()
    }

    /// When the partition's first batch is due; `None` if there is none. A batch is due when it is full, has
    /// lingered, is flushed, or when senders wait for its memory.
    pub(super) fn due_at(&self, topic_partition: &TopicPartition, short_of_memory: bool) -> Option<Instant> {
        let queue = self.queues.get(topic_partition)?;
        let first = queue.front()?;
        let at_once = queue.len() > 1
            || first.size() >= self.batch_size
            || first.id < self.flush_below
            || self.closed
            || short_of_memory;
        Some(if at_once { first.created } else { first.created + self.linger })
    }

    /// The size in bytes of the partition's first batch.
    pub(super) fn first_size(&self, topic_partition: &TopicPartition) -> usize {
        self.queues.get(topic_partition).and_then(VecDeque::front).map_or(0, Batch::size)
    }

    /// Takes the partition's first batch.
    pub(super) fn take(&mut self, topic_partition: &TopicPartition) -> Option<Batch> {
        let queue = self.queues.get_mut(topic_partition)?;
        let batch = queue.pop_front();
        if queue.is_empty() {
            self.queues.remove(topic_partition);
        }
        batch
    }

    /// Takes the batches that waited too long to be sent at all.
    pub(super) fn take_expired(&mut self, now: Instant) -> Vec<Batch> {
        let mut expired = Vec::new();
        self.queues.retain(|_, queue| {
            while queue.front().is_some_and(|batch| batch.deadline <= now) {
                expired.extend(queue.pop_front());
            }
            !queue.is_empty()
        });
        expired
    }

    /// Takes every batch that waits.
    pub(super) fn take_all(&mut self) -> Vec<Batch> {
        std::mem::take(&mut self.queues).into_values().flatten().collect()
    }

    /// The earliest deadline of a batch that waits.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.queues.values().filter_map(|queue| queue.front()).map(|batch| batch.deadline).min()
    }

    /// A batch's fate is known.
    pub(super) fn done(&mut self, id: u64) {
        self.outstanding.remove(&id);
    }

    /// Whether nothing waits and nothing is in flight.
    pub(super) fn is_drained(&self) -> bool {
        self.outstanding.is_empty()
    }

    /// Lets all that is here go at once; what `flush` waits for.
    pub(super) fn flush(&mut self) -> Vec<Arc<Completion>> {
        self.flush_below = self.next_id;
        self.outstanding.values().map(Arc::clone).collect()
    }

    /// Takes no more records; the rest goes at once.
    pub(super) fn close(&mut self) {
        self.closed = true;
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed
    }
}
