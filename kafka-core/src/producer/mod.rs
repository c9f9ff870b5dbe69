//! The idempotent producer: records in, acknowledgements out, each record once and in its partition's order.

mod accumulator;
mod ack;
mod batch;
mod config;
mod lane;
mod partitioner;
mod record;
mod sender;
mod sequence;
#[cfg(test)]
mod simulation;

pub use ack::Ack;
pub use config::ProducerBuilder;
pub use record::{ProducerRecord, RecordMetadata};

use std::sync::{Arc, Mutex, PoisonError};

use tokio::{
    sync::{Notify, OwnedSemaphorePermit, Semaphore, TryAcquireError},
    time::{Instant, sleep_until, timeout_at},
};

use accumulator::Accumulator;
use config::ProducerConfig;

use crate::{
    client::Client,
    env::Task,
    error::{Error, ErrorKind},
    metadata::Cluster,
    protocol::ErrorCode,
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
    client: Client,
    config: ProducerConfig,
    accumulator: Mutex<Accumulator>,
    /// Bytes that may still be enqueued; first come, first served.
    memory: Arc<Semaphore>,
    /// Wakes the sender.
    wake: Notify,
}

impl Shared {
    fn accumulator<T>(&self, look: impl FnOnce(&mut Accumulator) -> T) -> T {
        look(&mut self.accumulator.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Producer {
    /// Starts with Kafka's defaults.
    pub fn builder(client: &Client) -> ProducerBuilder {
        ProducerBuilder::new(client)
    }

    fn start(client: Client, config: ProducerConfig) -> Self {
        let env = client.env().clone();
        let accumulator = Accumulator::new(config.batch_size, config.linger, config.delivery_timeout);
        let shared = Arc::new(Shared {
            client,
            memory: Arc::new(Semaphore::new(config.buffer_memory)),
            config,
            accumulator: Mutex::new(accumulator),
            wake: Notify::new(),
        });
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
        let deadline = Instant::now() + shared.config.max_block;
        let partitions = self.partitions(&record, deadline).await?;
        let memory = timeout_at(deadline, Arc::clone(&shared.memory).acquire_many_owned(size))
            .await
            .map_err(|_| self.blocked("memory"))?
            .map_err(|_| Error::closed())?;
        self.append(&record, partitions, memory)
    }

    /// Takes `record` for sending if that needs no waiting.
    ///
    /// # Errors
    /// As [`Producer::enqueue`], and [`ErrorKind::Full`] if there is no memory right now or the topic's metadata is
    /// not known yet.
    pub fn try_enqueue(&self, record: ProducerRecord) -> Result<Ack, Error> {
        let shared = &self.owner.shared;
        let size = self.checked_size(&record)?;
        let known = partition_count(&shared.client.metadata().cluster(), &record)?;
        let partitions = known.ok_or_else(|| Error::new(ErrorKind::Full))?;
        let memory = Arc::clone(&shared.memory).try_acquire_many_owned(size).map_err(|error| match error {
            TryAcquireError::NoPermits => Error::new(ErrorKind::Full),
            TryAcquireError::Closed => Error::closed(),
        })?;
        self.append(&record, partitions, memory)
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
        let batch = size.saturating_add(BatchBuilder::new().size());
        let limit = self.owner.shared.config.max_request_size;
        match u32::try_from(size) {
            Ok(size) if batch <= limit => Ok(size),
            _ => Err(Error::new(ErrorKind::RecordTooLarge { size: batch, limit })),
        }
    }

    async fn partitions(&self, record: &ProducerRecord, deadline: Instant) -> Result<usize, Error> {
        let metadata = self.owner.shared.client.metadata();
        let mut cluster = metadata.cluster();
        loop {
            if let Some(partitions) = partition_count(&cluster, record)? {
                return Ok(partitions);
            }
            if self.owner.shared.accumulator(|accumulator| accumulator.is_closed()) {
                return Err(Error::closed());
            }
            // A topic that was created just now takes a moment to be known everywhere.
            let asked = Instant::now();
            let names: [&str; 1] = [&record.topic];
            let fresh = timeout_at(deadline, metadata.topics(&names)).await;
            cluster = fresh.map_err(|_| self.blocked(&format!("metadata of {}", record.topic)))??;
            if partition_count(&cluster, record)?.is_none() {
                let next = asked + crate::client::RETRY.after(1, self.owner.shared.client.env());
                if next >= deadline {
                    return Err(self.blocked(&format!("metadata of {}", record.topic)));
                }
                sleep_until(next).await;
            }
        }
    }

    fn append(&self, record: &ProducerRecord, partitions: usize, memory: OwnedSemaphorePermit) -> Result<Ack, Error> {
        let shared = &self.owner.shared;
        let env = shared.client.env();
        let (ack, wake) = shared.accumulator(|accumulator| accumulator.append(record, partitions, memory, env))?;
        if wake {
            shared.wake.notify_one();
        }
        Ok(ack)
    }

    fn blocked(&self, what: &str) -> Error {
        Error::new(ErrorKind::Timeout { what: what.to_owned(), after: self.owner.shared.config.max_block })
    }
}

/// The topic's number of partitions; `None` while it is not known.
fn partition_count(cluster: &Cluster, record: &ProducerRecord) -> Result<Option<usize>, Error> {
    let Some(topic) = cluster.topic(&record.topic) else { return Ok(None) };
    match topic.error() {
        Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION) => return Ok(None),
        Some(code) if !Error::broker(code, "Metadata").is_retriable() => return Err(Error::broker(code, "Metadata")),
        Some(_) => return Ok(None),
        None => {}
    }
    let count = topic.partitions().len();
    match record.partition.map(usize::try_from) {
        None => Ok((count > 0).then_some(count)),
        Some(Ok(partition)) if partition < count => Ok(Some(count)),
        Some(_) => {
            Err(Error::invalid(format!("{} has no partition {}", record.topic, record.partition.unwrap_or_default())))
        }
    }
}
