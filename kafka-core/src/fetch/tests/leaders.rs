//! Leaders that move, brokers that fall silent, topics that go.

use std::time::Duration;

use kafka_protocol::messages::{
    BrokerId,
    fetch_response::{LeaderIdAndEpoch, NodeEndpoint},
};
use kafka_protocol::protocol::StrBytes;
use tokio::time::Instant;

use super::{Brokers, ErrorCode, ErrorKind, failure, fetcher, next, orders, read_to, reading, records, settle};
use crate::{FetchConfig, Fetched, OffsetReset, StartPosition};

fn config() -> FetchConfig {
    FetchConfig::default()
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_is_named_beside_the_error_is_asked_without_metadata() {
    let brokers = Brokers::new(1);
    brokers.fill(0, 2, 5, 10);
    let mut fetcher = reading(&brokers, config());
    assert_eq!(records(&mut fetcher).await.len(), 10);
    settle().await;
    let metadata = {
        let mut state = brokers.state();
        // Metadata lags behind for ever: only the hint helps.
        (state.told_leader, state.leader) = (Some((1, 5)), (2, 6));
        state.metadata
    };
    brokers.fill(0, 1, 5, 10);
    brokers.tweak(|answer| {
        let part = &mut answer.responses[0].partitions[0];
        part.current_leader = LeaderIdAndEpoch::default().with_leader_id(BrokerId(2)).with_leader_epoch(6);
        let host = StrBytes::from_static_str("sim");
        answer.node_endpoints = vec![NodeEndpoint::default().with_node_id(BrokerId(2)).with_host(host).with_port(2)];
    });
    let begun = Instant::now();
    assert_eq!(read_to(&mut fetcher, 0, 15).await, [10, 11, 12, 13, 14]);
    assert!(begun.elapsed() < Duration::from_secs(1), "it took {:?}", begun.elapsed());
    let state = brokers.state();
    assert_eq!(state.metadata, metadata);
    assert_eq!(state.fetches.last().map(|seen| (seen.broker, seen.partitions[0].2)), Some((2, 6)), "with its epoch");
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_moved_is_found_in_metadata() {
    for code in [3, 5, 6, 9, 56, 74, 75, 78, 100, 103] {
        let brokers = Brokers::new(1);
        brokers.fill(0, 2, 5, 10);
        let mut fetcher = fetcher(&brokers, config());
        brokers.tweak_first(move |part| part.error_code = code);
        fetcher.assign(orders(0), 0);
        assert_eq!(read_to(&mut fetcher, 0, 10).await.len(), 10, "{}", ErrorCode(code));
    }
}

#[tokio::test(start_paused = true)]
async fn what_nothing_heals_stops_the_partition_with_its_reason() {
    for code in [29, 43, 87, 999] {
        let brokers = Brokers::new(1);
        brokers.fill(0, 2, 5, 10);
        brokers.tweak_first(move |part| part.error_code = code);
        let mut fetcher = reading(&brokers, config());
        assert_eq!(failure(&mut fetcher).await.code(), Some(ErrorCode(code)));
        settle().await;
        assert_eq!(brokers.state().fetches.len(), 1, "it is not asked for again");
        fetcher.assign(orders(0), 0);
        assert_eq!(read_to(&mut fetcher, 0, 10).await.len(), 10);
    }
}

#[tokio::test(start_paused = true)]
async fn a_silent_leader_costs_a_timeout_and_the_new_one_goes_on() {
    let brokers = Brokers::new(1);
    brokers.fill(0, 2, 5, 10);
    let mut fetcher = reading(&brokers, config());
    assert_eq!(records(&mut fetcher).await.len(), 10);
    {
        let mut state = brokers.state();
        (state.silent, state.leader) = (Some(1), (2, 6));
    }
    brokers.fill(0, 1, 5, 10);
    assert_eq!(read_to(&mut fetcher, 0, 15).await, [10, 11, 12, 13, 14]);
}

#[tokio::test(start_paused = true)]
async fn a_topic_that_is_gone_is_an_error_after_a_while_and_one_that_comes_late_is_read() {
    let brokers = Brokers::new(1);
    brokers.state().topic_error = 3;
    let mut fetcher = reading(&brokers, config());
    settle().await;
    brokers.state().topic_error = 0;
    brokers.fill(0, 1, 5, 10);
    assert_eq!(records(&mut fetcher).await.len(), 5);
    {
        let mut state = brokers.state();
        (state.topic_error, state.topic_id) = (3, 99);
    }
    assert_eq!(failure(&mut fetcher).await.code(), Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION));
    let metadata = brokers.state().metadata;
    assert!(metadata < 100, "{metadata} requests for metadata");
}

#[tokio::test(start_paused = true)]
async fn a_topic_made_anew_is_not_taken_for_the_old_one() {
    for policy in [OffsetReset::Error, OffsetReset::Earliest] {
        let brokers = Brokers::new(1);
        brokers.fill(0, 1, 5, 10);
        let mut fetcher = reading(&brokers, config().offset_reset(policy));
        assert_eq!(records(&mut fetcher).await.len(), 5);
        brokers.state().topic_id = 2;
        brokers.fill(0, 1, 3, 10);
        match next(&mut fetcher).await {
            Fetched::Failed { error, .. } if policy == OffsetReset::Error => {
                let expected = ErrorKind::TopicRecreated { topic_partition: orders(0), offset: 5 };
                assert_eq!(error.kind(), &expected);
                fetcher.assign(orders(0), StartPosition::Earliest);
            }
            Fetched::Reset { from: 5, to: 0, .. } if policy == OffsetReset::Earliest => {}
            other => panic!("{other:?} under {policy:?}"),
        }
        assert_eq!(records(&mut fetcher).await.len(), 8);
    }
}

#[tokio::test(start_paused = true)]
async fn a_position_of_a_topic_that_was_gone_for_long_is_not_taken_for_one_of_its_successor() {
    let brokers = Brokers::new(1);
    brokers.fill(0, 1, 5, 10);
    let mut fetcher = reading(&brokers, config());
    assert_eq!(records(&mut fetcher).await.len(), 5);
    let topic_id = fetcher.topic_id(&orders(0)).expect("an id");
    assert!(fetcher.in_doubt().is_empty());
    {
        let mut state = brokers.state();
        (state.topic_error, state.topic_id) = (3, 2);
    }
    settle().await;
    assert_eq!(fetcher.in_doubt(), [orders(0)]);
    assert_eq!(failure(&mut fetcher).await.code(), Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION));
    assert_eq!(fetcher.topic_id(&orders(0)), Some(topic_id), "it is known after the failure");
    fetcher.unassign(&orders(0));
    brokers.state().topic_error = 0;
    brokers.fill(0, 1, 3, 10);
    fetcher.assign_in(orders(0), 5, topic_id);
    let expected = ErrorKind::TopicRecreated { topic_partition: orders(0), offset: 5 };
    assert_eq!(failure(&mut fetcher).await.kind(), &expected);
    assert_eq!(fetcher.topic_id(&orders(0)), Some(topic_id));
    fetcher.assign(orders(0), 0);
    assert_eq!(records(&mut fetcher).await.len(), 8);
    assert!(fetcher.topic_id(&orders(0)).is_some_and(|id| id != topic_id));
}

