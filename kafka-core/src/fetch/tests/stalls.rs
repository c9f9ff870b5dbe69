//! What keeps a partition from being read: other partitions may not, and what does is seen.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::{fetcher, log::Brokers, next, orders, reading, records, settle};
use crate::{ErrorKind, FetchConfig, Fetched};

const LONG: Duration = Duration::from_secs(30);

#[tokio::test(start_paused = true)]
async fn a_new_partition_does_not_wait_for_a_long_poll_to_end() {
    let brokers = Brokers::new(4);
    (1..4).for_each(|partition| brokers.fill(partition, 1, 4, 10));
    let mut fetcher = fetcher(&brokers, FetchConfig::default().max_wait(LONG));
    fetcher.assign(orders(0), 0);
    fetcher.assign(orders(3), 4);
    fetcher.pause(&orders(3));
    settle().await;
    let begun = Instant::now();
    fetcher.assign(orders(1), 0);
    assert_eq!(records(&mut fetcher).await.topic_partition(), &orders(1), "one that is assigned");
    fetcher.assign(orders(2), 0);
    assert_eq!(records(&mut fetcher).await.topic_partition(), &orders(2), "another, while the first is asked for");
    brokers.fill(3, 1, 1, 10);
    fetcher.resume(&orders(3));
    assert_eq!(records(&mut fetcher).await.topic_partition(), &orders(3), "one that is resumed");
    fetcher.assign(orders(1), 2);
    assert_eq!(records(&mut fetcher).await.len(), 2, "one that is sought");
    brokers.fill(2, 1, 1, 10);
    assert_eq!(records(&mut fetcher).await.topic_partition(), &orders(2), "what comes there later");
    assert!(begun.elapsed() < Duration::from_secs(4), "it took {:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn requests_that_went_side_by_side_become_one() {
    let brokers = Brokers::new(2);
    let mut fetcher = fetcher(&brokers, FetchConfig::default().max_wait(LONG));
    fetcher.assign(orders(0), 0);
    settle().await;
    fetcher.assign(orders(1), 0);
    sleep(LONG * 2).await;
    let before = brokers.state().fetches.len();
    sleep(LONG * 4).await;
    let fetches = brokers.state().fetches.split_off(before);
    assert!(fetches.len() <= 5, "{} requests in the time of four", fetches.len());
    assert!(fetches.iter().all(|seen| seen.partitions.len() == 2), "{fetches:?}");
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_cannot_be_reached_is_seen_until_it_can() {
    let brokers = Brokers::new(1);
    let mut fetcher = reading(&brokers, FetchConfig::default());
    settle().await;
    let monitor = fetcher.monitor();
    assert!(monitor.stalled().is_empty(), "{monitor:?}");
    brokers.state().silent = Some(1);
    sleep(Duration::from_secs(300)).await;
    let stalled = monitor.stalled();
    let stall = stalled.get(&orders(0)).expect("it brings nothing");
    assert!(stall.age() > Duration::from_secs(200), "since the first failure: {stall:?}");
    assert!(stall.error().to_string().contains("sim:1"), "{}", stall.error());
    brokers.state().silent = None;
    brokers.fill(0, 1, 1, 10);
    assert!(matches!(next(&mut fetcher).await, Fetched::Records(_)));
    assert!(monitor.stalled().is_empty(), "{monitor:?}");
}

#[tokio::test(start_paused = true)]
async fn an_application_that_keeps_all_memory_is_seen_until_it_lets_go() {
    let brokers = Brokers::new(1);
    brokers.fill(0, 60, 4, 1 << 10);
    let mut fetcher = reading(&brokers, FetchConfig::default().fetch_memory(64 << 10).partition_bytes(8 << 10));
    let monitor = fetcher.monitor();
    let mut kept = Vec::new();
    while monitor.stalled().is_empty() {
        match tokio::time::timeout(Duration::from_secs(60), fetcher.next()).await {
            Ok(fetched) => kept.push(fetched),
            Err(_) => assert!(!monitor.stalled().is_empty(), "it stands still unseen"),
        }
    }
    let stalled = monitor.stalled();
    assert_eq!(stalled.get(&orders(0)).map(|stall| stall.error().kind()), Some(&ErrorKind::Full));
    kept.clear();
    assert!(matches!(next(&mut fetcher).await, Fetched::Records(_)));
    assert!(monitor.stalled().is_empty(), "{monitor:?}");
}
