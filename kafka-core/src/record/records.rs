//! The records of a batch, borrowed from its bytes.

use std::iter::FusedIterator;

use super::{Batch, Codec, RecordError, RecordErrorKind, varint};

/// A record in its batch.
#[derive(Clone, Copy, Debug)]
pub struct RecordView<'a> {
    offset: i64,
    timestamp: i64,
    timestamp_type: TimestampType,
    key: Option<&'a [u8]>,
    value: Option<&'a [u8]>,
    headers: Headers<'a>,
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

/// The iterator of [`Batch::records`]; it ends after an error.
#[derive(Clone, Debug)]
pub struct Records<'a> {
    batch: &'a Batch,
    rest: &'a [u8],
    /// How many records were read.
    index: i32,
    /// What the next record's offset delta is at least.
    least_delta: i64,
    ended: bool,
}

impl<'a> Records<'a> {
    pub(super) fn new(batch: &'a Batch) -> Self {
        Self { batch, rest: batch.payload(), index: 0, least_delta: 0, ended: false }
    }

    #[inline]
    fn read(&mut self) -> Result<RecordView<'a>, &'static str> {
        let mut record = nullable_bytes(&mut self.rest).flatten().ok_or("it is longer than the batch")?;
        let from = &mut record;
        let (_attributes, behind) = from.split_first().ok_or("it is empty")?;
        *from = behind;
        let timestamp_delta = varint::get(from).ok_or("it ends within its timestamp")?;
        let offset_delta = varint::get(from).ok_or("it ends within its offset")?;
        if offset_delta < self.least_delta || offset_delta > self.batch.last_offset_delta() {
            return Err("its offset is not in order");
        }
        self.least_delta = offset_delta.saturating_add(1);
        let key = nullable_bytes(from).ok_or("its key is longer than the record")?;
        let value = nullable_bytes(from).ok_or("its value is longer than the record")?;
        let headers = headers(record)?;
        let (timestamp, timestamp_type) = match self.batch.log_append_time() {
            Some(timestamp) => (timestamp, TimestampType::LogAppendTime),
            None => (self.batch.base_timestamp().saturating_add(timestamp_delta), TimestampType::CreateTime),
        };
        let offset = self.batch.base_offset().saturating_add(offset_delta);
        Ok(RecordView { offset, timestamp, timestamp_type, key, value, headers })
    }

    #[cold]
    fn fail(&mut self, kind: RecordErrorKind) -> Option<Result<RecordView<'a>, RecordError>> {
        self.ended = true;
        Some(Err(self.batch.error(kind)))
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<RecordView<'a>, RecordError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        if self.batch.codec() != Codec::None {
            return self.fail(RecordErrorKind::UnsupportedCodec(self.batch.codec()));
        }
        let index = self.index;
        if index == self.batch.count() {
            self.ended = true;
            let detail = "there are bytes behind it";
            let left_over = !self.rest.is_empty();
            return left_over
                .then(|| Err(self.batch.error(RecordErrorKind::Record { index: index.saturating_sub(1), detail })));
        }
        self.index = index.saturating_add(1);
        match self.read() {
            Ok(record) => Some(Ok(record)),
            Err(detail) => self.fail(RecordErrorKind::Record { index, detail }),
        }
    }
}

impl FusedIterator for Records<'_> {}

/// Checks the headers at a record's end, so that reading them later cannot fail.
#[inline]
fn headers(record: &[u8]) -> Result<Headers<'_>, &'static str> {
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
fn nullable_bytes<'a>(from: &mut &'a [u8]) -> Option<Option<&'a [u8]>> {
    let len = varint::get(from)?;
    let Ok(len) = usize::try_from(len) else {
        return Some(None);
    };
    let (bytes, rest) = from.split_at_checked(len)?;
    *from = rest;
    Some(Some(bytes))
}
