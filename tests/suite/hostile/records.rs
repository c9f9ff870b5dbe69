//! Lies about records.

use bytes::BytesMut;
use ottla_kafka_core::{
    Codec, Compression,
    protocol::{
        kafka_protocol::protocol::Request as _,
        messages::{FetchRequest, FetchResponse},
    },
    record::BatchBuilder,
};
use ottla_tests::{liar::Told, stub::Request};

use super::{ALWAYS, Attempt, Expected, Row, edit};

type Lie = fn(&Request, &[u8]) -> Told;

/// The lie goes on: the partition stops with an error that names who told it.
const fn says(what: &'static str, lie: Lie, text: &'static str) -> Row {
    Row { what, attempt: Attempt::Fetch, times: ALWAYS, lie, expected: Expected::Knows(text) }
}

/// A batch of one and a half mebibytes in a few kilobytes, for a client that accepts one.
const fn bomb(what: &'static str, lie: Lie) -> Row {
    Row { what, attempt: Attempt::FetchSmall, times: ALWAYS, lie, expected: Expected::Knows("decompress") }
}

const fn heals(what: &'static str, lie: Lie) -> Row {
    Row { what, attempt: Attempt::Fetch, times: 2, lie, expected: Expected::Heals }
}

fn edited(request: &Request, body: &[u8], change: impl FnOnce(&mut FetchResponse)) -> Told {
    edit::edited::<FetchRequest>(request, body, change)
}

/// Changes the records' bytes, if there are any.
fn bent(request: &Request, body: &[u8], bend: impl Fn(&mut BytesMut)) -> Told {
    edited(request, body, |answer| {
        for partition in answer.responses.iter_mut().flat_map(|topic| &mut topic.partitions) {
            if let Some(records) = partition.records.as_mut().filter(|records| !records.is_empty()) {
                let mut bytes = BytesMut::from(&records[..]);
                bend(&mut bytes);
                *records = bytes.freeze();
            }
        }
    })
}

/// Overwrites bytes of the first batch and makes its checksum right again.
fn signed(request: &Request, body: &[u8], at: usize, with: &[u8]) -> Told {
    bent(request, body, |bytes| {
        bytes[at..at + with.len()].copy_from_slice(with);
        let length =
            usize::try_from(i32::from_be_bytes([bytes[8], bytes[9], bytes[10], bytes[11]])).unwrap_or_default();
        let end = (12 + length).min(bytes.len());
        let checksum = crc32c::crc32c(&bytes[21..end]);
        bytes[17..21].copy_from_slice(&checksum.to_be_bytes());
    })
}

/// Replaces the records by one batch that is a bomb.
fn exploding(request: &Request, body: &[u8], compression: Compression) -> Told {
    if request.api != FetchRequest::KEY {
        return Told::Truth;
    }
    let mut builder = BatchBuilder::new();
    builder.push(0, None, Some(&vec![0; 3 << 19]), &[]);
    let Ok(bomb) = builder.finish(None, compression) else { return Told::Truth };
    bent(request, body, |bytes| *bytes = BytesMut::from(&bomb[..]))
}

/// Where a batch's header has its fields.
const LENGTH: usize = 8;
const MAGIC: usize = 16;
const CHECKSUM: usize = 17;
const ATTRIBUTES: usize = 21;
const LAST_OFFSET_DELTA: usize = 23;
const COUNT: usize = 57;
const FIRST_RECORD: usize = 61;

pub(super) const ROWS: &[Row] = &[
    heals("Fetch of garbage, twice", |r, _| edit::replaced::<FetchRequest>(r, |_| vec![0xff; 80])),
    heals("two lost Fetch answers", |r, _| if r.api == 1 { Told::Last(Vec::new()) } else { Told::Truth }),
    heals("a Fetch answer twice", |r, _| if r.api == 1 { Told::Twice } else { Told::Truth }),
    heals("a Fetch answer without the partition", |r, b| edited(r, b, |a| a.responses.clear())),
    heals("records cut in the first batch, twice", |r, b| bent(r, b, |bytes| bytes.truncate(40))),
    heals("a high watermark of −1", |r, b| {
        edited(r, b, |a| a.responses.iter_mut().flat_map(|t| &mut t.partitions).for_each(|p| p.high_watermark = -1))
    }),
    says(
        "a batch of negative length",
        |r, b| bent(r, b, |bytes| bytes[LENGTH..LENGTH + 4].copy_from_slice(&[0xff; 4])),
        "length",
    ),
    says("a batch of length 0", |r, b| bent(r, b, |bytes| bytes[LENGTH..LENGTH + 4].fill(0)), "length"),
    says("a wrong checksum", |r, b| bent(r, b, |bytes| bytes[CHECKSUM] ^= 1), "corrupt"),
    says("a byte changed on the way", |r, b| bent(r, b, |bytes| bytes[FIRST_RECORD + 5] ^= 0x40), "corrupt"),
    says("a batch of magic 9", |r, b| bent(r, b, |bytes| bytes[MAGIC] = 9), "magic"),
    says("a codec that is none", |r, b| signed(r, b, ATTRIBUTES, &[0, 7]), "codec"),
    says("2^31 − 1 records", |r, b| signed(r, b, COUNT, &[0x7f, 0xff, 0xff, 0xff]), "records"),
    says("a negative count of records", |r, b| signed(r, b, COUNT, &[0xff; 4]), "count"),
    says("one record less than counted", |r, b| signed(r, b, COUNT, &[0, 0, 0, 2]), ""),
    says("a last offset before the first", |r, b| signed(r, b, LAST_OFFSET_DELTA, &[0xff; 4]), "offset"),
    says("a record of negative length", |r, b| signed(r, b, FIRST_RECORD, &[1]), "record"),
    says("a record longer than its batch", |r, b| signed(r, b, FIRST_RECORD, &[0x7e]), "record"),
    says(
        "an offset that goes back",
        |r, b| bent(r, b, |bytes| bytes[..8].copy_from_slice(&(-5_i64).to_be_bytes())),
        "offset",
    ),
    says("gzip that is none", |r, b| signed(r, b, ATTRIBUTES, &[0, 1]), "gzip"),
    says("snappy that is none", |r, b| signed(r, b, ATTRIBUTES, &[0, 2]), "snappy"),
    says("lz4 that is none", |r, b| signed(r, b, ATTRIBUTES, &[0, 3]), "lz4"),
    bomb("a bomb in gzip", |r, b| exploding(r, b, Compression::gzip(1))),
    bomb("a bomb in snappy", |r, b| exploding(r, b, Codec::Snappy.into())),
    bomb("a bomb in lz4", |r, b| exploding(r, b, Codec::Lz4.into())),
    bomb("a bomb in zstd", |r, b| exploding(r, b, Codec::Zstd.into())),
    says("zstd that is none", |r, b| signed(r, b, ATTRIBUTES, &[0, 4]), "zstd"),
];
