use std::time::Duration;

use ottla::{
    Error, TopicPartition,
    delivery::{DeliveryRecord, ErrorClass, Settlement, StallReason, WorkerObserver},
};

use super::{counts::Counts, dead_letters::Marker};
use crate::{metrics::WorkerMetrics, telemetry::Limit};

/// Counts what a worker does, and marks orders that end on the dead letter topic.
#[derive(Debug)]
pub(super) struct FeedObserver {
    pub(super) metrics: WorkerMetrics,
    pub(super) counts: Counts,
    /// None for users: nobody asks where a bad one has gone.
    pub(super) marker: Option<Marker>,
    /// So many records a second have a line of their own at `info`; all have one at `debug`.
    pub(super) lines: Limit,
}

impl WorkerObserver for FeedObserver {
    fn assigned(&self, partitions: &[TopicPartition]) {
        self.metrics.assigned(partitions);
    }

    fn released(&self, partitions: &[TopicPartition]) {
        self.metrics.released(partitions);
    }

    fn delivered(&self, topic_partition: &TopicPartition, records: u64) {
        self.metrics.delivered(topic_partition, records);
    }

    fn committed(&self, topic_partition: &TopicPartition, offset: i64) {
        self.metrics.committed(topic_partition, offset);
    }

    fn attempt_failed(&self, topic_partition: &TopicPartition, attempt: u32, class: &ErrorClass, retried: bool) {
        self.metrics.attempt_failed(topic_partition, attempt, class, retried);
    }

    fn settled(&self, topic_partition: &TopicPartition, settlement: &Settlement, attempts: u32) {
        if attempts > 1 {
            self.counts.record_retried();
        }
        if self.lines.allows() {
            tracing::info!(attempts, "settled");
        } else {
            tracing::debug!(attempts, "settled");
        }
        self.metrics.settled(topic_partition, settlement, attempts);
    }

    fn dead_lettered(&self, record: &DeliveryRecord, class: &ErrorClass) {
        if let Some(marker) = &self.marker {
            marker.mark(record, class);
        }
        self.metrics.dead_lettered(record, class);
    }

    fn processing_seconds(&self, topic_partition: &TopicPartition, taken: Duration) {
        self.metrics.processing_seconds(topic_partition, taken);
    }

    fn lag(&self, topic_partition: &TopicPartition, records: i64) {
        self.metrics.lag(topic_partition, records);
    }

    fn stalled(&self, topic_partition: &TopicPartition, reason: &StallReason) {
        tracing::warn!(%topic_partition, %reason, "stands still");
        self.metrics.stalled(topic_partition, reason);
    }

    fn resumed(&self, topic_partition: &TopicPartition) {
        tracing::info!(%topic_partition, "moves again");
        self.metrics.resumed(topic_partition);
    }

    fn commit_failed(&self, error: &Error) {
        tracing::warn!(%error, "a commit failed; the next one covers it");
        self.metrics.commit_failed(error);
    }
}
