//! Answers that lie: each ends in an error or in records, never in a stop, a repetition or a spin.

use bytes::Bytes;
use kafka_protocol::messages::fetch_response::{AbortedTransaction, PartitionData};

use super::{Brokers, ErrorKind, failure, next, orders, read_to, reading, records, settle};
use crate::{
    FetchConfig, Fetched,
    record::{Codec, Compression, RecordError, RecordErrorKind},
};

/// Ten batches of two records.
fn brokers() -> Brokers {
    let brokers = Brokers::new(1);
    brokers.fill(0, 10, 2, 10);
    brokers
}

fn batch_len(brokers: &Brokers) -> usize {
    brokers.state().logs[&0].batches[0].bytes().len()
}

/// Changes the bytes of the next answer's records.
fn change(brokers: &Brokers, change: impl FnOnce(&mut Vec<u8>) + Send + 'static) {
    brokers.tweak_first(|part: &mut PartitionData| {
        let mut records = part.records.take().unwrap_or_default().to_vec();
        change(&mut records);
        part.records = Some(Bytes::from(records));
    });
}

/// A batch of partition 0 that its leader sent and nobody can read.
fn unreadable(base_offset: i64, next_offset: Option<i64>) -> ErrorKind {
    let broker = Some(crate::BrokerAddr::new("sim", 1));
    ErrorKind::UnreadableBatch { broker, topic_partition: orders(0), base_offset, next_offset }
}

#[tokio::test(start_paused = true)]
async fn a_corrupt_batch_stops_the_partition_behind_the_good_ones() {
    let brokers = brokers();
    let len = batch_len(&brokers);
    change(&brokers, move |records| records[3 * len + 70] ^= 1);
    let mut fetcher = reading(&brokers, FetchConfig::default());
    assert_eq!(records(&mut fetcher).await.len(), 6);
    let error = failure(&mut fetcher).await;
    let expected = unreadable(6, None);
    assert_eq!(error.kind(), &expected, "a corrupt header is not believed");
    assert_eq!(fetcher.skip(&orders(0)), None);
    fetcher.assign(orders(0), 6);
    assert_eq!(read_to(&mut fetcher, 0, 20).await.len(), 14);
}

#[tokio::test(start_paused = true)]
async fn a_bomb_stops_the_partition_once_and_can_be_skipped() {
    let brokers = brokers();
    brokers.state().logs.get_mut(&0).expect("it exists").append(5, 100_000, Compression::new(Codec::Gzip));
    brokers.fill(0, 2, 2, 10);
    let mut fetcher = reading(&brokers, FetchConfig::default().max_decompressed_bytes(100_000));
    assert_eq!(records(&mut fetcher).await.len(), 20);
    let error = failure(&mut fetcher).await;
    let expected = unreadable(20, Some(25));
    assert_eq!(error.kind(), &expected);
    let cause = std::error::Error::source(&error).and_then(|cause| cause.downcast_ref::<RecordError>());
    assert!(matches!(cause.map(RecordError::kind), Some(RecordErrorKind::TooLarge { .. })), "{cause:?}");
    let more = tokio::time::timeout(std::time::Duration::from_secs(60), fetcher.next()).await;
    assert!(more.is_err(), "it is said once: {more:?}");
    assert_eq!(fetcher.skip(&orders(0)), Some(25));
    assert_eq!(read_to(&mut fetcher, 0, 29).await, (25..29).collect::<Vec<_>>());
    assert_eq!(fetcher.skip(&orders(0)), None, "there is nothing to skip any more");
}

