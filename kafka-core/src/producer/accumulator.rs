//! Records that wait to be sent, in batches by partition.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::Instant,
};

use super::{
    ack::{Ack, Completion},
    batch::{Batch, Contents},
    config::ProducerConfig,
    partitioner::{adaptive, by_key},
    record::ProducerRecord,
    topics::{Known, Topics},
};
use crate::{
    env::Env,
    error::Error,
    metadata::Cluster,
    record::{BatchBuilder, Compression},
    topic_partition::TopicPartition,
};

/// The producer's queues. Bounded by the memory that each record brings with it.
#[derive(Debug)]
pub(super) struct Accumulator {
    topics: Topics,
    queues: Queues,
    /// Batches whose fate is open, sent or not, oldest first: what `flush` waits for.
    outstanding: BTreeMap<u64, Arc<Completion>>,
    next_id: u64,
    /// Batches with a smaller id do not linger.
    flush_below: u64,
    closed: bool,
    batch_size: usize,
    linger: Duration,
    delivery_timeout: Duration,
    compression: Compression,
    memory: Arc<Semaphore>,
    /// Buffers of batches that are done.
    spare: Vec<Vec<u8>>,
}

/// How many buffers are kept: those of the batches that one broker has in flight, and some that fill.
const SPARE_MAX: usize = 8;

/// The partitions' queues. A partition keeps its slot as long as the producer lives.
#[derive(Debug, Default)]
struct Queues {
    slots: Vec<Queue>,
    /// The slots that have batches.
    waiting: BTreeSet<usize>,
}

#[derive(Debug)]
struct Queue {
    topic_partition: TopicPartition,
    batches: VecDeque<Batch>,
    /// How large its last batch became: the next one gets a buffer that need not grow.
    usual_size: usize,
}

/// What a record wants of a batch.
#[derive(Clone, Copy, Debug)]
struct Wanted {
    /// At most so many bytes.
    size: usize,
    compression: Compression,
}

/// A partition with batches that wait.
#[derive(Clone, Debug)]
pub(super) struct Waiting {
    pub(super) slot: usize,
    pub(super) topic_partition: TopicPartition,
    pub(super) due_at: Instant,
    pub(super) deadline: Instant,
}

/// How a record comes.
#[derive(Clone, Debug)]
pub(super) enum Form {
    /// To be written into a batch, of which it takes at most so many bytes.
    Plain(usize),
    /// As a finished batch of its own.
    Finished(Bytes),
}

/// What became of a record.
pub(super) enum Appended {
    /// It is in a batch. `news`: the sender has something new to look at.
    Taken { ack: Ack, news: bool },
    /// Its topic's partitions have to be learnt first.
    UnknownTopic,
}

impl Accumulator {
    pub(super) fn new(config: &ProducerConfig, memory: Arc<Semaphore>) -> Self {
        Self {
            topics: Topics::default(),
            queues: Queues::default(),
            outstanding: BTreeMap::new(),
            next_id: 0,
            flush_below: 0,
            closed: false,
            batch_size: config.batch_size,
            linger: config.linger,
            delivery_timeout: config.delivery_timeout,
            compression: config.compression,
            memory,
            spare: Vec::new(),
        }
    }

    /// Learns the topic's partitions from `cluster`; false if they are not known there.
    ///
    /// # Errors
    /// The producer is closed, or the topic cannot be written to.
    pub(super) fn learn(&mut self, topic: &Arc<str>, cluster: &Cluster) -> Result<bool, Error> {
        if self.closed { Err(Error::closed()) } else { self.topics.learn(topic, cluster) }
    }

    /// Takes in a later view of the cluster.
    pub(super) fn update(&mut self, cluster: &Cluster) {
        self.topics.update(cluster);
    }

