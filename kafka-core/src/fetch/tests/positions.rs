//! Where reading starts, goes on and stops.

use std::time::Duration;

use kafka_protocol::messages::fetch_response::AbortedTransaction;

use super::{Brokers, failure, fetcher, next, orders, read_to, reading, records, settle};
use crate::{
    ErrorKind, FetchConfig, Fetched, Isolation, LogOffsets, OffsetReset, StartPosition, fetch::tests::log::Log,
};

fn config() -> FetchConfig {
    FetchConfig::default()
}

/// A log from offset 10 to 30, in batches of two.
fn brokers() -> Brokers {
    let brokers = Brokers::new(1);
    brokers.state().logs.insert(0, Log { start: 10, ..Log::default() });
    brokers.fill(0, 10, 2, 10);
    brokers
}

#[tokio::test(start_paused = true)]
async fn a_partition_starts_where_it_is_told_to() {
    use StartPosition::{Earliest, Latest, Offset, Timestamp};
    for (start, isolation, expected) in [
        (Offset(13), Isolation::ReadCommitted, 13),
        (Earliest, Isolation::ReadCommitted, 10),
        (Latest, Isolation::ReadUncommitted, 30),
        (Latest, Isolation::ReadCommitted, 28),
        (Timestamp(17), Isolation::ReadCommitted, 17),
        (Timestamp(1_000_000), Isolation::ReadUncommitted, 30),
        (Timestamp(1_000_000), Isolation::ReadCommitted, 28),
    ] {
        let brokers = brokers();
        brokers.state().logs.get_mut(&0).expect("it exists").last_stable = Some(28);
        let mut fetcher = fetcher(&brokers, config().isolation(isolation));
        fetcher.assign(orders(0), start);
        settle().await;
        assert_eq!(fetcher.position(&orders(0)), Some(expected), "{start:?}");
        brokers.fill(0, 1, 1, 1);
        let first = records(&mut fetcher).await.iter().next().map(|record| record.offset());
        assert_eq!(first, Some(expected), "{start:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_offset_that_is_not_in_the_log_is_an_error_with_the_gap_unless_a_policy_is_named() {
    let gap = |offset| ErrorKind::OffsetOutOfRange {
        topic_partition: orders(0),
        offset,
        log_start: Some(10),
        high_watermark: Some(30),
    };
    let now = i64::try_from(Duration::from_secs(4_000_000_000).as_millis()).expect("it fits");
    for (from, policy, to) in [
        (3, OffsetReset::Error, None),
        (77, OffsetReset::Error, None),
        (3, OffsetReset::Earliest, Some(10)),
        (77, OffsetReset::Earliest, Some(10)),
        (3, OffsetReset::Latest, Some(30)),
        // Older than every record, and younger: the timestamps are the offsets, far in the past.
        (77, OffsetReset::ByDuration(Duration::from_millis(now as u64)), Some(10)),
        (3, OffsetReset::ByDuration(Duration::from_secs(60)), Some(30)),
    ] {
        let brokers = brokers();
        let mut fetcher = fetcher(&brokers, config().offset_reset(policy));
        fetcher.assign(orders(0), from);
        match (next(&mut fetcher).await, to) {
            (Fetched::Failed { error, .. }, None) => assert_eq!(error.kind(), &gap(from)),
            (Fetched::Reset { from: was, to: is, .. }, Some(to)) => assert_eq!((was, is), (from, to), "{policy:?}"),
            (other, _) => panic!("{other:?} under {policy:?}"),
        }
        assert_eq!(fetcher.position(&orders(0)), to.or(Some(from)));
        fetcher.assign(orders(0), StartPosition::Earliest);
        assert_eq!(read_to(&mut fetcher, 0, 30).await.len(), 20, "a seek heals");
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_fetched_before_a_gap_is_handed_out_first() {
    let brokers = brokers();
    let mut fetcher = reading(&brokers, config());
    fetcher.assign(orders(0), 10);
    settle().await;
    let log = Log { start: 100, ..Log::default() };
    brokers.state().logs.insert(0, log);
    settle().await;
    assert_eq!(read_to(&mut fetcher, 0, 30).await, (10..30).collect::<Vec<_>>());
    assert!(matches!(failure(&mut fetcher).await.kind(), ErrorKind::OffsetOutOfRange { offset: 30, .. }));
}

#[tokio::test(start_paused = true)]
async fn a_seek_drops_what_waits_and_what_is_on_its_way() {
    let brokers = brokers();
    let mut fetcher = fetcher(&brokers, config());
    fetcher.assign(orders(0), 10);
    settle().await;
    fetcher.assign(orders(0), 25);
    fetcher.assign(orders(0), 20);
    let first = records(&mut fetcher).await.iter().next().map(|record| record.offset());
    assert_eq!(first, Some(20), "in the middle of nothing else");
    fetcher.pause(&orders(0));
    fetcher.assign(orders(0), 11);
    settle().await;
    assert!(tokio::time::timeout(Duration::from_secs(60), fetcher.next()).await.is_err(), "it stays paused");
    fetcher.resume(&orders(0));
    assert_eq!(read_to(&mut fetcher, 0, 30).await, (11..30).collect::<Vec<_>>(), "11 is within a batch");
}

#[tokio::test(start_paused = true)]
async fn lag_and_the_logs_offsets_are_those_of_the_last_answer() {
    let brokers = brokers();
    brokers.state().logs.get_mut(&0).expect("it exists").last_stable = Some(28);
    let mut fetcher = fetcher(&brokers, config().partition_bytes(100));
    fetcher.assign(orders(0), 10);
    assert_eq!((fetcher.lag(&orders(0)), fetcher.log_offsets(&orders(0))), (None, None));
    let read = records(&mut fetcher).await;
    assert_eq!((read.high_watermark(), read.last_stable_offset(), read.log_start_offset()), (30, 28, 10));
    let log = LogOffsets { log_start: 10, high_watermark: 30, last_stable: 28 };
    assert_eq!(fetcher.log_offsets(&orders(0)), Some(log));
    assert_eq!(fetcher.lag(&orders(0)), Some(28 - read.next_offset()));
}

#[tokio::test(start_paused = true)]
async fn records_of_aborted_transactions_are_passed_over() {
    for (isolation, expected) in [(Isolation::ReadCommitted, 0), (Isolation::ReadUncommitted, 20)] {
        let brokers = brokers();
        brokers.tweak_first(|part| {
            let records = part.records.take().unwrap_or_default();
            part.records = Some(super::log::transactional(&records));
            let aborted = AbortedTransaction::default().with_producer_id(7.into()).with_first_offset(10);
            part.aborted_transactions = Some(vec![aborted]);
        });
        let mut fetcher = fetcher(&brokers, config().isolation(isolation));
        fetcher.assign(orders(0), 10);
        assert_eq!(read_to(&mut fetcher, 0, 30).await.len(), expected, "{isolation:?}");
    }
}