#[tokio::test(start_paused = true)]
async fn offsets_that_go_back_or_stand_still_are_an_error() {
    let brokers = brokers();
    let len = batch_len(&brokers);
    // The batches 0, 1, 1, 2…: reading on would repeat records.
    change(&brokers, move |records| {
        let again = records[len..2 * len].to_vec();
        drop(records.splice(2 * len..2 * len, again));
    });
    let mut fetcher = reading(&brokers, FetchConfig::default());
    assert_eq!(records(&mut fetcher).await.len(), 4);
    let error = failure(&mut fetcher).await;
    assert!(matches!(error.kind(), ErrorKind::Protocol { .. }), "{error:?}");

    // Only batches from before the offset: asking again would never end.
    fetcher.assign(orders(0), 8);
    let first = brokers.state().logs[&0].batches[0].bytes().clone();
    brokers.tweak_first(move |part| part.records = Some(first));
    let error = failure(&mut fetcher).await;
    assert!(matches!(error.kind(), ErrorKind::Protocol { .. }), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_never_comes_whole_is_an_error_in_the_end() {
    let brokers = brokers();
    let len = batch_len(&brokers);
    (0..30).for_each(|_| change(&brokers, move |records| records.truncate(len - 1)));
    let mut fetcher = reading(&brokers, FetchConfig::default());
    let error = failure(&mut fetcher).await;
    assert!(error.to_string().contains("incomplete batch at offset 0"), "{error}");
    let asked = brokers.state().fetches.len();
    assert!((2..20).contains(&asked), "{asked} fetches");
}

#[tokio::test(start_paused = true)]
async fn emptied_batches_move_the_position() {
    let brokers = brokers();
    brokers.tweak_first(|part| {
        let bytes = part.records.take().unwrap_or_default();
        part.records = Some(super::log::emptied(&bytes));
    });
    let mut fetcher = reading(&brokers, FetchConfig::default());
    match next(&mut fetcher).await {
        Fetched::Progress { offset, .. } => assert_eq!(offset, 20),
        other => panic!("{other:?} in place of progress"),
    }
    assert_eq!(fetcher.position(&orders(0)), Some(20));
}

#[tokio::test(start_paused = true)]
async fn garbage_in_the_list_of_aborted_transactions_hides_nothing_that_counts() {
    let brokers = brokers();
    brokers.tweak_first(|part| {
        let entry = |producer: i64, first: i64| {
            AbortedTransaction::default().with_producer_id(producer.into()).with_first_offset(first)
        };
        part.aborted_transactions =
            Some(vec![entry(i64::MIN, i64::MAX), entry(7, -5), entry(7, i64::MIN), entry(-1, 0), entry(7, 3)]);
    });
    let mut fetcher = reading(&brokers, FetchConfig::default());
    assert_eq!(records(&mut fetcher).await.len(), 20, "batches outside of transactions are never aborted");
}

#[tokio::test(start_paused = true)]
async fn answers_that_lack_or_repeat_partitions_or_name_others_harm_nobody() {
    let brokers = brokers();
    brokers.tweak(|answer| answer.responses.clear());
    brokers.tweak(|answer| {
        let twice = answer.responses[0].partitions[0].clone();
        let other = twice.clone().with_partition_index(i32::MIN);
        answer.responses[0].partitions = vec![other, twice.clone(), twice];
    });
    let mut fetcher = reading(&brokers, FetchConfig::default());
    assert_eq!(read_to(&mut fetcher, 0, 20).await, (0..20).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_says_at_once_that_there_is_nothing_is_not_asked_without_end() {
    let brokers = Brokers::new(1);
    (0..10_000).for_each(|_| brokers.tweak(|_| {}));
    let _fetcher = reading(&brokers, FetchConfig::default());
    settle().await;
    let asked = brokers.state().fetches.len();
    assert!(asked <= 250, "{asked} fetches in two seconds");
}

#[tokio::test(start_paused = true)]
async fn any_bytes_in_place_of_records_are_read_without_harm() {
    for seed in 0..200_u64 {
        let brokers = brokers();
        let mut random = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        change(&brokers, move |records| {
            for _ in 0..3 {
                random ^= random << 13;
                random ^= random >> 7;
                random ^= random << 17;
                let at = usize::try_from(random % records.len() as u64).expect("small");
                records[at] = random.to_be_bytes()[0];
            }
        });
        let mut fetcher = reading(&brokers, FetchConfig::default());
        let mut position = 0;
        for _ in 0..20 {
            match next(&mut fetcher).await {
                Fetched::Failed { .. } => {
                    fetcher.assign(orders(0), position);
                    continue;
                }
                other => drop(other),
            }
            let now = fetcher.position(&orders(0)).expect("it is known");
            assert!(now > position, "seed {seed}: from {position} to {now}");
            position = now;
            if position >= 20 {
                break;
            }
        }
        // An offset is not under the checksum: it may have grown.
        assert!(position >= 20, "seed {seed}");
    }
}
