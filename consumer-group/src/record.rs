//! A record that stands for itself.

use bytes::Bytes;
use ottla_kafka_core::{
    TopicPartition,
    record::{Codec, Header},
};

use crate::records::Records;

/// A record, with the place it was read from. Its bytes are shared with those that were read together with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsumerRecord {
    topic_partition: TopicPartition,
    offset: i64,
    timestamp: i64,
    codec: Codec,
    key: Option<Bytes>,
    value: Option<Bytes>,
    headers: Vec<Header>,
}

impl ConsumerRecord {
    /// All of them, in order.
    pub(crate) fn all(records: &Records) -> impl Iterator<Item = Self> {
        let shared = |part: Option<&[u8]>| part.map(|part| records.slice(part));
        records.iter().map(move |record| Self {
            topic_partition: records.topic_partition().clone(),
            offset: record.offset(),
            timestamp: record.timestamp(),
            codec: record.codec(),
            key: shared(record.key()),
            value: shared(record.value()),
            headers: record
                .headers()
                .map(|(key, value)| Header { key: records.slice(key), value: shared(value) })
                .collect(),
        })
    }

    /// The partition.
    pub fn topic_partition(&self) -> &TopicPartition {
        &self.topic_partition
    }

    /// Its offset in the partition.
    pub fn offset(&self) -> i64 {
        self.offset
    }

    /// Its timestamp, in milliseconds since 1970.
    pub fn timestamp(&self) -> i64 {
        self.timestamp
    }

    /// The codec of the batch that it was read from.
    pub fn codec(&self) -> Codec {
        self.codec
    }

    /// The key; Kafka knows null.
    pub fn key(&self) -> Option<&Bytes> {
        self.key.as_ref()
    }

    /// The value; Kafka knows null.
    pub fn value(&self) -> Option<&Bytes> {
        self.value.as_ref()
    }

    /// The headers, in order.
    pub fn headers(&self) -> &[Header] {
        &self.headers
    }
}