    /// Puts a record into its partition's open batch, or behind it as a batch of its own, and `memory` with it.
    ///
    /// # Errors
    /// The producer is closed, or the topic has no such partition.
    pub(super) fn append(
        &mut self,
        record: &ProducerRecord,
        form: Form,
        memory: SemaphorePermit<'_>,
        env: &Env,
    ) -> Result<Appended, Error> {
        if self.closed {
            return Err(Error::closed());
        }
        let Some(topic) = self.topics.find(&record.topic) else { return Ok(Appended::UnknownTopic) };
        let (size, finished) = match form {
            Form::Plain(size) => (size, None),
            Form::Finished(batch) => (batch.len(), Some(batch)),
        };
        let wanted = Wanted { size, compression: record.compression.unwrap_or(self.compression) };
        let index = choose_partition(record, wanted, topic, &self.queues, self.batch_size, env)?;
        let slot = self.queues.slot(topic, index);
        let timestamp = record.timestamp.unwrap_or_else(|| env.now_ms());
        let Some(queue) = self.queues.slots.get_mut(slot) else { return Err(Error::closed()) };
        let joins = finished.is_none() && queue.has_room(wanted, self.batch_size);
        if !joins {
            let created = Instant::now();
            let contents = match finished {
                Some(bytes) => Contents::Encoded { bytes, stamp: None, count: 1 },
                None => {
                    let fresh = || BatchBuilder::with_capacity(queue.usual_size.max(size));
                    let builder = self.spare.pop().map_or_else(fresh, BatchBuilder::reusing);
                    Contents::Open { builder, compression: wanted.compression }
                }
            };
            let times = (created, created + self.delivery_timeout);
            let batch = Batch::new(self.next_id, queue.topic_partition.clone(), contents, times, &self.memory);
            self.outstanding.insert(self.next_id, Arc::clone(batch.promise.completion()));
            self.next_id = self.next_id.saturating_add(1);
            queue.batches.push_back(batch);
            self.queues.waiting.insert(slot);
        }
        let Some(batch) = queue.batches.back_mut() else { return Err(Error::closed()) };
        batch.hold(memory);
        let index = batch.builder().map_or(0, |builder| builder.count());
        let ack = Ack::new(&batch.promise, index, timestamp);
        if let Some(builder) = batch.builder() {
            builder.push(timestamp, record.key.as_deref(), record.value.as_deref(), &record.headers);
        }
        Ok(Appended::Taken { ack, news: !joins || batch.size() >= self.batch_size })
    }

    /// The partitions that have batches waiting, and when the first batch of each is due: at once if it is full, is
    /// flushed, or when senders wait for its memory.
    pub(super) fn waiting(&self, short_of_memory: bool) -> Vec<Waiting> {
        let slots = self.queues.waiting.iter().filter_map(|slot| Some((*slot, self.queues.slots.get(*slot)?)));
        slots
            .filter_map(|(slot, queue)| {
                let deadline = queue.batches.front()?.deadline;
                let due_at = self.due_at(queue, short_of_memory)?;
                Some(Waiting { slot, topic_partition: queue.topic_partition.clone(), due_at, deadline })
            })
            .collect()
    }

    fn due_at(&self, queue: &Queue, short_of_memory: bool) -> Option<Instant> {
        let first = queue.batches.front()?;
        let at_once = queue.batches.len() > 1
            || first.size() >= self.batch_size
            || first.id < self.flush_below
            || self.closed
            || short_of_memory;
        Some(if at_once { first.created } else { first.created + self.linger })
    }

    /// The size in bytes of the first batch of `slot`.
    pub(super) fn first_size(&self, slot: usize) -> usize {
        self.queues.slots.get(slot).and_then(|queue| queue.batches.front()).map_or(0, Batch::size)
    }

    /// Takes the first batch of `slot`.
    pub(super) fn take(&mut self, slot: usize) -> Option<Batch> {
        let queue = self.queues.slots.get_mut(slot)?;
        let batch = queue.batches.pop_front()?;
        queue.usual_size = batch.size().min(self.batch_size);
        if queue.batches.is_empty() {
            self.queues.waiting.remove(&slot);
        }
        Some(batch)
    }

