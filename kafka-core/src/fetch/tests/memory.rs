//! The bound on memory, and what goes on within it.

use std::time::Duration;

use super::{fetcher, log::Brokers, next, orders, read_to, reading, records, settle};
use crate::{
    FetchConfig, Fetched,
    record::{Codec, Compression},
};

const KIB: usize = 1 << 10;

/// 64 KiB in all, at most 8 KiB of a partition in an answer.
fn small() -> FetchConfig {
    FetchConfig::default().fetch_memory(64 * KIB).partition_bytes(8 << 10)
}

#[tokio::test(start_paused = true)]
async fn records_are_fetched_while_the_application_works_and_only_within_the_budget() {
    let brokers = Brokers::new(4);
    (0..4).for_each(|partition| brokers.fill(partition, 100, 4, 900));
    let mut fetcher = reading(&brokers, small());
    settle().await;
    let asked = brokers.state().fetches.len();
    assert!(asked > 1, "more than the first answer is fetched although nobody asks for records");
    assert!((32 * KIB..=64 * KIB).contains(&fetcher.memory_used()), "{} bytes", fetcher.memory_used());
    settle().await;
    assert!(brokers.state().fetches.len() <= asked + 1, "nothing more is fetched while nothing is taken");

    let mut held = Vec::new();
    while let Ok(fetched) = tokio::time::timeout(Duration::from_secs(60), fetcher.next()).await {
        held.push(fetched);
        assert!(fetcher.memory_used() <= 64 * KIB, "{} bytes", fetcher.memory_used());
    }
    let offsets = |fetched: &Fetched| if let Fetched::Records(records) = fetched { records.len() } else { 0 };
    let read: usize = held.iter().map(offsets).sum();
    assert!(read < 1600, "what the application keeps is not fetched around");
    let slice = match &held[0] {
        Fetched::Records(records) => records.slice(records.iter().next().and_then(|r| r.value()).expect("a value")),
        other => panic!("{other:?}"),
    };
    drop(held);
    let mut rest = 0;
    while read + rest < 1600 {
        rest += records(&mut fetcher).await.len();
    }
    assert!(fetcher.memory_used() >= 7 * KIB, "a slice counts as all that it keeps alive");
    drop(slice);
    settle().await;
    assert_eq!(fetcher.memory_used(), 16 * KIB, "only the question that waits at the broker");
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_is_larger_than_the_budget_is_read_alone() {
    let brokers = Brokers::new(2);
    brokers.fill(0, 3, 10, 20 * KIB);
    brokers.fill(1, 3, 10, 20 * KIB);
    let mut fetcher = reading(&brokers, small());
    for _ in 0..6 {
        assert_eq!(records(&mut fetcher).await.len(), 10);
    }
    assert_eq!((fetcher.position(&orders(0)), fetcher.position(&orders(1))), (Some(30), Some(30)));
}

#[tokio::test(start_paused = true)]
async fn paused_partitions_stop_nobody_even_if_their_records_fill_the_memory() {
    let brokers = Brokers::new(9);
    (0..8).for_each(|partition| brokers.fill(partition, 20, 4, 1900));
    let mut fetcher = reading(&brokers, small());
    settle().await;
    (0..8).for_each(|partition| fetcher.pause(&orders(partition)));
    brokers.fill(8, 50, 4, 900);
    assert_eq!(read_to(&mut fetcher, 8, 200).await, (0..200).collect::<Vec<_>>());
    fetcher.resume(&orders(3));
    assert_eq!(read_to(&mut fetcher, 3, 80).await, (0..80).collect::<Vec<_>>(), "nothing was lost meanwhile");
    assert_eq!(fetcher.position(&orders(2)), Some(0), "it is still paused");
}

#[tokio::test(start_paused = true)]
async fn every_partition_gets_its_turn_when_answers_are_full() {
    let brokers = Brokers::new(20);
    (0..20).for_each(|partition| brokers.fill(partition, 40, 1, 7900));
    let mut fetcher = reading(&brokers, small().max_bytes(16 << 10));
    for _ in 0..60 {
        records(&mut fetcher).await;
    }
    let positions: Vec<i64> = (0..20).filter_map(|partition| fetcher.position(&orders(partition))).collect();
    assert!(positions.iter().all(|position| (2..=4).contains(position)), "{positions:?}");
}

#[tokio::test(start_paused = true)]
async fn decompressed_batches_count_and_come_a_few_at_a_time() {
    let brokers = Brokers::new(1);
    let gzip = Compression::new(Codec::Gzip);
    (0..50).for_each(|_| brokers.state().logs.get_mut(&0).expect("it exists").append(10, 2 * KIB, gzip));
    let mut fetcher = reading(&brokers, small());
    let mut held = Vec::new();
    while let Ok(fetched) = tokio::time::timeout(Duration::from_secs(60), fetcher.next()).await {
        held.push(fetched);
    }
    let used = fetcher.memory_used();
    assert!((64 * KIB..=96 * KIB).contains(&used), "the budget, one batch and what is asked for: {used} bytes");
    let read: usize = held.iter().map(|fetched| if let Fetched::Records(r) = fetched { r.len() } else { 0 }).sum();
    drop(held);
    let mut offsets = Vec::new();
    while offsets.len() + read < 500 {
        offsets.extend(records(&mut fetcher).await.iter().map(|record| record.offset()));
    }
    assert_eq!(offsets, (i64::try_from(read).expect("few")..500).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn a_fetcher_that_is_dropped_leaves_nothing_running() {
    let brokers = Brokers::new(1);
    let mut fetcher = fetcher(&brokers, small());
    fetcher.assign(orders(0), 0);
    settle().await;
    drop(fetcher);
    settle().await;
    let asked = brokers.state().fetches.len();
    settle().await;
    assert_eq!(brokers.state().fetches.len(), asked);
}

#[tokio::test(start_paused = true)]
async fn a_long_poll_does_not_hold_up_a_partition_that_has_records() {
    let brokers = Brokers::new(2);
    brokers.fill(0, 200, 4, 1900);
    let mut fetcher = reading(&brokers, small().max_wait(Duration::from_secs(30)));
    let begun = tokio::time::Instant::now();
    assert_eq!(read_to(&mut fetcher, 0, 800).await.len(), 800);
    assert!(begun.elapsed() < Duration::from_secs(10), "it took {:?}", begun.elapsed());
    brokers.fill(1, 1, 1, 1);
    assert!(matches!(next(&mut fetcher).await, Fetched::Records(_)));
}
