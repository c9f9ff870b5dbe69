//! Batches that decompress to something else than they should, by accident or on purpose.

use bytes::Bytes;

use super::{Mutations, only_batch, records, with_checksum};
use crate::record::{Batch, BatchBuilder, Codec, Compression, Decompression, RecordErrorKind, fields};

fn codecs() -> impl Iterator<Item = Codec> {
    Codec::ALL.into_iter().filter(|codec| *codec != Codec::None && codec.is_supported())
}

fn finished(codec: Codec, values: &[&[u8]]) -> Batch {
    let mut builder = BatchBuilder::new();
    for value in values {
        builder.push(100, Some(b"key"), Some(value), &[]);
    }
    only_batch(builder.finish(None, Compression::new(codec)).expect("a batch"))
}

/// Some text, which compresses, and some bytes that do not.
fn sample(codec: Codec) -> Batch {
    let mut mutations = Mutations::default();
    let noise: Vec<u8> = (0..500).map(|_| u8::try_from(mutations.next(256)).unwrap()).collect();
    finished(codec, &[&b"a text that is there many times, ".repeat(50), &noise, b"end"])
}

/// A batch of one record whose records are these bytes.
fn with_payload(codec: Codec, payload: &[u8]) -> Batch {
    let mut bytes = finished(codec, &[b""]).bytes()[..fields::HEADER_LEN].to_vec();
    bytes.extend_from_slice(payload);
    let length = i32::try_from(bytes.len() - fields::LENGTH_FROM).unwrap();
    bytes[8..12].copy_from_slice(&length.to_be_bytes());
    only_batch(with_checksum(bytes))
}

fn payload(batch: &Batch) -> &[u8] {
    &batch.bytes()[fields::HEADER_LEN..]
}

fn kind(batch: &Batch, limit: usize) -> RecordErrorKind {
    let error = batch.records(Decompression::up_to(limit)).expect_err("an error");
    assert_eq!(error.next_offset(), Some(batch.next_offset()), "what is behind the batch can be read");
    error.kind().clone()
}

fn too_large(batch: &Batch, limit: usize) -> Option<u64> {
    match kind(batch, limit) {
        RecordErrorKind::TooLarge { codec, declared, limit: told } if (codec, told) == (batch.codec(), limit) => {
            declared
        }
        other => panic!("{other:?}"),
    }
}

