//! One record on its way to a handler.

use bytes::{Bytes, BytesMut};
use ottla_kafka_core::{
    TopicPartition,
    record::{Codec, Header},
};

/// A record that was fetched and now belongs to nobody but its reader: its bytes are a copy of their own, so that a
/// record that waits keeps no fetched frame alive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryRecord {
    topic_partition: TopicPartition,
    offset: i64,
    timestamp: i64,
    codec: Codec,
    key: Option<Bytes>,
    value: Option<Bytes>,
    headers: Vec<Header>,
}

impl DeliveryRecord {
    /// A record without key, value and headers, from a batch that is not compressed. `timestamp` is in milliseconds
    /// since 1970.
    pub fn new(topic_partition: TopicPartition, offset: i64, timestamp: i64) -> Self {
        Self { topic_partition, offset, timestamp, codec: Codec::None, key: None, value: None, headers: Vec::new() }
    }

    /// A record whose bytes are copied into one allocation, from a batch that is not compressed.
    pub fn copied<'a>(
        topic_partition: TopicPartition,
        (offset, timestamp): (i64, i64),
        (key, value): (Option<&[u8]>, Option<&[u8]>),
        headers: impl Iterator<Item = (&'a [u8], Option<&'a [u8]>)> + Clone,
    ) -> Self {
        let length = |bytes: Option<&[u8]>| bytes.map_or(0, <[u8]>::len);
        let of_headers: usize = headers.clone().map(|(key, value)| key.len().saturating_add(length(value))).sum();
        let mut block = BytesMut::with_capacity(length(key).saturating_add(length(value)).saturating_add(of_headers));
        let mut copy = |bytes: &[u8]| {
            block.extend_from_slice(bytes);
            block.split().freeze()
        };
        Self {
            topic_partition,
            offset,
            timestamp,
            codec: Codec::None,
            key: key.map(&mut copy),
            value: value.map(&mut copy),
            headers: headers.map(|(key, value)| Header { key: copy(key), value: value.map(&mut copy) }).collect(),
        }
    }

    /// The same record with this key.
    #[must_use]
    pub fn with_key(mut self, key: impl Into<Bytes>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// The same record with this value.
    #[must_use]
    pub fn with_value(mut self, value: impl Into<Bytes>) -> Self {
        self.value = Some(value.into());
        self
    }

    /// The same record from a batch of this codec.
    #[must_use]
    pub fn with_codec(mut self, codec: Codec) -> Self {
        self.codec = codec;
        self
    }

    /// The same record with one more header.
    #[must_use]
    pub fn with_header(mut self, header: Header) -> Self {
        self.headers.push(header);
        self
    }

    /// Where the record stands.
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

    /// The codec of the batch that it was read from; its dead letter has the same.
    pub fn codec(&self) -> Codec {
        self.codec
    }

    /// Its key; Kafka knows null.
    pub fn key(&self) -> Option<&Bytes> {
        self.key.as_ref()
    }

    /// Its value; null is a tombstone.
    pub fn value(&self) -> Option<&Bytes> {
        self.value.as_ref()
    }

    /// Its headers, in their order.
    pub fn headers(&self) -> &[Header] {
        &self.headers
    }

    /// The value of the last header with this key, as Kafka's own `lastHeader`.
    pub fn header(&self, key: &str) -> Option<&Bytes> {
        self.headers.iter().rev().find(|header| header.key == key.as_bytes()).and_then(|header| header.value.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_equals_the_record_it_was_made_from() {
        let orders = TopicPartition::new("orders", 2);
        let built = DeliveryRecord::new(orders.clone(), 7, 1_000)
            .with_key("k")
            .with_value("value")
            .with_header(Header::new("a", "1"))
            .with_header(Header { key: Bytes::from_static(b"b"), value: None });
        let headers = [(b"a".as_slice(), Some(b"1".as_slice())), (b"b".as_slice(), None)];
        let copied = DeliveryRecord::copied(orders, (7, 1_000), (Some(b"k"), Some(b"value")), headers.into_iter());
        assert_eq!(copied, built);
    }

    #[test]
    fn null_and_empty_stay_apart() {
        let record = DeliveryRecord::copied(TopicPartition::new("t", 0), (0, 0), (None, Some(b"")), std::iter::empty());
        assert_eq!((record.key(), record.value()), (None, Some(&Bytes::new())));
    }

    #[test]
    fn the_last_header_of_a_name_counts() {
        let record = DeliveryRecord::new(TopicPartition::new("t", 0), 0, 0)
            .with_header(Header::new("h", "old"))
            .with_header(Header::new("h", "new"));
        assert_eq!(record.header("h"), Some(&Bytes::from("new")));
        assert_eq!(record.header("none"), None);
    }
}
