//! What the application holds of a producer.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::{
    sync::{Notify, Semaphore, SemaphorePermit, TryAcquireError},
    time::{Instant, sleep_until, timeout_at},
};

use super::{
    accumulator::{Accumulator, Appended},
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
    fn append(&self, record: &ProducerRecord, size: usize, memory: SemaphorePermit<'_>) -> Result<Option<Ack>, Error> {
        let env = self.client.env();
        // Somebody else may have learnt of more partitions, and a sender with nothing to send does not look.
        let cluster = record.partition.map(|_| self.client.metadata().cluster());
        let appended = self.accumulator(|accumulator| {
            cluster.iter().for_each(|cluster| accumulator.update(cluster));
            accumulator.append(record, size, memory, env)
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
    pub async fn enqueue(&self, record: ProducerRecord) -> Result<Ack, Error> {
        let shared = &self.owner.shared;
        let size = self.checked_size(&record)?;
        // Most records find all they need: no clock, no timer.
        if let Ok(memory) = shared.memory.try_acquire_many(size)
            && let Some(ack) = shared.append(&record, bytes(size), memory)?
        {
            return Ok(ack);
        }
        let deadline = Instant::now() + shared.config.max_block;
        loop {
            self.learn(&record.topic, deadline).await?;
            let memory = timeout_at(deadline, shared.memory.acquire_many(size));
            let memory = memory.await.map_err(|_| self.blocked("memory"))?.map_err(|_| Error::closed())?;
            // Forgotten while there was no memory: it is asked for again, until the deadline.
            if let Some(ack) = shared.append(&record, bytes(size), memory)? {
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
        let size = self.checked_size(&record)?;
        loop {
            let memory = shared.memory.try_acquire_many(size).map_err(|error| match error {
                TryAcquireError::NoPermits => Error::new(ErrorKind::Full),
                TryAcquireError::Closed => Error::closed(),
            })?;
            if let Some(ack) = shared.append(&record, bytes(size), memory)? {
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

    /// The record's size in memory, if it is within the limits.
    fn checked_size(&self, record: &ProducerRecord) -> Result<u32, Error> {
        let size = BatchBuilder::estimate(record.key.as_deref(), record.value.as_deref(), &record.headers);
        let batch = size.saturating_add(BatchBuilder::EMPTY_SIZE);
        let limit = self.owner.shared.config.max_request_size;
        match u32::try_from(size) {
            Ok(size) if batch <= limit => Ok(size),
            _ => Err(Error::new(ErrorKind::RecordTooLarge { size: batch, limit })),
        }
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

fn bytes(size: u32) -> usize {
    usize::try_from(size).unwrap_or(usize::MAX)
}
