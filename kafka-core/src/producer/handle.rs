//! What the application holds of a producer.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tokio::{
    sync::{Notify, Semaphore, SemaphorePermit, TryAcquireError},
    time::{Instant, sleep_until, timeout_at},
};

use super::{
    accumulator::{Accumulator, Appended, Form},
    ack::Ack,
    config::{ProducerBuilder, ProducerConfig},
    record::{ProducerRecord, RecordMetadata},
    sender,
};
use crate::{
    client::{Client, RETRY},
    env::Task,
    error::{Error, ErrorKind},
    metadata::Topic,
    record::BatchBuilder,
};

/// No batch is longer in Kafka's format.
const LONGEST: usize = 0x7fff_ffff;

/// From this size on a record of any size is compressed off the event loop: a second of that, which some tens of megabytes
/// take, would hold up every heartbeat on the sender's thread.
const LONG: usize = 256 << 10;

/// Writes records to topics: `acks=all`, idempotent, in order. Cloning shares it.
///
/// Records that are enqueued are sent even if nobody waits for them. A producer whose last clone is dropped without
/// [`Producer::close`] gives up what is not acknowledged, and its acks say so.
#[derive(Clone, Debug)]
pub struct Producer {
    owner: Arc<Owner>,
}

#[derive(Debug)]
struct Owner {
    shared: Arc<Shared>,
    /// The sender's task; awaited by the first `close`.
    sender: tokio::sync::Mutex<Task>,
}

/// What callers and the sender share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) client: Client,
    pub(super) config: ProducerConfig,
    accumulator: Mutex<Accumulator>,
    /// Bytes that may still be enqueued; first come, first served.
    pub(super) memory: Arc<Semaphore>,
    /// Wakes the sender.
    pub(super) wake: Notify,
}

