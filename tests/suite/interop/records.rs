//! The records that every client writes.

use bytes::Bytes;

use super::Foreign;
use crate::support::Logged;

const TIME: i64 = 1_700_000_000_000;

/// Everything that a record may have and `foreign` can write.
pub(super) fn for_client(foreign: Foreign) -> Vec<Logged> {
    let mut records = all();
    if foreign == Foreign::KafkaPython {
        // It refuses records of nothing and null header values.
        records.retain(|record| record.key.is_some() || record.value.is_some());
        records.iter_mut().for_each(|record| record.headers.retain(|(_, value)| value.is_some()));
    }
    records
}

/// The records as a log has them from offset `from` on.
pub(super) fn at(records: &[Logged], from: i64) -> Vec<Logged> {
    (from..).zip(records).map(|(offset, record)| Logged { offset, ..record.clone() }).collect()
}

pub(super) fn record(partition: i32, key: Option<&[u8]>, value: Option<&[u8]>) -> Logged {
    let copy = Bytes::copy_from_slice;
    let (key, value) = (key.map(copy), value.map(copy));
    Logged { partition, offset: -1, timestamp: TIME, key, value, headers: Vec::new() }
}

fn all() -> Vec<Logged> {
    let header = |name: &str, value: Option<&'static [u8]>| (name.to_owned(), value.map(Bytes::from_static));
    let with = |headers: Vec<(String, Option<Bytes>)>| Logged { headers, ..record(0, Some(b"k"), Some(b"v")) };
    // What does not compress, from a generator that every run repeats.
    let noise = std::iter::successors(Some(88_172_645_463_325_252_u64), |state| {
        let state = state ^ (state << 13);
        let state = state ^ (state >> 7);
        Some(state ^ (state << 17))
    });
    let noise: Vec<u8> = noise.take(1000).flat_map(u64::to_be_bytes).collect();
    let mut records = vec![
        record(0, Some(b"key"), Some(b"value")),
        record(0, None, Some(b"no key")),
        record(0, Some(b"no value"), None),
        record(0, None, None),
        record(0, Some(b""), Some(b"")),
        record(0, Some(&[0, 0xff, 0x80]), Some("\u{17e}\t\r\n".as_bytes())),
        with(vec![header("trace", Some(b"one")), header("trace", Some(b"two")), header("\u{10d}", Some(&[0, 0xff]))]),
        with(vec![header("empty", Some(b"")), header("null", None)]),
        record(0, Some(b"noise"), Some(&noise)),
        // Several blocks in snappy's and lz4's framing.
        record(0, Some(b"long"), Some(&b"a text that is there many times, ".repeat(6000))),
    ];
    let texts = (0..500).map(|number| record(0, Some(b"text"), Some(format!("{{\"order\":{number}}}").as_bytes())));
    records.extend(texts);
    for (at, record) in (0..).zip(&mut records) {
        record.timestamp += at % 7;
    }
    records
}
