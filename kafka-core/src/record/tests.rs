//! The codec against Kafka's own batches, against itself, and against bytes that lie.

mod golden;
mod hostile;
mod round_trip;

use bytes::Bytes;

use super::{Batch, Decompression, RecordErrorKind, RecordView, Records, batches};

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
