//! Writing a batch.

use bytes::Bytes;

use super::{
    Codec, Compression, CompressionError, Header, codecs,
    fields::{CRC, CRC_FROM, Fields, HEADER_LEN, LENGTH_FROM, ProducerStamp},
    varint,
};

/// Up to this size a batch is compressed as asked for even if that makes it longer: no limit is so small, and what a
/// tool shows is then what was configured.
const ALWAYS_COMPRESSED: usize = 4 << 10;

/// A batch in the making, encoded record by record into the buffer that is sent.
#[derive(Debug)]
pub struct BatchBuilder {
    buffer: Vec<u8>,
    count: i32,
    base_timestamp: i64,
    max_timestamp: i64,
}

impl BatchBuilder {
    /// The size in bytes of a batch without records.
    pub(crate) const EMPTY_SIZE: usize = HEADER_LEN;

    /// An empty batch.
    pub fn new() -> Self {
        Self::with_capacity(0)
    }

    /// An empty batch with room for this many bytes.
    pub fn with_capacity(bytes: usize) -> Self {
        Self::reusing(Vec::with_capacity(bytes.max(HEADER_LEN)))
    }

    /// An empty batch in a buffer that nobody reads any more; what it holds is forgotten.
    pub(crate) fn reusing(mut buffer: Vec<u8>) -> Self {
        buffer.clear();
        buffer.resize(HEADER_LEN, 0);
        Self { buffer, count: 0, base_timestamp: -1, max_timestamp: -1 }
    }

    /// The most bytes this record adds to a batch.
    pub fn estimate(key: Option<&[u8]>, value: Option<&[u8]>, headers: &[Header]) -> usize {
        const LENGTH: usize = 5;
        const ATTRIBUTES: usize = 1;
        const OFFSET_DELTA: usize = 5;
        let around = LENGTH.saturating_add(ATTRIBUTES).saturating_add(varint::MAX_LEN).saturating_add(OFFSET_DELTA);
        around.saturating_add(content_len(key, value, headers))
    }

    /// Appends a record; `timestamp_ms` is milliseconds since the epoch.
    ///
    /// The caller keeps [`size`](Self::size) within its limits; no broker accepts a batch of 2 GiB.
    pub fn push(&mut self, timestamp_ms: i64, key: Option<&[u8]>, value: Option<&[u8]>, headers: &[Header]) {
        if self.count == 0 {
            self.base_timestamp = timestamp_ms;
            self.max_timestamp = timestamp_ms;
        }
        self.max_timestamp = self.max_timestamp.max(timestamp_ms);
        let timestamp_delta = timestamp_ms.wrapping_sub(self.base_timestamp);
        let offset_delta = i64::from(self.count);
        let len = 1_usize
            .saturating_add(varint::len(timestamp_delta))
            .saturating_add(varint::len(offset_delta))
            .saturating_add(content_len(key, value, headers));
        let out = &mut self.buffer;
        out.reserve(len.saturating_add(varint::MAX_LEN));
        varint::put(out, wire_len(len));
        out.push(0);
        varint::put(out, timestamp_delta);
        varint::put(out, offset_delta);
        put_bytes(out, key);
        put_bytes(out, value);
        varint::put(out, wire_len(headers.len()));
        for header in headers {
            put_bytes(out, Some(&header.key));
            put_bytes(out, header.value.as_deref());
        }
        self.count = self.count.saturating_add(1);
    }

    /// The batch's size in bytes if it is finished now.
    pub fn size(&self) -> usize {
        self.buffer.len()
    }

    /// How many records it holds.
    pub fn count(&self) -> i32 {
        self.count
    }

    /// Whether it holds no record.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The finished batch, at base offset 0 as producers send it; stamped if the producer is idempotent.
    ///
    /// Compressing a batch takes a while: a millisecond or more for 100 KiB, on the caller's thread. A longer batch that
    /// compression would make longer still is not compressed, so that none outgrows the limit it was filled to.
    ///
    /// # Errors
    /// The codec or its level is not in this build ([`Compression::check`] says so before the first record), or the
    /// batch is longer than 2 GiB.
    pub fn finish(mut self, stamp: Option<ProducerStamp>, compression: Compression) -> Result<Bytes, CompressionError> {
        let (mut batch, codec) = self.compressed(compression)?;
        let len = batch.len();
        let fields = Fields {
            base_offset: 0,
            length: i32::try_from(len.saturating_sub(LENGTH_FROM)).map_err(|_| CompressionError::TooLong { len })?,
            leader_epoch: -1,
            crc: 0,
            attributes: codec.attributes(),
            last_offset_delta: self.count.saturating_sub(1).max(0),
            base_timestamp: self.base_timestamp,
            max_timestamp: self.max_timestamp,
            stamp: stamp.unwrap_or(ProducerStamp::NONE),
            count: self.count,
        };
        if let Some(header) = batch.first_chunk_mut() {
            fields.write(header);
        }
        let crc = crc32c::crc32c(batch.get(CRC_FROM..).unwrap_or_default());
        if let Some(field) = batch.get_mut(CRC) {
            field.copy_from_slice(&crc.to_be_bytes());
        }
        Ok(Bytes::from(batch))
    }

    /// Room for a header and the records behind it, with the codec they are in.
    fn compressed(&mut self, compression: Compression) -> Result<(Vec<u8>, Codec), CompressionError> {
        let plain = std::mem::take(&mut self.buffer);
        if compression.codec() == Codec::None {
            return compression.check().map(|()| (plain, Codec::None));
        }
        let mut batch = vec![0; HEADER_LEN];
        codecs::compress(compression, plain.get(HEADER_LEN..).unwrap_or_default(), &mut batch)?;
        if batch.len() > plain.len() && plain.len() > ALWAYS_COMPRESSED {
            return Ok((plain, Codec::None));
        }
        Ok((batch, compression.codec()))
    }
}

impl Default for BatchBuilder {
    fn default() -> Self {
        Self::new()
    }
}

/// The length of a record's key, value and headers, each with its own length in front.
#[inline]
fn content_len(key: Option<&[u8]>, value: Option<&[u8]>, headers: &[Header]) -> usize {
    let fixed = bytes_len(key).saturating_add(bytes_len(value)).saturating_add(varint::len(wire_len(headers.len())));
    headers.iter().fold(fixed, |sum, header| {
        sum.saturating_add(bytes_len(Some(&header.key))).saturating_add(bytes_len(header.value.as_deref()))
    })
}

#[inline]
fn bytes_len(bytes: Option<&[u8]>) -> usize {
    bytes.map_or(1, |bytes| varint::len(wire_len(bytes.len())).saturating_add(bytes.len()))
}

#[inline]
fn put_bytes(out: &mut Vec<u8>, bytes: Option<&[u8]>) {
    match bytes {
        Some(bytes) => {
            varint::put(out, wire_len(bytes.len()));
            out.extend_from_slice(bytes);
        }
        None => varint::put(out, -1),
    }
}

#[inline]
fn wire_len(len: usize) -> i64 {
    // No allocation is longer than i64::MAX.
    i64::try_from(len).unwrap_or(i64::MAX)
}
