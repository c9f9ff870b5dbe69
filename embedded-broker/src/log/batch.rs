//! The header of a record batch (magic 2), as described in Kafka's "Message Format" page.

use bytes::{Buf, Bytes, BytesMut};

use super::Refusal;

const HEADER: usize = 61;
const LENGTH_PREFIX: usize = 12;
const LEADER_EPOCH: std::ops::Range<usize> = 12..16;
const CRC_COVERS_FROM: usize = 21;

const CODEC_MASK: i16 = 0x07;
const NEWEST_CODEC: i16 = 4;
const TRANSACTIONAL: i16 = 0x10;
const CONTROL: i16 = 0x20;

/// What the broker needs to know of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BatchHeader {
    pub(super) max_timestamp: i64,
    pub(super) producer_id: i64,
    pub(super) producer_epoch: i16,
    pub(super) base_sequence: i32,
    pub(super) count: i32,
}

impl BatchHeader {
    /// Checks that `bytes` is exactly one valid batch of a client: what Kafka takes since Produce v3.
    pub(super) fn check(bytes: &Bytes, max_message_bytes: usize) -> Result<Self, Refusal> {
        if bytes.len() < HEADER {
            return Err(Refusal::CorruptMessage);
        }
        let mut header = bytes.slice(..HEADER);
        header.advance(8);
        let length = usize::try_from(header.get_i32()).map_err(|_| Refusal::CorruptMessage)?;
        match length.saturating_add(LENGTH_PREFIX).cmp(&bytes.len()) {
            std::cmp::Ordering::Greater => return Err(Refusal::CorruptMessage),
            // More than one batch for a partition.
            std::cmp::Ordering::Less => return Err(Refusal::InvalidRecord),
            std::cmp::Ordering::Equal => {}
        }
        if bytes.len() > max_message_bytes {
            return Err(Refusal::MessageTooLarge);
        }
        header.advance(4);
        if header.get_i8() != 2 {
            return Err(Refusal::UnsupportedForMessageFormat);
        }
        if header.get_u32() != crc32c::crc32c(bytes.get(CRC_COVERS_FROM..).unwrap_or_default()) {
            return Err(Refusal::CorruptMessage);
        }
        let attributes = header.get_i16();
        let last_offset_delta = header.get_i32();
        let _base_timestamp = header.get_i64();
        let batch = Self {
            max_timestamp: header.get_i64(),
            producer_id: header.get_i64(),
            producer_epoch: header.get_i16(),
            base_sequence: header.get_i32(),
            count: header.get_i32(),
        };
        batch.check_content(attributes, last_offset_delta)?;
        Ok(batch)
    }

    fn check_content(&self, attributes: i16, last_offset_delta: i32) -> Result<(), Refusal> {
        if self.count <= 0 || last_offset_delta != self.count - 1 {
            return Err(Refusal::InvalidRecord);
        }
        if attributes & CODEC_MASK > NEWEST_CODEC {
            return Err(Refusal::UnsupportedCompressionType);
        }
        // Only a transaction coordinator writes control batches, and there is none here.
        if attributes & CONTROL != 0 {
            return Err(Refusal::InvalidRecord);
        }
        if attributes & TRANSACTIONAL != 0 {
            return Err(Refusal::TransactionalIdAuthorizationFailed);
        }
        if self.producer_id >= 0 && (self.producer_epoch < 0 || self.base_sequence < 0) {
            return Err(Refusal::InvalidRecord);
        }
        Ok(())
    }

    /// Whether an idempotent producer wrote it.
    pub(super) fn is_idempotent(&self) -> bool {
        self.producer_id >= 0
    }

    /// The last record's sequence number; they wrap from 2^31 - 1 to 0.
    pub(super) fn last_sequence(&self) -> i32 {
        let last = i64::from(self.base_sequence) + i64::from(self.count) - 1;
        i32::try_from(last % (i64::from(i32::MAX) + 1)).unwrap_or(0)
    }
}

/// The batch at `base_offset`: the one copy of its life, which also lets go of the request's frame. Neither field
/// that is written is covered by the CRC.
pub(super) fn placed_at(bytes: &Bytes, base_offset: i64, leader_epoch: i32) -> Bytes {
    let mut batch = BytesMut::from(bytes.as_ref());
    if let Some(field) = batch.get_mut(..8) {
        field.copy_from_slice(&base_offset.to_be_bytes());
    }
    if let Some(field) = batch.get_mut(LEADER_EPOCH) {
        field.copy_from_slice(&leader_epoch.to_be_bytes());
    }
    batch.freeze()
}

/// A stored batch's base offset and leader epoch.
pub(super) fn placed(bytes: &Bytes) -> (i64, i32) {
    let mut header = bytes.clone();
    let base_offset = header.try_get_i64().unwrap_or(-1);
    let _length = header.try_get_i32();
    (base_offset, header.try_get_i32().unwrap_or(-1))
}
