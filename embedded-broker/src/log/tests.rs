use bytes::Bytes;
use ottla_kafka_core::record::{self, BatchBuilder, Compression, Decompression, ProducerStamp};

use super::{Appended, Limits, PartitionLog, Prepared, Refusal};

const LIMITS: Limits = Limits { max_message_bytes: 10_000, retention_bytes: 100_000, retention_ms: None };

/// A batch of records with these timestamps.
fn batch(timestamps: &[i64], stamp: Option<ProducerStamp>) -> Bytes {
    let mut batch = BatchBuilder::new();
    for timestamp in timestamps {
        batch.push(*timestamp, None, Some(b"value"), &[]);
    }
    batch.finish(stamp, Compression::NONE).unwrap()
}

/// A batch of `count` records of producer 7.
fn sequenced(epoch: i16, base_sequence: i32, count: usize) -> Bytes {
    let stamp = ProducerStamp { producer_id: 7, producer_epoch: epoch, base_sequence };
    batch(&vec![0; count], Some(stamp))
}

fn append_within(log: &mut PartitionLog, bytes: &Bytes, limits: Limits) -> Result<Appended, Refusal> {
    Ok(match log.prepare(bytes, limits)? {
        Prepared::Duplicate(appended) => appended,
        Prepared::New(placed) => log.take(placed, limits),
    })
}

fn append(log: &mut PartitionLog, bytes: &Bytes) -> Result<i64, Refusal> {
    append_within(log, bytes, LIMITS).map(|at| at.base_offset)
}

#[test]
fn records_come_back_at_the_offsets_they_were_given() {
    let mut log = PartitionLog::default();
    for expected in [0, 2, 4] {
        assert_eq!(append(&mut log, &batch(&[1, 2], None)), Ok(expected));
    }
    let read = log.read(3, 10_000, false).unwrap();
    let offsets: Vec<i64> = record::batches(read)
        .map(|batch| batch.unwrap().records(Decompression::default()).unwrap())
        .flat_map(|records| records.iter().map(|record| record.unwrap().offset()).collect::<Vec<_>>())
        .collect();
    assert_eq!(offsets, [2, 3, 4, 5], "whole batches, from the one with the offset on");
    assert_eq!(log.read(6, 10_000, true), Ok(Bytes::new()));
    assert_eq!(log.read(7, 10_000, true), Err(Refusal::OffsetOutOfRange));
    assert_eq!(log.read(-1, 10_000, true), Err(Refusal::OffsetOutOfRange));
}

#[test]
fn a_batch_longer_than_asked_for_comes_only_if_it_must() {
    let mut log = PartitionLog::default();
    let bytes = batch(&[1], None);
    append(&mut log, &bytes).unwrap();
    append(&mut log, &bytes).unwrap();
    assert_eq!(log.read(0, 1, true).unwrap().len(), bytes.len());
    assert_eq!(log.read(0, 1, false), Ok(Bytes::new()));
    assert_eq!(log.read(0, bytes.len() * 2 - 1, false).unwrap().len(), bytes.len());
}

#[test]
fn sequences_are_judged_as_kafka_does() {
    // What was appended as (epoch, first sequence, records), what comes then, and its offset or error.
    let check = |before: &[(i16, i32, usize)], (epoch, first, count), expected: Result<i64, Refusal>| {
        let mut log = PartitionLog::default();
        for (epoch, first, count) in before {
            append(&mut log, &sequenced(*epoch, *first, *count)).unwrap();
        }
        let end = log.end();
        let got = append(&mut log, &sequenced(epoch, first, count));
        assert_eq!(got, expected, "{before:?} then {epoch} {first} {count}");
        let added = if expected == Ok(end) { i64::try_from(count).unwrap() } else { 0 };
        assert_eq!(log.end() - end, added, "{before:?} then {epoch} {first} {count}");
    };
    let six: Vec<(i16, i32, usize)> = (0..6).map(|n| (0, n, 1)).collect();
    check(&[], (0, 0, 1), Ok(0));
    // Nothing is known of the producer: any sequence will do (KAFKA-15591).
    check(&[], (3, 500, 2), Ok(0));
    check(&[(0, 0, 2)], (0, 2, 1), Ok(2));
    check(&[(0, 0, 2)], (0, 3, 1), Err(Refusal::OutOfOrderSequenceNumber));
    check(&[(0, 0, 2), (0, 2, 2)], (0, 0, 2), Ok(0));
    check(&[(0, 0, 2), (0, 2, 2)], (0, 2, 2), Ok(2));
    // The same first sequence with other records is no repetition.
    check(&[(0, 0, 2), (0, 2, 2)], (0, 2, 1), Err(Refusal::OutOfOrderSequenceNumber));
    check(&six, (0, 1, 1), Ok(1));
    check(&six, (0, 0, 1), Err(Refusal::OutOfOrderSequenceNumber));
    // A new epoch begins at 0 and ends the old one.
    check(&[(0, 0, 2)], (1, 0, 1), Ok(2));
    check(&[(0, 0, 2)], (1, 2, 1), Err(Refusal::OutOfOrderSequenceNumber));
    check(&[(0, 0, 2), (1, 0, 1)], (0, 2, 1), Err(Refusal::InvalidProducerEpoch));
    // Sequences wrap.
    check(&[(0, i32::MAX - 1, 2)], (0, 0, 1), Ok(2));
    check(&[(0, i32::MAX, 2)], (0, 1, 1), Ok(2));
    check(&[(0, i32::MAX, 2)], (0, i32::MAX, 2), Ok(0));
}