fn corrupt(batch: &Batch) -> String {
    match kind(batch, 1 << 20) {
        RecordErrorKind::Compressed { codec, detail } if codec == batch.codec() => detail,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_bomb_is_an_error_that_says_where_the_partition_goes_on() {
    let zeros = vec![0; 8 << 20];
    for codec in codecs() {
        let bomb = finished(codec, &[&zeros, &zeros]);
        assert!(bomb.bytes().len() < zeros.len() / 10, "{codec}");
        let declared = too_large(&bomb, 1 << 20);
        let says = matches!(codec, Codec::Snappy | Codec::Zstd);
        assert_eq!(declared.is_some_and(|declared| declared > 16 << 20), says, "{codec} declares {declared:?}");
        assert_eq!(records(&bomb).iter().filter_map(Result::ok).count(), 2, "{codec}: what is allowed is read");
    }
}

#[test]
fn what_decompresses_to_exactly_the_limit_is_read() {
    for codec in codecs() {
        let batch = sample(codec);
        let len = records(&batch).decompressed_bytes();
        assert!(batch.records(Decompression::up_to(len)).is_ok(), "{codec}");
        too_large(&batch, len - 1);
    }
}

#[test]
fn compressed_records_take_one_buffer_and_share_it() {
    for codec in codecs() {
        let batch = sample(codec);
        let records = records(&batch);
        let record = records.iter().next().expect("a record").expect("a sound record");
        let value = record.value().expect("a value");
        assert!(records.holds(value) && !records.holds(b"elsewhere"));
        assert_eq!(records.slice(value).as_ptr(), value.as_ptr(), "{codec}");
    }
    assert_eq!(records(&sample(Codec::None)).decompressed_bytes(), 0);
}

#[test]
fn a_cut_batch_is_never_read_as_a_whole_one() {
    for codec in codecs() {
        let sound = sample(codec);
        for end in 0..payload(&sound).len() {
            let cut = with_payload(codec, &payload(&sound)[..end]);
            let read =
                cut.records(Decompression::default()).is_ok_and(|records| records.iter().all(|record| record.is_ok()));
            assert!(!read, "{codec} cut at {end}");
        }
    }
}

#[test]
fn mutated_batches_never_panic_and_never_outgrow_the_limit() {
    let mut mutations = Mutations::default();
    for codec in codecs() {
        let sound = sample(codec).bytes().to_vec();
        for round in 0..2_000 {
            let mut batch = sound.clone();
            for _ in 0..=mutations.next(4) {
                let at = fields::HEADER_LEN + mutations.next(batch.len() - fields::HEADER_LEN);
                batch[at] = [0, 0x7f, 0x80, 0xff, u8::try_from(mutations.next(256)).unwrap()][mutations.next(5)];
            }
            let batch = only_batch(with_checksum(batch));
            if let Ok(records) = batch.records(Decompression::up_to(20_000)) {
                assert!(records.decompressed_bytes() <= 20_000, "{codec} in round {round}");
                assert!(records.iter().count() <= 3);
            }
        }
    }
}

#[test]
fn a_batch_that_would_grow_is_not_compressed_unless_it_is_small() {
    let mut mutations = Mutations::default();
    let noise: Vec<u8> = (0..100_000).map(|_| u8::try_from(mutations.next(256)).unwrap()).collect();
    for codec in codecs() {
        let plain = finished(Codec::None, &[&noise]);
        assert_eq!(finished(codec, &[&noise]).bytes(), plain.bytes(), "{codec}");
        assert_eq!(finished(codec, &[b"small"]).codec(), codec);
    }
}

#[test]
fn bytes_that_are_no_compressed_records_are_an_error() {
    for codec in codecs() {
        for bytes in [&b"HTTP/1.1 400 Bad Request"[..], &[0xff; 100], &[0x80; 3], &[0]] {
            let batch = with_payload(codec, bytes);
            let kind = kind(&batch, 1 << 20);
            let empty = RecordErrorKind::Header("it has more records than bytes");
            assert!(matches!(kind, RecordErrorKind::Compressed { .. }) || kind == empty, "{codec}: {kind:?}");
        }
        assert!(matches!(
            kind(&with_payload(codec, b""), 100),
            RecordErrorKind::Header(_) | RecordErrorKind::Compressed { .. }
        ));
    }
}

#[cfg(feature = "gzip")]
#[test]
fn gzip_members_follow_each_other_and_their_lengths_are_not_believed() {
    let plain = finished(Codec::None, &[b"value"]);
    let (first, second) = payload(&plain).split_at(5);
    let member = |bytes: &[u8]| payload(&with_payload(Codec::Gzip, &compressed(Codec::Gzip, bytes))).to_vec();
    let batch = with_payload(Codec::Gzip, &[member(first), member(second)].concat());
    assert_eq!(records(&batch).iter().filter_map(Result::ok).count(), 1);

    let mut lying = member(payload(&plain));
    let at = lying.len() - 4;
    lying[at..].copy_from_slice(&u32::MAX.to_le_bytes());
    corrupt(&with_payload(Codec::Gzip, &lying));
}

#[cfg(feature = "snappy")]
#[test]
fn snappy_is_read_in_both_framings_and_its_lengths_are_not_believed() {
    let plain = finished(Codec::None, &[&b"text ".repeat(100)]);
    let raw = snap::raw::Encoder::new().compress_vec(payload(&plain)).expect("compresses");
    let framed = compressed(Codec::Snappy, payload(&plain));
    assert!(!raw.starts_with(&framed[..8]));
    // snappy-java begins again with a header after a flush.
    let (first, second) = payload(&plain).split_at(100);
    let twice = [compressed(Codec::Snappy, first), compressed(Codec::Snappy, second)].concat();
    for bytes in [raw, framed, twice] {
        assert_eq!(records(&with_payload(Codec::Snappy, &bytes)).slice(b""), Bytes::new());
        assert_eq!(records(&with_payload(Codec::Snappy, &bytes)).iter().filter_map(Result::ok).count(), 1);
    }
    let huge = with_payload(Codec::Snappy, &[0xff, 0xff, 0xff, 0xff, 0x0f, 0]);
    assert_eq!(corrupt(&huge), "a block of 6 bytes claims to hold 4294967295");
    let mut cut = compressed(Codec::Snappy, payload(&plain));
    cut[16..20].copy_from_slice(&u32::MAX.to_be_bytes());
    assert_eq!(corrupt(&with_payload(Codec::Snappy, &cut)), "a block is longer than the batch");
    assert_eq!(corrupt(&with_payload(Codec::Snappy, &cut[..10])), "it ends within its header");
}

#[cfg(feature = "zstd")]
#[test]
fn a_zstd_bomb_that_declares_nothing_is_stopped_at_the_limit() {
    // One block of 128 KiB of the same byte takes four bytes.
    let bomb = |window: u8| {
        let block = |last: u32| [&((128 << 10) << 3 | 1 << 1 | last).to_le_bytes()[..3], &[7]].concat();
        with_payload(
            Codec::Zstd,
            &[&[0x28, 0xb5, 0x2f, 0xfd, 0, window][..], &block(0).repeat(10_000), &block(1)].concat(),
        )
    };
    // Windows of 128 KiB and 128 MiB, of which neither is allocated, and of 3.75 TiB, which no encoder writes.
    for window in [7 << 3, 17 << 3] {
        assert_eq!(too_large(&bomb(window), 1 << 20), None);
    }
    corrupt(&bomb(0xff));
    // The same frame says that it holds 2^60 bytes.
    let declares = [&[0x28, 0xb5, 0x2f, 0xfd, 0xe0][..], &(1_u64 << 60).to_le_bytes(), &[1, 0, 0]].concat();
    assert_eq!(too_large(&with_payload(Codec::Zstd, &declares), 1 << 20), Some(1 << 60));
}

#[cfg(feature = "lz4")]
#[test]
fn lz4_frames_are_read_with_everything_they_may_have() {
    use std::io::Write;

    use lz4_flex::frame::{BlockMode, BlockSize, FrameEncoder, FrameInfo};

    let text: Vec<u8> = (0..40_000_u32).flat_map(|number| (number % 999).to_be_bytes()).collect();
    let plain = finished(Codec::None, &[&text]);
    let len = u64::try_from(payload(&plain).len()).unwrap();
    for mode in [BlockMode::Independent, BlockMode::Linked] {
        for size in [BlockSize::Max64KB, BlockSize::Max256KB, BlockSize::Max4MB] {
            for (checksums, declared) in [(false, None), (true, Some(len))] {
                let info = FrameInfo::new()
                    .block_mode(mode)
                    .block_size(size)
                    .block_checksums(checksums)
                    .content_checksum(checksums)
                    .content_size(declared);
                let mut encoder = FrameEncoder::with_frame_info(info, Vec::new());
                encoder.write_all(payload(&plain)).expect("compresses");
                let frame = encoder.finish().expect("compresses");
                let skippable = [&[0x5a, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3], frame.as_slice()].concat();
                for bytes in [frame, skippable] {
                    let batch = with_payload(Codec::Lz4, &bytes);
                    let records = records(&batch);
                    let record = records.iter().next().expect("a record").expect("a sound record");
                    assert_eq!(record.value(), Some(text.as_slice()));
                    assert_eq!(too_large(&batch, 1000), declared);
                }
            }
        }
    }
}

/// These bytes as the batch's payload has them.
fn compressed(codec: Codec, bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    crate::record::codecs::compress(Compression::new(codec), bytes, &mut out).expect("compresses");
    out
}
