//! Committed offsets: what a group remembers of each partition.

mod commit;
mod fetch;

use std::collections::BTreeMap;

use ottla_kafka_core::TopicPartition;

pub(crate) use commit::{commit_answer, commit_request};
pub(crate) use fetch::{Committed, committed_answer, committed_request};

/// What is committed, by partition.
pub(crate) type Offsets = BTreeMap<TopicPartition, OffsetAndMetadata>;

/// A committed offset: the next one to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OffsetAndMetadata {
    offset: i64,
    leader_epoch: Option<i32>,
    metadata: String,
}

impl OffsetAndMetadata {
    /// `offset` is that of the next record to read: the last handled one's plus 1.
    pub fn new(offset: i64) -> Self {
        Self { offset, leader_epoch: None, metadata: String::new() }
    }

    /// The leader epoch of the last handled record, by which a truncated log is noticed (KIP-320).
    #[must_use]
    pub fn with_leader_epoch(mut self, epoch: i32) -> Self {
        self.leader_epoch = (epoch >= 0).then_some(epoch);
        self
    }

    /// Text to be kept beside the offset; brokers take 4096 bytes unless configured otherwise
    /// (Kafka: `offset.metadata.max.bytes`).
    #[must_use]
    pub fn with_metadata(mut self, metadata: impl Into<String>) -> Self {
        self.metadata = metadata.into();
        self
    }

    /// The next offset to read.
    pub fn offset(&self) -> i64 {
        self.offset
    }

    /// The leader epoch of the last handled record, if known.
    pub fn leader_epoch(&self) -> Option<i32> {
        self.leader_epoch
    }

    /// The text beside the offset, usually empty.
    pub fn metadata(&self) -> &str {
        &self.metadata
    }
}

/// Groups by topic, as requests want it.
fn by_topic<'a, T>(items: impl IntoIterator<Item = (&'a TopicPartition, T)>) -> BTreeMap<&'a str, Vec<(i32, T)>> {
    let mut topics: BTreeMap<&str, Vec<(i32, T)>> = BTreeMap::new();
    for (topic_partition, item) in items {
        topics.entry(topic_partition.topic()).or_default().push((topic_partition.partition(), item));
    }
    topics
}
