use std::sync::Arc;

use bytes::Bytes;
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::Instant,
};

use super::{ack::Promise, gate::Gate};
use crate::{
    error::Error,
    record::{BatchBuilder, Compression, CompressionError, ProducerStamp, restamped},
    topic_partition::TopicPartition,
};

/// A batch between `enqueue` and its acknowledgement.
#[derive(Debug)]
pub(super) struct Batch {
    /// Batches of a partition are sent in the order of their ids.
    pub(super) id: u64,
    pub(super) promise: Promise,
    pub(super) created: Instant,
    /// Kafka: `delivery.timeout.ms` after its first record.
    pub(super) deadline: Instant,
    pub(super) attempts: u32,
    pub(super) not_before: Option<Instant>,
    pub(super) last_error: Option<Error>,
    /// Where the request with its last attempt waits or has waited.
    pub(super) gate: Arc<Gate>,
    contents: Contents,
    memory: Lent,
}

/// A batch's records.
#[derive(Debug)]
pub(super) enum Contents {
    /// Takes records.
    Open { builder: BatchBuilder, compression: Compression },
    /// Encoded once; every retry sends these bytes.
    Encoded { bytes: Bytes, stamp: Option<ProducerStamp>, count: i32 },
}

/// Memory that goes back when the batch is gone.
#[derive(Debug)]
struct Lent {
    pool: Arc<Semaphore>,
    bytes: usize,
}

impl Drop for Lent {
    fn drop(&mut self) {
        self.pool.add_permits(self.bytes);
    }
}

impl Batch {
    /// A batch whose records' memory comes out of `pool`.
    pub(super) fn new(
        id: u64,
        topic_partition: TopicPartition,
        contents: Contents,
        (created, deadline): (Instant, Instant),
        pool: &Arc<Semaphore>,
    ) -> Self {
        Self {
            id,
            promise: Promise::new(topic_partition),
            created,
            deadline,
            attempts: 0,
            not_before: None,
            last_error: None,
            gate: Arc::default(),
            contents,
            memory: Lent { pool: Arc::clone(pool), bytes: 0 },
        }
    }

    pub(super) fn topic_partition(&self) -> &TopicPartition {
        self.promise.topic_partition()
    }

    /// The builder, while records may be added.
    pub(super) fn builder(&mut self) -> Option<&mut BatchBuilder> {
        match &mut self.contents {
            Contents::Open { builder, .. } => Some(builder),
            Contents::Encoded { .. } => None,
        }
    }

    /// Whether records that are to be compressed so may be added.
    pub(super) fn is_open_to(&self, compression: Compression) -> bool {
        matches!(&self.contents, Contents::Open { compression: its, .. } if *its == compression)
    }

    /// Adds a record's memory to the batch's, to be given back with it.
    pub(super) fn hold(&mut self, memory: SemaphorePermit<'_>) {
        self.memory.bytes = self.memory.bytes.saturating_add(memory.num_permits());
        memory.forget();
    }

    pub(super) fn size(&self) -> usize {
        match &self.contents {
            Contents::Open { builder, .. } => builder.size(),
            Contents::Encoded { bytes, .. } => bytes.len(),
        }
    }

    pub(super) fn count(&self) -> i32 {
        match &self.contents {
            Contents::Open { builder, .. } => builder.count(),
            Contents::Encoded { count, .. } => *count,
        }
    }

    pub(super) fn stamp(&self) -> Option<ProducerStamp> {
        match &self.contents {
            Contents::Open { .. } => None,
            Contents::Encoded { stamp, .. } => *stamp,
        }
    }

    /// The bytes to send. A batch without a stamp gets this one; it is compressed the first time only.
    ///
    /// # Errors
    /// It cannot be compressed so.
    pub(super) fn encode(&mut self, new_stamp: ProducerStamp) -> Result<Bytes, CompressionError> {
        let count = self.count();
        let bytes = match &mut self.contents {
            Contents::Encoded { bytes, stamp: Some(_), .. } => return Ok(bytes.clone()),
            Contents::Encoded { bytes, stamp: None, .. } => restamped(bytes, new_stamp),
            Contents::Open { builder, compression } => std::mem::take(builder).finish(Some(new_stamp), *compression)?,
        };
        self.contents = Contents::Encoded { bytes: bytes.clone(), stamp: Some(new_stamp), count };
        Ok(bytes)
    }

    /// Its buffer, for another batch, if no request can read it any more: one that is given up while it is on the wire
    /// must not change there (CVE-2026-35554).
    pub(super) fn into_buffer(self) -> Option<Vec<u8>> {
        match self.contents {
            Contents::Encoded { bytes, .. } if bytes.is_unique() => Some(bytes.into()),
            _ => None,
        }
    }

    /// Takes the stamp away: the next [`Self::encode`] gives another.
    pub(super) fn unstamp(&mut self) {
        if let Contents::Encoded { stamp, .. } = &mut self.contents {
            *stamp = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(builder: BatchBuilder) -> Contents {
        Contents::Open { builder, compression: Compression::NONE }
    }

    #[test]
    fn a_buffer_that_a_request_may_still_read_is_not_used_again() {
        for on_the_wire in [false, true] {
            let now = Instant::now();
            let pool = Arc::new(Semaphore::new(10));
            let mut builder = BatchBuilder::new();
            builder.push(7, None, Some(b"value"), &[]);
            let mut batch = Batch::new(0, TopicPartition::new("orders", 0), open(builder), (now, now), &pool);
            let stamp = ProducerStamp { producer_id: 7, producer_epoch: 0, base_sequence: 0 };
            let request = batch.encode(stamp).expect("it needs no codec");
            let request = on_the_wire.then_some(request);
            assert_eq!(batch.into_buffer().is_none(), request.is_some());
        }
    }

    #[test]
    fn memory_goes_back_with_the_batch() {
        let now = Instant::now();
        let pool = Arc::new(Semaphore::new(10));
        let contents = open(BatchBuilder::new());
        let mut batch = Batch::new(0, TopicPartition::new("orders", 0), contents, (now, now), &pool);
        batch.hold(pool.try_acquire_many(4).expect("there are ten"));
        batch.hold(pool.try_acquire_many(5).expect("there are six"));
        assert_eq!(pool.available_permits(), 1);
        drop(batch);
        assert_eq!(pool.available_permits(), 10);
    }
}
