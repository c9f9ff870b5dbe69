//! The codec against Kafka's own batches, against itself, and against bytes that lie.

mod compressed;
mod golden;
mod hostile;
mod round_trip;

use bytes::Bytes;

use super::{Batch, Decompression, RecordErrorKind, RecordView, Records, batches, fields};

/// A record with everything owned, for comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Owned {
    offset: i64,
    timestamp: i64,
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: Vec<(Vec<u8>, Option<Vec<u8>>)>,
}

impl From<RecordView<'_>> for Owned {
    fn from(record: RecordView<'_>) -> Self {
        Self {
            offset: record.offset(),
            timestamp: record.timestamp(),
            key: record.key().map(<[u8]>::to_vec),
            value: record.value().map(<[u8]>::to_vec),
            headers: record.headers().map(|(key, value)| (key.to_vec(), value.map(<[u8]>::to_vec))).collect(),
        }
    }
}

fn only_batch(bytes: Bytes) -> Batch {
    let mut batches = batches(bytes);
    let batch = batches.next().expect("a batch").expect("a sound batch");
    assert!(batches.next().is_none());
    batch
}

fn records(batch: &Batch) -> Records {
    batch.records(Decompression::default()).expect("records")
}

fn owned(batch: &Batch) -> Vec<Owned> {
    records(batch).iter().map(|record| record.expect("a sound record").into()).collect()
}

fn only_error(bytes: Bytes) -> RecordErrorKind {
    let mut batches = batches(bytes);
    let error = batches.next().expect("a batch").expect_err("a broken batch");
    assert!(batches.next().is_none());
    error.kind().clone()
}

/// Makes the checksum right again, so that what is behind it is looked at.
fn with_checksum(mut batch: Vec<u8>) -> Bytes {
    if batch.len() >= fields::HEADER_LEN {
        let crc = crc32c::crc32c(&batch[fields::CRC_FROM..]);
        batch[fields::CRC].copy_from_slice(&crc.to_be_bytes());
    }
    Bytes::from(batch)
}

/// A small generator, so that a failure is found again by its round.
struct Mutations(u64);

impl Default for Mutations {
    fn default() -> Self {
        Self(88_172_645_463_325_252)
    }
}

impl Mutations {
    fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 16).unwrap() % below
    }
}
