//! The records of a batch, decompressed.

use std::iter::FusedIterator;

use bytes::Bytes;

use super::{
    Batch, Codec, Decompression, RecordError, RecordErrorKind, RecordView, TimestampType, codecs,
    record_view::{headers, nullable_bytes},
    varint,
};

/// The shortest record: six fields of one byte, and its length.
const MIN_RECORD_LEN: usize = 7;

/// The records of a batch: in its own bytes or, if it is compressed, in a buffer of their own. Cloning shares both.
#[derive(Clone, Debug)]
pub struct Records {
    batch: Batch,
    payload: Bytes,
}

impl Records {
    /// Decompresses what stands behind the batch's header.
    pub(super) fn read(batch: &Batch, limits: Decompression) -> Result<Self, RecordError> {
        let payload = match batch.codec() {
            Codec::None => batch.payload(),
            codec => codecs::decompress(codec, &batch.payload(), limits.max_bytes())
                .map_err(|failure| batch.error(failure.into_kind(codec, limits.max_bytes())))?
                .into(),
        };
        let count = usize::try_from(batch.count()).unwrap_or_default();
        if count.saturating_mul(MIN_RECORD_LEN) > payload.len() {
            return Err(batch.error(RecordErrorKind::Header("it has more records than bytes")));
        }
        Ok(Self { batch: batch.clone(), payload })
    }

    /// The batch they are in.
    pub fn batch(&self) -> &Batch {
        &self.batch
    }

    /// The records, in the order of their offsets. They are checked as they are read.
    pub fn iter(&self) -> RecordIter<'_> {
        RecordIter { batch: &self.batch, rest: &self.payload, index: 0, least_delta: 0, ended: false }
    }

    /// How many bytes of memory they take beside the batch's own: none if it is not compressed.
    pub fn decompressed_bytes(&self) -> usize {
        if self.batch.codec() == Codec::None { 0 } else { self.payload.len() }
    }

    /// The same records in the bytes that `hold` makes of theirs, without a copy: whoever counts them learns so when the
    /// last slice is gone.
    pub(crate) fn with_payload(self, hold: impl FnOnce(Bytes) -> Bytes) -> Self {
        Self { payload: hold(self.payload), ..self }
    }

    /// Whether this part, such as a record's value, is one of theirs.
    pub fn holds(&self, part: &[u8]) -> bool {
        let (payload, part) = (self.payload.as_ptr_range(), part.as_ptr_range());
        payload.start <= part.start && part.end <= payload.end
    }

    /// An owned part of them, such as a record's value: shared, not copied.
    pub fn slice(&self, part: &[u8]) -> Bytes {
        if self.holds(part) { self.payload.slice_ref(part) } else { Bytes::copy_from_slice(part) }
    }
}

impl<'a> IntoIterator for &'a Records {
    type Item = Result<RecordView<'a>, RecordError>;
    type IntoIter = RecordIter<'a>;

    fn into_iter(self) -> RecordIter<'a> {
        self.iter()
    }
}

/// The iterator of [`Records::iter`]; it ends after an error.
#[derive(Clone, Debug)]
pub struct RecordIter<'a> {
    batch: &'a Batch,
    rest: &'a [u8],
    /// How many records were read.
    index: i32,
    /// What the next record's offset delta is at least.
    least_delta: i64,
    ended: bool,
}

impl<'a> RecordIter<'a> {
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
        let codec = self.batch.codec();
        Ok(RecordView { offset, timestamp, timestamp_type, codec, key, value, headers })
    }

    #[cold]
    fn fail(&mut self, kind: RecordErrorKind) -> Option<Result<RecordView<'a>, RecordError>> {
        self.ended = true;
        Some(Err(self.batch.error(kind)))
    }
}

impl<'a> Iterator for RecordIter<'a> {
    type Item = Result<RecordView<'a>, RecordError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
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

impl FusedIterator for RecordIter<'_> {}
