//! Batches, and each codec within one.

use bytes::Bytes;

use super::Target;
use crate::record::{BatchBuilder, Codec, Compression, Decompression, Header, batches};

/// Small, so that a bomb is one at once.
const LIMIT: Decompression = Decompression::up_to(1 << 20);
/// A batch's header: its length, checksum, what the checksum begins with, its count, its end.
const LENGTH_AT: usize = 8;
const CHECKSUM_AT: usize = 17;
const ATTRIBUTES_AT: usize = 21;
const COUNT_AT: usize = 57;
const HEADER_END: usize = 61;

pub(super) const TARGETS: &[Target] = &[
    Target { name: "batches", run: read, seeds: || seeds(Codec::None) },
    Target { name: "batches with right checksums", run: read_signed, seeds: || seeds(Codec::None) },
    Target { name: "gzip", run: |data| read_payload(1, data), seeds: || payloads(Codec::Gzip) },
    Target { name: "snappy", run: |data| read_payload(2, data), seeds: || payloads(Codec::Snappy) },
    Target { name: "lz4", run: |data| read_payload(3, data), seeds: || payloads(Codec::Lz4) },
    Target { name: "zstd", run: |data| read_payload(4, data), seeds: || payloads(Codec::Zstd) },
];

/// Reads all records, as a fetcher does.
fn read(data: &[u8]) {
    for batch in batches(Bytes::copy_from_slice(data)) {
        let Ok(batch) = batch else { return };
        assert!(batch.next_offset() > batch.base_offset(), "a batch must lead on");
        let _ = batch.control();
        let Ok(records) = batch.records(LIMIT) else { continue };
        assert!(records.decompressed_bytes() <= LIMIT.max_bytes().max(data.len()), "more than the limit");
        for record in records.iter() {
            let Ok(record) = record else { break };
            assert!(
                (batch.base_offset()..batch.next_offset()).contains(&record.offset()),
                "an offset of another batch"
            );
            record.headers().for_each(drop);
        }
    }
}

/// The same once the first batch's length and checksum are right: most lies stop there otherwise.
fn read_signed(data: &[u8]) {
    let mut bytes = data.to_vec();
    sign(&mut bytes);
    read(&bytes);
}

/// The same of a batch whose records are `payload` in codec `id`; the first two bytes are their count.
fn read_payload(id: u8, data: &[u8]) {
    let Some((count, payload)) = data.split_first_chunk::<2>() else { return };
    let mut bytes = vec![0; HEADER_END];
    bytes.extend_from_slice(payload);
    let fields: [(usize, &[u8]); 4] =
        [(16, &[2]), (ATTRIBUTES_AT, &[0, id, 0, 0, 0xff, 0xff]), (COUNT_AT, &[0, 0]), (COUNT_AT + 2, count)];
    for (at, field) in fields {
        if let Some(place) = bytes.get_mut(at..at + field.len()) {
            place.copy_from_slice(field);
        }
    }
    sign(&mut bytes);
    read(&bytes);
}

/// Makes length and checksum those of one batch that is all of `bytes`.
fn sign(bytes: &mut [u8]) {
    let Some(length) = bytes.len().checked_sub(LENGTH_AT + 4).and_then(|length| i32::try_from(length).ok()) else {
        return;
    };
    if let Some(place) = bytes.get_mut(LENGTH_AT..LENGTH_AT + 4) {
        place.copy_from_slice(&length.to_be_bytes());
    }
    let checksum = crc32c::crc32c(bytes.get(ATTRIBUTES_AT..).unwrap_or_default());
    if let Some(place) = bytes.get_mut(CHECKSUM_AT..CHECKSUM_AT + 4) {
        place.copy_from_slice(&checksum.to_be_bytes());
    }
}

fn seeds(codec: Codec) -> Vec<Vec<u8>> {
    let mut builder = BatchBuilder::new();
    builder.push(1_700_000_000_000, Some(b"key"), Some(&[b'v'; 200]), &[Header::new("name", "value")]);
    builder.push(1_700_000_000_001, None, None, &[]);
    builder.push(1_700_000_000_002, Some(b""), Some(b""), &[]);
    builder.finish(None, Compression::from(codec)).map(|bytes| bytes.to_vec()).into_iter().collect()
}

fn payloads(codec: Codec) -> Vec<Vec<u8>> {
    let payload = |batch: Vec<u8>| [&[0, 3], batch.get(HEADER_END..).unwrap_or_default()].concat();
    seeds(codec).into_iter().map(payload).collect()
}
