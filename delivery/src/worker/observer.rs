//! The seam for metrics.

use std::{fmt, time::Duration};

use ottla_kafka_core::{Error, TopicPartition};

use super::health::StallReason;
use crate::{handler::ErrorClass, record::DeliveryRecord, settlement::Settlement};

/// Told what happens in a worker, for metrics. Every method does nothing by default, and must not block: it is called
/// on the way of the records.
pub trait WorkerObserver: fmt::Debug + Send + Sync + 'static {
    /// These partitions are the worker's from now on.
    fn assigned(&self, _partitions: &[TopicPartition]) {}

    /// These partitions are another member's now, or nobody's.
    fn released(&self, _partitions: &[TopicPartition]) {}

    /// `records` were handed to the partition's pipeline.
    fn delivered(&self, _topic_partition: &TopicPartition, _records: u64) {}

    /// An attempt failed. `attempt` counts from 1; another one follows if `retried`.
    fn attempt_failed(&self, _topic_partition: &TopicPartition, _attempt: u32, _class: &ErrorClass, _retried: bool) {}

    /// A record is settled, after `attempts` attempts. For a dead letter, [`dead_lettered`](Self::dead_lettered) is
    /// told as well.
    fn settled(&self, _topic_partition: &TopicPartition, _settlement: &Settlement, _attempts: u32) {}

    /// The dead letter of `record` is written.
    fn dead_lettered(&self, _record: &DeliveryRecord, _class: &ErrorClass) {}

    /// A record took this long, from its first attempt to its settlement, retries and waits included.
    fn processing_seconds(&self, _topic_partition: &TopicPartition, _taken: Duration) {}

    /// The partition's high watermark less its committable offset.
    fn lag(&self, _topic_partition: &TopicPartition, _records: i64) {}

    /// The partition stands still.
    fn stalled(&self, _topic_partition: &TopicPartition, _reason: &StallReason) {}

    /// The partition moves again.
    fn resumed(&self, _topic_partition: &TopicPartition) {}

    /// The group took a commit of this offset.
    fn committed(&self, _topic_partition: &TopicPartition, _offset: i64) {}

    /// A commit failed; the next one covers it.
    fn commit_failed(&self, _error: &Error) {}
}

/// Observes nothing.
#[derive(Debug)]
pub(super) struct NoObserver;

impl WorkerObserver for NoObserver {}
