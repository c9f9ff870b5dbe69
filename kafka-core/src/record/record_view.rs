//! One record, borrowed from its batch's bytes.

use std::iter::FusedIterator;

use super::{Codec, varint};

/// A record in its batch.
#[derive(Clone, Copy, Debug)]
pub struct RecordView<'a> {
    pub(super) offset: i64,
    pub(super) timestamp: i64,
    pub(super) timestamp_type: TimestampType,
    pub(super) codec: Codec,
    pub(super) key: Option<&'a [u8]>,
    pub(super) value: Option<&'a [u8]>,
    pub(super) headers: Headers<'a>,
}

/// Whose clock a record's timestamp is. Kafka: `message.timestamp.type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimestampType {
    /// The producer's, when it made the record.
    CreateTime,
    /// The broker's, when it appended the record.
    LogAppendTime,
}

impl<'a> RecordView<'a> {
    /// The record's offset in its partition.
    pub fn offset(&self) -> i64 {
        self.offset
    }

    /// The record's timestamp in milliseconds since the epoch: its producer's or, if the topic says so, its broker's.
    pub fn timestamp(&self) -> i64 {
        self.timestamp
    }

    /// Whose clock the timestamp is.
    pub fn timestamp_type(&self) -> TimestampType {
        self.timestamp_type
    }

    /// The codec of the batch that it was read from.
    pub fn codec(&self) -> Codec {
        self.codec
    }

    /// The key.
    pub fn key(&self) -> Option<&'a [u8]> {
        self.key
    }

    /// The value; a record without one is a tombstone in a compacted topic.
    pub fn value(&self) -> Option<&'a [u8]> {
        self.value
    }

    /// The headers, in their order; keys may repeat, values may be null.
    pub fn headers(&self) -> Headers<'a> {
        self.headers
    }
}

/// The headers of a record: keys and values.
#[derive(Clone, Copy, Debug)]
pub struct Headers<'a> {
    /// Checked when the record was read.
    bytes: &'a [u8],
    left: usize,
}

impl<'a> Iterator for Headers<'a> {
    type Item = (&'a [u8], Option<&'a [u8]>);

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let key = nullable_bytes(&mut self.bytes)??;
        Some((key, nullable_bytes(&mut self.bytes)?))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Headers<'_> {}
impl FusedIterator for Headers<'_> {}

/// Checks the headers at a record's end, so that reading them later cannot fail.
#[inline]
pub(super) fn headers(record: &[u8]) -> Result<Headers<'_>, &'static str> {
    if record == [0] {
        return Ok(Headers { bytes: &[], left: 0 });
    }
    let mut bytes = record;
    let count =
        varint::get(&mut bytes).and_then(|count| usize::try_from(count).ok()).ok_or("its header count is bad")?;
    let mut rest = bytes;
    for _ in 0..count {
        nullable_bytes(&mut rest).flatten().ok_or("a header's key is null or longer than the record")?;
        nullable_bytes(&mut rest).ok_or("a header's value is longer than the record")?;
    }
    if rest.is_empty() { Ok(Headers { bytes, left: count }) } else { Err("there are bytes behind its headers") }
}

/// Reads bytes with their length in front; the outer `None` if they are not all there, the inner one if they are null.
#[inline]
#[expect(clippy::option_option, reason = "null and missing are different answers of a hot path")]
pub(super) fn nullable_bytes<'a>(from: &mut &'a [u8]) -> Option<Option<&'a [u8]>> {
    let len = varint::get(from)?;
    let Ok(len) = usize::try_from(len) else {
        return Some(None);
    };
    let (bytes, rest) = from.split_at_checked(len)?;
    *from = rest;
    Some(Some(bytes))
}
