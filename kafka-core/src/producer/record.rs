use std::sync::Arc;

use bytes::Bytes;

use crate::{
    record::{Compression, Header},
    topic_partition::TopicPartition,
};

/// A record on its way to a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct ProducerRecord {
    pub(super) topic: Arc<str>,
    pub(super) partition: Option<i32>,
    pub(super) key: Option<Bytes>,
    pub(super) value: Option<Bytes>,
    pub(super) headers: Vec<Header>,
    pub(super) timestamp: Option<i64>,
    pub(super) compression: Option<Compression>,
    pub(super) any_size: bool,
}

impl ProducerRecord {
    /// A record for `topic`, without key, value and headers.
    pub fn to(topic: impl Into<Arc<str>>) -> Self {
        Self {
            topic: topic.into(),
            partition: None,
            key: None,
            value: None,
            headers: Vec::new(),
            timestamp: None,
            compression: None,
            any_size: false,
        }
    }

    /// The key. Records with one key go to one partition, as Java's default partitioner chooses it.
    pub fn key(mut self, key: impl Into<Bytes>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// The value. Without one the record is a tombstone.
    pub fn value(mut self, value: impl Into<Bytes>) -> Self {
        self.value = Some(value.into());
        self
    }

    /// One more header.
    pub fn header(mut self, header: Header) -> Self {
        self.headers.push(header);
        self
    }

    /// All headers, in order.
    pub fn headers(mut self, headers: Vec<Header>) -> Self {
        self.headers = headers;
        self
    }

    /// The partition, instead of the one that the key or the producer chooses.
    pub fn partition(mut self, partition: i32) -> Self {
        self.partition = Some(partition);
        self
    }

    /// When it happened, in milliseconds since 1970; default is when it is enqueued.
    pub fn timestamp(mut self, timestamp_ms: i64) -> Self {
        self.timestamp = Some(timestamp_ms);
        self
    }

    /// How its batch is compressed, instead of as the producer was told. A batch has one codec, so that records of
    /// different ones do not share any; their order is kept.
    pub fn compression(mut self, compression: impl Into<Compression>) -> Self {
        self.compression = Some(compression.into());
        self
    }

    /// Lets it be larger than `max.request.size`: for the copy of a record that a broker has taken once, which says
    /// nothing of its size before it was compressed. One larger than `buffer.memory` takes all of that.
    pub fn any_size(mut self) -> Self {
        self.any_size = true;
        self
    }

    /// The topic that it is for.
    pub fn topic(&self) -> &str {
        &self.topic
    }
}

/// Where an acknowledged record is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordMetadata {
    pub(super) topic_partition: TopicPartition,
    pub(super) offset: Option<i64>,
    pub(super) timestamp: i64,
}

impl RecordMetadata {
    /// Its partition.
    pub fn topic_partition(&self) -> &TopicPartition {
        &self.topic_partition
    }

    /// Its offset; `None` when the broker knew the batch already and does not say where.
    pub fn offset(&self) -> Option<i64> {
        self.offset
    }

    /// Its timestamp in milliseconds since 1970: its own, or the broker's if the topic says `LogAppendTime`.
    pub fn timestamp(&self) -> i64 {
        self.timestamp
    }
}
