//! Batches that are broken, by accident or on purpose.

use bytes::Bytes;

use super::{Mutations, only_batch, only_error, records, with_checksum};
use crate::record::{BatchBuilder, Compression, Decompression, Header, RecordErrorKind, batches, fields};

fn sample() -> Vec<u8> {
    let mut builder = BatchBuilder::new();
    let headers = [Header::new("a", "1"), Header { key: Bytes::from_static(b"b"), value: None }];
    builder.push(100, Some(b"key"), Some(b"value"), &headers);
    builder.push(101, None, None, &[]);
    builder.push(99, Some(&[7; 200]), Some(b""), &[]);
    builder.finish(None, Compression::NONE).expect("a batch").to_vec()
}

/// The sample with these bytes at this place and a right checksum.
fn patched(at: usize, bytes: &[u8]) -> Bytes {
    let mut batch = sample();
    batch[at..at + bytes.len()].copy_from_slice(bytes);
    with_checksum(batch)
}

fn header_error(batch: Bytes) -> &'static str {
    match only_error(batch) {
        RecordErrorKind::Header(detail) => detail,
        other => panic!("{other:?}"),
    }
}

fn record_error(batch: Bytes) -> (i32, &'static str) {
    let batch = only_batch(batch);
    let records = records(&batch);
    let mut records = records.iter();
    let error = records.find_map(Result::err).expect("a broken record");
    assert!(records.next().is_none());
    assert_eq!(error.next_offset(), Some(batch.next_offset()));
    match error.kind() {
        RecordErrorKind::Record { index, detail } => (*index, *detail),
        other => panic!("{other:?}"),
    }
}

#[test]
fn any_changed_byte_under_the_checksum_is_noticed() {
    let sound = sample();
    for at in fields::CRC_FROM..sound.len() {
        let mut batch = sound.clone();
        batch[at] ^= 1;
        let kind = only_error(batch.into());
        assert!(matches!(kind, RecordErrorKind::Checksum { .. }), "byte {at}: {kind:?}");
    }
}

#[test]
fn a_header_that_contradicts_itself_is_an_error() {
    assert_eq!(only_error(patched(8, &20_i32.to_be_bytes())), RecordErrorKind::Length(20));
    assert_eq!(only_error(patched(8, &i32::MIN.to_be_bytes())), RecordErrorKind::Length(i32::MIN));
    assert_eq!(only_error(patched(16, &[3])), RecordErrorKind::Magic(3));
    assert_eq!(only_error(patched(22, &[7])), RecordErrorKind::UnknownCodec(7));
    assert_eq!(header_error(patched(0, &(-1_i64).to_be_bytes())), "an offset is negative");
    assert_eq!(header_error(patched(0, &i64::MAX.to_be_bytes())), "an offset is beyond the last possible one");
    assert_eq!(header_error(patched(23, &(-1_i32).to_be_bytes())), "an offset is negative");
    assert_eq!(header_error(patched(23, &1_i32.to_be_bytes())), "it has more records than offsets");
    assert_eq!(header_error(patched(57, &(-1_i32).to_be_bytes())), "its record count is negative");
    let mut many = sample();
    many[23..27].copy_from_slice(&i32::MAX.to_be_bytes());
    many[57..61].copy_from_slice(&1_000_000_i32.to_be_bytes());
    let error = only_batch(with_checksum(many)).records(Decompression::default()).expect_err("an error");
    assert_eq!(error.kind(), &RecordErrorKind::Header("it has more records than bytes"));
}

#[test]
fn a_record_that_contradicts_its_batch_is_an_error() {
    assert_eq!(record_error(patched(57, &2_i32.to_be_bytes())), (1, "there are bytes behind it"));
    assert_eq!(record_error(patched(61, &[0xff, 0xff, 0x7f])), (0, "it is longer than the batch"));
    assert_eq!(record_error(patched(61, &[0])), (0, "it is empty"));
    // The second record starts behind the first; its offset delta is its third byte.
    let second = 62 + usize::from(sample()[61] / 2);
    assert_eq!(record_error(patched(second + 3, &[0])), (1, "its offset is not in order"));
    assert_eq!(record_error(patched(second + 3, &[100])), (1, "its offset is not in order"));
    assert_eq!(record_error(patched(second + 4, &[40])), (1, "its key is longer than the record"));
    assert_eq!(record_error(patched(second + 5, &[40])), (1, "its value is longer than the record"));
    assert_eq!(record_error(patched(second + 6, &[2])), (1, "a header's key is null or longer than the record"));
    assert_eq!(record_error(patched(second + 6, &[1])), (1, "its header count is bad"));
}

#[test]
fn mutated_batches_never_panic_and_never_step_back() {
    let sound = sample();
    let mut mutations = Mutations::default();
    for round in 0..100_000 {
        let mut batch = sound.clone();
        for _ in 0..=mutations.next(4) {
            let at = mutations.next(batch.len());
            batch[at] = [0, 0x7f, 0x80, 0xff, u8::try_from(mutations.next(256)).unwrap()][mutations.next(5)];
        }
        if round % 7 == 0 {
            batch.truncate(mutations.next(batch.len()));
        }
        let bytes = if round % 10 == 0 { Bytes::from(batch) } else { with_checksum(batch) };
        for batch in batches(bytes).filter_map(Result::ok) {
            assert!(batch.next_offset() > batch.base_offset());
            let mut least = batch.base_offset();
            let records = batch.records(Decompression::up_to(1 << 20));
            for record in records.iter().flatten().filter_map(Result::ok) {
                assert!(record.offset() >= least && record.offset() < batch.next_offset(), "round {round}");
                least = record.offset() + 1;
                assert_eq!(record.headers().count(), record.headers().size_hint().0, "round {round}");
            }
            let _ = batch.control();
        }
    }
}
