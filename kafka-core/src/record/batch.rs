//! One batch: its header, checked, and the way to its records.

use bytes::Bytes;

use super::{
    Codec, ControlKind, Decompression, RecordError, RecordErrorKind, Records,
    fields::{CRC_FROM, Fields, HEADER_LEN, LENGTH_FROM, ProducerStamp},
};

/// No marker is longer; and a batch that says it is one may not make us decompress more.
const MAX_CONTROL_LEN: usize = 64 << 10;

const LOG_APPEND_TIME: i16 = 1 << 3;
const TRANSACTIONAL: i16 = 1 << 4;
const CONTROL: i16 = 1 << 5;

/// A batch whose checksum is right and whose header agrees with itself. Cloning shares its bytes.
#[derive(Clone, Debug)]
pub struct Batch {
    bytes: Bytes,
    fields: Fields,
    codec: Codec,
    next_offset: i64,
}

impl Batch {
    /// Checks a batch of magic 2, of which `bytes` is exactly the length it claims.
    pub(super) fn open(bytes: Bytes) -> Result<Self, RecordError> {
        let base_offset = bytes.first_chunk().map_or(-1, |offset| i64::from_be_bytes(*offset));
        let fail = |kind| RecordError::new(base_offset, None, kind);
        let malformed = |detail| fail(RecordErrorKind::Header(detail));
        let fields = Fields::read(&bytes).ok_or_else(|| malformed("it ends within its header"))?;
        let computed = crc32c::crc32c(bytes.get(CRC_FROM..).unwrap_or_default());
        if computed != fields.crc {
            return Err(fail(RecordErrorKind::Checksum { stored: fields.crc, computed }));
        }
        if base_offset < 0 || fields.last_offset_delta < 0 {
            return Err(malformed("an offset is negative"));
        }
        let next_offset = base_offset
            .checked_add(i64::from(fields.last_offset_delta))
            .and_then(|last| last.checked_add(1))
            .ok_or_else(|| malformed("an offset is beyond the last possible one"))?;
        let codec = Codec::from_attributes(fields.attributes)
            .map_err(|id| RecordError::new(base_offset, Some(next_offset), RecordErrorKind::UnknownCodec(id)))?;
        let batch = Self { bytes, fields, codec, next_offset };
        match batch.miscount() {
            None => Ok(batch),
            Some(detail) => Err(batch.error(RecordErrorKind::Header(detail))),
        }
    }

    /// What is wrong with the number of records, if something is.
    fn miscount(&self) -> Option<&'static str> {
        if self.fields.count < 0 {
            return Some("its record count is negative");
        }
        // Compaction takes records out of a batch but leaves its offsets.
        (i64::from(self.fields.count) > i64::from(self.fields.last_offset_delta).saturating_add(1))
            .then_some("it has more records than offsets")
    }

    /// An error about what is behind the header, which can be skipped.
    pub(super) fn error(&self, kind: RecordErrorKind) -> RecordError {
        RecordError::new(self.fields.base_offset, Some(self.next_offset), kind)
    }

    /// What stands behind the header: the records, perhaps compressed.
    pub(super) fn payload(&self) -> Bytes {
        self.bytes.slice(HEADER_LEN.min(self.bytes.len())..)
    }

    pub(super) fn last_offset_delta(&self) -> i64 {
        i64::from(self.fields.last_offset_delta)
    }

    /// The offset of the first record; compaction may have taken that record out.
    pub fn base_offset(&self) -> i64 {
        self.fields.base_offset
    }

    /// The offset of the last record; compaction may have taken that record out.
    pub fn last_offset(&self) -> i64 {
        self.next_offset.saturating_sub(1)
    }

    /// Where the partition goes on behind this batch, even if no record is left in it.
    pub fn next_offset(&self) -> i64 {
        self.next_offset
    }

    /// The epoch of the leader that appended it, -1 if no broker has seen it.
    pub fn leader_epoch(&self) -> i32 {
        self.fields.leader_epoch
    }

    /// The timestamp its records' timestamps are relative to, in milliseconds since the epoch.
    pub fn base_timestamp(&self) -> i64 {
        self.fields.base_timestamp
    }

    /// The largest timestamp of its records, in milliseconds since the epoch.
    pub fn max_timestamp(&self) -> i64 {
        self.fields.max_timestamp
    }

    /// When the broker appended it, if the topic takes that as the timestamp of all its records.
    ///
    /// Kafka: `message.timestamp.type=LogAppendTime`.
    pub fn log_append_time(&self) -> Option<i64> {
        self.has(LOG_APPEND_TIME).then_some(self.fields.max_timestamp)
    }

    /// The stamp of an idempotent producer, if it has one.
    pub fn producer(&self) -> Option<ProducerStamp> {
        (self.fields.stamp.producer_id >= 0).then_some(self.fields.stamp)
    }

    /// Whether it is part of a transaction.
    pub fn is_transactional(&self) -> bool {
        self.has(TRANSACTIONAL)
    }

    /// Whether it holds a marker of the broker's instead of records.
    pub fn is_control(&self) -> bool {
        self.has(CONTROL)
    }

    /// What the marker says, if it is a control batch.
    pub fn control(&self) -> Option<ControlKind> {
        self.is_control().then(|| {
            let records = self.records(Decompression::up_to(MAX_CONTROL_LEN));
            let marker = records.as_ref().ok().and_then(|records| records.iter().next()?.ok());
            marker.map_or(ControlKind::Other, |record| ControlKind::from_key(record.key()))
        })
    }

    /// How its records are compressed.
    pub fn codec(&self) -> Codec {
        self.codec
    }

    /// How many records it holds.
    pub fn count(&self) -> i32 {
        self.fields.count
    }

    /// Its records, in the order of their offsets. A compressed batch is decompressed once, into one buffer that may
    /// not grow beyond its limit; the records of another stay where they are.
    ///
    /// # Errors
    /// The batch does not decompress, is too large for `limits`, or is compressed with a codec that is not in this
    /// build. [`RecordError::next_offset`] is behind it.
    pub fn records(&self, limits: Decompression) -> Result<Records, RecordError> {
        Records::read(self, limits)
    }

    /// The whole batch, header included.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// A copy at the offset and with the leader epoch that a broker gives it; neither is under the checksum.
    #[must_use]
    pub fn appended_at(&self, base_offset: i64, leader_epoch: i32) -> Self {
        let mut bytes = self.bytes.to_vec();
        let fields = Fields { base_offset, leader_epoch, ..self.fields };
        if let Some(header) = bytes.first_chunk_mut() {
            fields.write(header);
        }
        let next_offset = base_offset.saturating_add(i64::from(fields.last_offset_delta)).saturating_add(1);
        Self { bytes: bytes.into(), fields, codec: self.codec, next_offset }
    }

    fn has(&self, attribute: i16) -> bool {
        self.fields.attributes & attribute != 0
    }
}

/// How long the batch that starts here claims to be; `None` if it does not say so yet.
pub(super) fn claimed_len(bytes: &[u8]) -> Option<Result<usize, i32>> {
    let length = i32::from_be_bytes(*bytes.get(8..)?.first_chunk()?);
    let len = usize::try_from(length).ok().and_then(|length| length.checked_add(LENGTH_FROM));
    Some(len.filter(|len| *len >= HEADER_LEN).ok_or(length))
}