#[tokio::test(start_paused = true)]
async fn a_throttled_leader_is_left_alone_for_that_long_and_its_records_are_kept() {
    let brokers = Brokers::new(1);
    brokers.fill(0, 2, 5, 10);
    brokers.tweak(|answer| answer.throttle_time_ms = 7_000);
    let mut fetcher = reading(&brokers, config());
    assert_eq!(records(&mut fetcher).await.len(), 10);
    brokers.fill(0, 1, 5, 10);
    assert_eq!(records(&mut fetcher).await.len(), 5);
    let state = brokers.state();
    let waited = state.fetches[1].at.duration_since(state.fetches[0].at);
    assert!((Duration::from_secs(7)..Duration::from_secs(8)).contains(&waited), "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_is_closed_ends_every_partition() {
    let brokers = Brokers::new(2);
    let client = crate::Client::builder()
        .bootstrap([crate::BrokerAddr::new("sim", 1)])
        .connector(std::sync::Arc::new(brokers.clone()))
        .build()
        .expect("a client");
    let mut fetcher = crate::Fetcher::new(&client, config());
    fetcher.assign(orders(0), 0);
    fetcher.assign(orders(1), 0);
    settle().await;
    client.close().await;
    for _ in 0..2 {
        assert_eq!(failure(&mut fetcher).await.kind(), &ErrorKind::Closed);
    }
}