    /// Takes the batches that waited too long to be sent at all.
    pub(super) fn take_expired(&mut self, now: Instant) -> Vec<Batch> {
        self.queues.take_while(|batch| batch.deadline <= now)
    }

    /// Takes every batch that waits.
    pub(super) fn take_all(&mut self) -> Vec<Batch> {
        self.queues.take_while(|_| true)
    }

    /// A batch's fate is known.
    pub(super) fn done(&mut self, id: u64) {
        self.outstanding.remove(&id);
    }

    /// Keeps a buffer for the next batch: fresh memory costs more than what is written to it.
    pub(super) fn recycle(&mut self, buffer: Vec<u8>) {
        let like_a_batch = self.batch_size / 2..=self.batch_size.saturating_mul(2);
        if self.spare.len() < SPARE_MAX && like_a_batch.contains(&buffer.capacity()) {
            self.spare.push(buffer);
        }
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

impl Queues {
    /// The slot of the topic's partition `index`; its first record makes one.
    fn slot(&mut self, topic: &mut Known, index: usize) -> usize {
        let free = self.slots.len();
        let Some(place) = topic.partitions.get_mut(index) else { return free };
        *place.slot.get_or_insert_with(|| {
            let topic_partition =
                TopicPartition::new(Arc::clone(&topic.name), i32::try_from(index).unwrap_or(i32::MAX));
            self.slots.push(Queue { topic_partition, batches: VecDeque::new(), usual_size: 0 });
            free
        })
    }

    /// Takes the first batches of each queue that are as `wanted`.
    fn take_while(&mut self, wanted: impl Fn(&Batch) -> bool) -> Vec<Batch> {
        let mut taken = Vec::new();
        self.waiting.retain(|slot| {
            let Some(queue) = self.slots.get_mut(*slot) else { return false };
            while queue.batches.front().is_some_and(&wanted) {
                taken.extend(queue.batches.pop_front());
            }
            !queue.batches.is_empty()
        });
        taken
    }
}

impl Queue {
    /// Whether the last batch takes one more record.
    fn has_room(&self, Wanted { size, compression }: Wanted, batch_size: usize) -> bool {
        let fits = |batch: &Batch| batch.size().saturating_add(size) <= batch_size;
        self.batches.back().is_some_and(|batch| batch.is_open_to(compression) && fits(batch))
    }
}

/// The index of the partition that `record` goes to.
fn choose_partition(
    record: &ProducerRecord,
    wanted: Wanted,
    topic: &mut Known,
    queues: &Queues,
    batch_size: usize,
    env: &Env,
) -> Result<usize, Error> {
    let count = topic.partitions.len();
    let chosen = match (record.partition, &record.key) {
        (Some(partition), _) => partition,
        (None, Some(key)) => by_key(key, count),
        (None, None) => return Ok(stick(wanted, topic, queues, batch_size, env)),
    };
    let index = usize::try_from(chosen).ok().filter(|index| *index < count);
    index.ok_or_else(|| Error::invalid(format!("{} has no partition {chosen}: it has {count}", record.topic)))
}

fn stick(wanted: Wanted, topic: &mut Known, queues: &Queues, batch_size: usize, env: &Env) -> usize {
    let queue = |slot: Option<usize>| slot.and_then(|slot| queues.slots.get(slot));
    let current = topic.sticky.current().and_then(|index| topic.partitions.get(index));
    let has_room = current.and_then(|place| queue(place.slot)).is_some_and(|queue| queue.has_room(wanted, batch_size));
    if current.is_none() || topic.sticky.is_over(wanted.size, batch_size, has_room) {
        let waits = |slot| queue(slot).map_or(0, |queue: &Queue| queue.batches.len());
        let waiting: Vec<Option<usize>> =
            topic.partitions.iter().map(|place| place.has_leader.then(|| waits(place.slot))).collect();
        topic.sticky.switch(adaptive(&waiting, env.random_u64()));
    }
    topic.sticky.count(wanted.size);
    topic.sticky.current().unwrap_or(0)
}
