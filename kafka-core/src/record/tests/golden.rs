//! Batches written by Kafka's own client, see `golden/Batches.java`.

use bytes::Bytes;

use super::{Owned, only_batch, only_error, owned, records};
use crate::record::{
    BatchBuilder, Codec, Compression, ControlKind, Decompression, Header, ProducerStamp, RecordErrorKind,
    TimestampType, batches,
};

const TIME: i64 = 1_700_000_000_000;

fn golden(name: &str) -> Bytes {
    let lines = include_str!("../golden/batches.txt").lines();
    let (_, hex) = lines.filter_map(|line| line.split_once(' ')).find(|(found, _)| *found == name).expect("a frame");
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hexadecimal")).collect()
}

fn record(offset: i64, timestamp: i64, key: Option<&str>, value: Option<&str>) -> Owned {
    let bytes = |text: &str| text.as_bytes().to_vec();
    Owned { offset, timestamp, key: key.map(bytes), value: value.map(bytes), headers: Vec::new() }
}

fn producer_records() -> Vec<Owned> {
    let header =
        |key: &str, value: Option<&str>| (key.as_bytes().to_vec(), value.map(|value| value.as_bytes().to_vec()));
    vec![
        record(0, TIME, Some("key"), Some("value")),
        record(1, TIME + 1500, None, Some("no key")),
        record(2, TIME - 3, Some("no value"), None),
        record(3, TIME, Some(""), Some("")),
        Owned {
            headers: vec![
                header("trace", Some("one")),
                header("null", None),
                header("trace", Some("two")),
                header("", Some("")),
            ],
            ..record(4, TIME, Some("k"), Some("v"))
        },
        record(5, TIME, Some("long"), Some(&"x".repeat(300))),
    ]
}

#[test]
fn records_are_read_as_kafkas_client_wrote_them() {
    let batch = only_batch(golden("producer"));
    assert_eq!(owned(&batch), producer_records());
    assert_eq!((batch.base_offset(), batch.last_offset(), batch.next_offset()), (0, 5, 6));
    assert_eq!((batch.base_timestamp(), batch.max_timestamp(), batch.log_append_time()), (TIME, TIME + 1500, None));
    assert_eq!((batch.producer(), batch.leader_epoch(), batch.codec()), (None, -1, Codec::None));
    assert_eq!((batch.count(), batch.is_transactional(), batch.control()), (6, false, None));
}

#[test]
fn records_are_written_as_kafkas_client_writes_them() {
    let mut builder = BatchBuilder::new();
    for record in producer_records() {
        let headers: Vec<Header> = record
            .headers
            .into_iter()
            .map(|(key, value)| Header { key: key.into(), value: value.map(Bytes::from) })
            .collect();
        builder.push(record.timestamp, record.key.as_deref(), record.value.as_deref(), &headers);
    }
    assert_eq!(builder.finish(None, Compression::NONE).expect("a batch"), golden("producer"));

    let mut builder = BatchBuilder::new();
    builder.push(TIME, Some(b"a"), Some(b"1"), &[]);
    builder.push(TIME, Some(b"b"), Some(b"2"), &[]);
    let stamp = ProducerStamp { producer_id: 4001, producer_epoch: 7, base_sequence: 90 };
    assert_eq!(builder.finish(Some(stamp), Compression::NONE).expect("a batch"), golden("idempotent"));
}

#[test]
fn compressed_records_are_read_as_kafkas_client_wrote_them() {
    let long = [Owned { key: None, value: Some(b"0123456789".repeat(7000)), ..record(0, TIME, None, None) }];
    for codec in Codec::ALL.into_iter().filter(|codec| *codec != Codec::None && codec.is_supported()) {
        let batch = only_batch(golden(codec.name()));
        assert_eq!((batch.codec(), owned(&batch)), (codec, producer_records()));
        assert_eq!(owned(&only_batch(golden(&format!("{codec}-long")))), long, "{codec}");
    }
}

#[test]
#[cfg(feature = "zstd")]
fn a_window_that_is_larger_than_the_records_costs_nothing() {
    let batch = only_batch(golden("zstd-22"));
    let records = batch.records(Decompression::up_to(512)).expect("records");
    assert_eq!((owned(&batch), records.decompressed_bytes()), (producer_records(), 401));
}

#[test]
fn a_stamp_and_a_transaction_are_read() {
    let batch = only_batch(golden("transactional"));
    let stamp = ProducerStamp { producer_id: 4002, producer_epoch: 1, base_sequence: 0 };
    assert_eq!((batch.producer(), batch.is_transactional(), batch.is_control()), (Some(stamp), true, false));
    assert_eq!((batch.base_offset(), batch.leader_epoch()), (50, 12));
}

#[test]
fn the_markers_of_a_transaction_are_told_apart() {
    for (name, kind, offset) in [("commit", ControlKind::Commit, 51), ("abort", ControlKind::Abort, 52)] {
        let batch = only_batch(golden(name));
        assert_eq!((batch.control(), batch.base_offset(), batch.next_offset()), (Some(kind), offset, offset + 1));
        assert!(batch.is_control() && batch.is_transactional());
        assert_eq!(batch.producer().map(|stamp| stamp.producer_id), Some(4002));
    }
}

#[test]
fn log_append_time_is_the_timestamp_of_all_records() {
    let batch = only_batch(golden("log-append-time"));
    assert_eq!(batch.log_append_time(), Some(TIME + 5000));
    let expected = [record(60, TIME + 5000, Some("a"), Some("1")), record(61, TIME + 5000, Some("b"), Some("2"))];
    assert_eq!(owned(&batch), expected);
    for (name, whose) in [("log-append-time", TimestampType::LogAppendTime), ("producer", TimestampType::CreateTime)] {
        let batch = only_batch(golden(name));
        assert!(records(&batch).iter().flatten().all(|record| record.timestamp_type() == whose), "{name}");
    }
}

#[test]
fn a_batch_that_compaction_emptied_still_moves_the_offset() {
    let batch = only_batch(golden("emptied"));
    assert_eq!((batch.count(), batch.base_offset(), batch.next_offset()), (0, 100, 120));
    assert_eq!(owned(&batch), []);
}

#[test]
fn the_formats_from_before_kafka_0_11_are_refused_by_name() {
    assert_eq!(only_error(golden("magic-1")), RecordErrorKind::Magic(1));
}

#[test]
fn batches_follow_each_other_and_a_cut_one_ends_them() {
    let mut log = golden("transactional").to_vec();
    log.extend_from_slice(&golden("commit"));
    let whole = log.len();
    log.extend_from_slice(&golden("abort"));
    for end in whole..log.len() {
        let offsets: Vec<i64> = batches(Bytes::copy_from_slice(&log[..end]))
            .map(|batch| batch.expect("a sound batch").base_offset())
            .collect();
        assert_eq!(offsets, [50, 51], "cut at {end}");
    }
    assert_eq!(batches(log.into()).count(), 3);
}