impl Shared {
    pub(super) fn accumulator<T>(&self, look: impl FnOnce(&mut Accumulator) -> T) -> T {
        look(&mut self.accumulator.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts the record into its batch, if its topic's partitions are known.
    fn append(&self, record: &ProducerRecord, form: Form, memory: SemaphorePermit<'_>) -> Result<Option<Ack>, Error> {
        let env = self.client.env();
        // Somebody else may have learnt of more partitions, and a sender with nothing to send does not look.
        let cluster = record.partition.map(|_| self.client.metadata().cluster());
        let appended = self.accumulator(|accumulator| {
            cluster.iter().for_each(|cluster| accumulator.update(cluster));
            accumulator.append(record, form, memory, env)
        });
        match appended? {
            Appended::Taken { ack, news } => {
                if news {
                    self.wake.notify_one();
                }
                Ok(Some(ack))
            }
            Appended::UnknownTopic => Ok(None),
        }
    }
}

impl Producer {
    /// Starts with Kafka's defaults.
    pub fn builder(client: &Client) -> ProducerBuilder {
        ProducerBuilder::new(client)
    }

    pub(super) fn start(client: Client, config: ProducerConfig) -> Self {
        let env = client.env().clone();
        let memory = Arc::new(Semaphore::new(config.buffer_memory));
        let accumulator = Mutex::new(Accumulator::new(&config, Arc::clone(&memory)));
        let shared = Arc::new(Shared { client, config, accumulator, memory, wake: Notify::new() });
        let sender = env.spawn("producer", sender::run(Arc::clone(&shared)));
        Self { owner: Arc::new(Owner { shared, sender: tokio::sync::Mutex::new(sender) }) }
    }

    /// Takes `record` for sending and returns its acknowledgement to be awaited. Waits, in turn, for the topic's
    /// metadata and for memory, at most `max.block`.
    ///
    /// # Errors
    /// The record is too large, its topic or partition does not exist, there was no memory in time, or the producer
    /// is closed. Nothing was sent.
    ///
    /// # Cancel safety
    /// Dropped before it is ready, the record is not sent; afterwards it will be.
    pub async fn enqueue(&self, mut record: ProducerRecord) -> Result<Ack, Error> {
        let shared = &self.owner.shared;
        let (size, permits) = self.checked_size(&record)?;
        // Most records find all they need: no clock, no timer.
        let is_long = record.any_size && size >= LONG;
        if !is_long
            && let Ok(memory) = shared.memory.try_acquire_many(permits)
            && let Some(ack) = shared.append(&record, Form::Plain(size), memory)?
        {
            return Ok(ack);
        }
        let deadline = Instant::now() + shared.config.max_block;
        let mut form = Form::Plain(size);
        loop {
            self.learn(&record.topic, deadline).await?;
            let memory = timeout_at(deadline, shared.memory.acquire_many(permits));
            let memory = memory.await.map_err(|_| self.blocked("memory"))?.map_err(|_| Error::closed())?;
            if is_long && !matches!(form, Form::Finished(_)) {
                form = Form::Finished(self.finished(&mut record).await?);
            }
            // Forgotten while there was no memory: it is asked for again, until the deadline.
            if let Some(ack) = shared.append(&record, form.clone(), memory)? {
                return Ok(ack);
            }
        }
    }

    /// Takes `record` for sending if that needs no waiting.
    ///
    /// # Errors
    /// As [`Producer::enqueue`], and [`ErrorKind::Full`] if there is no memory right now or the topic's metadata is
    /// not known yet.
    pub fn try_enqueue(&self, record: ProducerRecord) -> Result<Ack, Error> {
        let shared = &self.owner.shared;
        let (size, permits) = self.checked_size(&record)?;
        loop {
            let memory = shared.memory.try_acquire_many(permits).map_err(|error| match error {
                TryAcquireError::NoPermits => Error::new(ErrorKind::Full),
                TryAcquireError::Closed => Error::closed(),
            })?;
            if let Some(ack) = shared.append(&record, Form::Plain(size), memory)? {
                return Ok(ack);
            }
            let cluster = shared.client.metadata().cluster();
            if !shared.accumulator(|accumulator| accumulator.learn(&record.topic, &cluster))? {
                return Err(Error::new(ErrorKind::Full));
            }
        }
    }

    /// Enqueues `record` and waits until it is acknowledged.
    ///
    /// # Errors
    /// As [`Producer::enqueue`], and why it was not acknowledged; [`Error::maybe_applied`] says whether it may be in
    /// the log all the same.
    ///
    /// # Cancel safety
    /// Dropping it may send the record or not.
    pub async fn send(&self, record: ProducerRecord) -> Result<RecordMetadata, Error> {
        self.enqueue(record).await?.await
    }

    /// Sends all that was enqueued before, without lingering, and waits until the fate of each is known.
    ///
    /// # Cancel safety
    /// Safe: the records are sent all the same.
    pub async fn flush(&self) {
        let waiting = self.owner.shared.accumulator(Accumulator::flush);
        self.owner.shared.wake.notify_one();
        for batch in waiting {
            batch.wait().await;
        }
    }

    /// Takes no more records, sends what was enqueued and waits for it, at most the delivery timeout. Every clone
    /// may be closed; the second finds it done.
    ///
    /// # Cancel safety
    /// Safe: closing goes on, and another `close` waits for it.
    pub async fn close(&self) {
        self.owner.shared.accumulator(Accumulator::close);
        self.owner.shared.memory.close();
        self.owner.shared.wake.notify_one();
        let mut sender = self.owner.sender.lock().await;
        if !sender.is_finished() {
            let _ = (&mut *sender).await;
        }
    }

    /// The record's size before it is compressed, as Kafka's own client compares it, and what it takes of the memory;
    /// if it is within the limits.
    fn checked_size(&self, record: &ProducerRecord) -> Result<(usize, u32), Error> {
        let problem = record.compression.and_then(|compression| compression.check().err());
        if let Some(problem) = problem {
            return Err(Error::invalid(problem.to_string()));
        }
        let size = BatchBuilder::estimate(record.key.as_deref(), record.value.as_deref(), &record.headers);
        let batch = size.saturating_add(BatchBuilder::EMPTY_SIZE);
        let config = &self.owner.shared.config;
        let limit = if record.any_size { LONGEST } else { config.max_request_size };
        match u32::try_from(size.min(config.buffer_memory)) {
            Ok(permits) if batch <= limit => Ok((size, permits)),
            _ => Err(Error::new(ErrorKind::RecordTooLarge { size: batch, limit })),
        }
    }

    /// A batch of this record alone, compressed off the event loop.
    async fn finished(&self, record: &mut ProducerRecord) -> Result<Bytes, Error> {
        let shared = &self.owner.shared;
        let (env, compression) = (shared.client.env(), record.compression.unwrap_or(shared.config.compression));
        let timestamp = *record.timestamp.get_or_insert_with(|| env.now_ms());
        let ProducerRecord { key, value, headers, .. } = record.clone();
        let finished = env.run_blocking(move || {
            let mut builder = BatchBuilder::new();
            builder.push(timestamp, key.as_deref(), value.as_deref(), &headers);
            builder.finish(None, compression)
        });
        let failed = || Error::invalid(format!("a record for {} cannot be written", record.topic));
        finished.await.ok_or_else(failed)?.map_err(|cause| failed().with_source(cause))
    }

    /// Waits until the topic's partitions are known.
    async fn learn(&self, topic: &Arc<str>, deadline: Instant) -> Result<(), Error> {
        let shared = &self.owner.shared;
        let metadata = shared.client.metadata();
        let mut cluster = metadata.cluster();
        while !shared.accumulator(|accumulator| accumulator.learn(topic, &cluster))? {
            // A topic that was created just now takes a moment to be known everywhere.
            let asked = Instant::now();
            let names: [&str; 1] = [topic];
            let fresh = timeout_at(deadline, metadata.topics(&names)).await;
            cluster = fresh.map_err(|_| self.no_metadata(topic))??;
            if !shared.accumulator(|accumulator| accumulator.learn(topic, &cluster))? {
                let next = asked + RETRY.after(1, shared.client.env());
                if next >= deadline {
                    return Err(self.no_metadata(topic));
                }
                sleep_until(next).await;
            }
        }
        Ok(())
    }

    /// Why there is nothing known of the topic at the end of `max.block`: it does not exist, or nobody said.
    fn no_metadata(&self, topic: &str) -> Error {
        let cluster = self.owner.shared.client.metadata().cluster();
        let timeout = self.blocked(&format!("metadata of {topic}"));
        match cluster.topic(topic).and_then(Topic::error) {
            Some(code) => {
                let message = Some(format!("topic {topic} did not appear within max.block.ms"));
                Error::new(ErrorKind::Broker { code, api: "Metadata", topic_partition: None, message })
                    .with_source(timeout)
            }
            None => timeout,
        }
    }

    fn blocked(&self, what: &str) -> Error {
        Error::new(ErrorKind::Timeout { what: what.to_owned(), after: self.owner.shared.config.max_block })
    }
}