#[test]
fn a_refused_batch_leaves_no_trace() {
    let good = batch(&[1], None);
    let with = |position: usize, byte: u8| {
        let mut bytes = good.to_vec();
        bytes[position] ^= byte;
        Bytes::from(bytes)
    };
    let two = Bytes::from([good.as_ref(), good.as_ref()].concat());
    for (bytes, expected) in [
        (Bytes::new(), Refusal::CorruptMessage),
        (good.slice(..good.len() - 1), Refusal::CorruptMessage),
        (two, Refusal::InvalidRecord),
        (with(16, 1), Refusal::UnsupportedForMessageFormat),
        (with(17, 1), Refusal::CorruptMessage),
        (with(good.len() - 1, 1), Refusal::CorruptMessage),
        (with(8, 0x80), Refusal::CorruptMessage),
        (batch(&[0; 2000], None), Refusal::MessageTooLarge),
    ] {
        let mut log = PartitionLog::default();
        assert_eq!(append(&mut log, &bytes), Err(expected), "{bytes:?}");
        assert_eq!((log.start(), log.end()), (0, 0));
    }
}

#[test]
fn retention_forgets_the_oldest_batches_but_never_the_newest() {
    let bytes = batch(&[1, 1], None);
    let limits = Limits { retention_bytes: bytes.len() * 2, ..LIMITS };
    let mut log = PartitionLog::default();
    let starts: Vec<i64> = (0..4).map(|_| append_within(&mut log, &bytes, limits).unwrap().log_start_offset).collect();
    assert_eq!(starts, [0, 0, 2, 4]);
    assert_eq!(log.read(3, 100, true), Err(Refusal::OffsetOutOfRange));
    let tiny = Limits { retention_bytes: 1, ..LIMITS };
    assert_eq!(append_within(&mut log, &bytes, tiny), Ok(Appended { base_offset: 8, log_start_offset: 8 }));
}

#[test]
fn what_is_too_old_is_forgotten_oldest_first() {
    let mut log = PartitionLog::default();
    for timestamps in [[10, 20], [40, 30], [5, 6]] {
        append(&mut log, &batch(&timestamps, None)).unwrap();
    }
    let limits = Limits { retention_ms: Some(100), ..LIMITS };
    for (now, start) in [(120, 0), (121, 2), (140, 2), (141, 6)] {
        log.forget_older(now, LIMITS);
        log.forget_older(now, limits);
        assert_eq!((log.start(), log.end()), (start, 6), "at {now}");
    }
}

#[test]
fn records_are_deleted_up_to_an_offset_even_within_a_batch() {
    let mut log = PartitionLog::default();
    append(&mut log, &batch(&[1, 2, 3], None)).unwrap();
    append(&mut log, &batch(&[4], None)).unwrap();
    assert_eq!(log.delete_before(5), Err(Refusal::OffsetOutOfRange));
    assert_eq!(log.delete_before(-2), Err(Refusal::OffsetOutOfRange));
    assert_eq!(log.delete_before(2), Ok(2));
    assert_eq!(log.read(1, 1000, true), Err(Refusal::OffsetOutOfRange));
    assert_eq!(log.first_at_or_after(0), Some((3, 2)));
    assert_eq!(log.delete_before(1), Ok(2), "the start never goes back");
    assert_eq!(log.delete_before(-1), Ok(4));
    assert_eq!(log.first_at_or_after(0), None);
}

#[test]
fn offsets_are_found_by_timestamp() {
    let mut log = PartitionLog::default();
    append(&mut log, &batch(&[10, 30, 20], None)).unwrap();
    append(&mut log, &batch(&[40, 5], None)).unwrap();
    for (timestamp, expected) in
        [(0, Some((10, 0))), (11, Some((30, 1))), (31, Some((40, 3))), (40, Some((40, 3))), (41, None)]
    {
        assert_eq!(log.first_at_or_after(timestamp), expected, "{timestamp}");
    }
    assert_eq!(log.latest_timestamp(), Some((40, 3)));
}

#[test]
fn a_log_is_restored_with_its_producers_epochs_and_start() {
    let mut log = PartitionLog::default();
    let mut stored = Vec::new();
    for (sequence, epoch) in [(0, 0), (2, 1), (4, 1)] {
        while log.leader_epoch() < epoch {
            log.begin_epoch();
        }
        let Ok(Prepared::New(placed)) = log.prepare(&sequenced(0, sequence, 2), LIMITS) else { panic!("it is new") };
        stored.push(placed.bytes().clone());
        log.take(placed, LIMITS);
    }
    let mut restored = PartitionLog::default();
    stored.iter().for_each(|bytes| restored.restore(bytes).unwrap());
    assert_eq!(restored.restore(&stored[0]), Err(Refusal::CorruptMessage), "it does not follow");
    restored.resume_at(3, 4);
    assert_eq!((restored.start(), restored.end(), restored.leader_epoch()), (3, 6, 4));
    assert_eq!((restored.epoch_of(5), restored.end_of_epoch(1)), (1, Some((1, 6))));
    assert_eq!(append(&mut restored, &sequenced(0, 2, 2)), Ok(2), "a duplicate is known");
    assert_eq!(append(&mut restored, &sequenced(0, 6, 1)), Ok(6));
    // The oldest file may be gone.
    let mut later = PartitionLog::default();
    stored[1..].iter().for_each(|bytes| later.restore(bytes).unwrap());
    assert_eq!((later.start(), later.end()), (2, 6));
}
