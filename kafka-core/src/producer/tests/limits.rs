//! The producer's bounds: time, memory, sizes, requests.

use std::{collections::BTreeSet, time::Duration};

use futures_util::future::join_all;
use tokio::time::{Instant, sleep, timeout};

use super::{
    brokers::{Cluster, Fate, Lot},
    judge::{DELIVERY_TIMEOUT, GRAIN, client},
};
use crate::{
    error::ErrorKind,
    producer::{Producer, ProducerBuilder, ProducerRecord, sender::IN_FLIGHT_PER_BROKER},
    protocol::ErrorCode,
};

fn settings(cluster: &Cluster) -> ProducerBuilder {
    Producer::builder(&client(cluster, 1)).delivery_timeout(DELIVERY_TIMEOUT)
}

fn record(partition: i32, bytes: usize) -> ProducerRecord {
    ProducerRecord::to("orders").partition(partition).value(vec![b'x'; bytes])
}

#[tokio::test(start_paused = true)]
async fn a_batch_lingers_for_more_records_unless_it_is_flushed() {
    let cluster = Cluster::scripted(1, []);
    let producer = settings(&cluster).linger(Duration::from_millis(400)).build().expect("valid");
    producer.send(record(0, 1)).await.expect("written");
    let started = Instant::now();
    let acks = join_all((0..3).map(|_| producer.send(record(0, 1)))).await;
    assert!(acks.iter().all(Result::is_ok));
    assert!((400..450).contains(&started.elapsed().as_millis()), "{:?}", started.elapsed());
    assert_eq!(cluster.seen().requests, 2, "three records, one request");
    let started = Instant::now();
    let ack = producer.enqueue(record(0, 1)).await.expect("there is room");
    producer.flush().await;
    assert!(started.elapsed() < GRAIN, "{:?}", started.elapsed());
    ack.await.expect("written");
}

#[tokio::test(start_paused = true)]
async fn requests_hold_many_partitions_within_their_size_and_five_are_in_flight() {
    let cluster = Cluster::scripted(12, vec![(Fate::Delayed(Duration::from_millis(50)), Lot::Truth); 100]);
    let settings = settings(&cluster).linger(Duration::ZERO).batch_size(1_000).max_request_size(3_500);
    let producer = settings.build().expect("valid");
    let mut acks = Vec::new();
    for round in 0..240 {
        acks.push(producer.enqueue(record(round % 12, 900)).await.expect("there is room"));
    }
    assert!(join_all(acks).await.iter().all(Result::is_ok));
    let seen = cluster.seen();
    assert!((2_900..=3_500).contains(&seen.largest_request), "{seen:?}");
    assert_eq!(seen.pipelined, IN_FLIGHT_PER_BROKER, "{seen:?}");
}

#[tokio::test(start_paused = true)]
async fn no_more_requests_are_in_flight_than_was_asked_for() {
    let cluster = Cluster::scripted(4, vec![(Fate::Delayed(Duration::from_millis(50)), Lot::Truth); 100]);
    let settings = settings(&cluster).linger(Duration::ZERO).batch_size(1_000).max_in_flight(2);
    let producer = settings.build().expect("valid");
    let mut acks = Vec::new();
    for round in 0..80 {
        acks.push(producer.enqueue(record(round % 4, 900)).await.expect("there is room"));
    }
    assert!(join_all(acks).await.iter().all(Result::is_ok));
    assert_eq!(cluster.seen().pipelined, 2);
}

#[tokio::test(start_paused = true)]
async fn full_memory_pushes_back_and_comes_back() {
    let cluster = Cluster::scripted(1, [(Fate::Fine, Lot::Truth), (Fate::Delayed(Duration::from_secs(1)), Lot::Truth)]);
    let settings = settings(&cluster).buffer_memory(4_000).batch_size(1_000).max_request_size(2_000);
    let producer = settings.max_block(Duration::from_millis(300)).build().expect("valid");
    producer.send(record(0, 1)).await.expect("written");
    let mut acks = Vec::new();
    while let Ok(ack) = producer.try_enqueue(record(0, 900)) {
        acks.push(ack);
    }
    assert_eq!(acks.len(), 4);
    let full = producer.try_enqueue(record(0, 900)).expect_err("no room");
    assert_eq!(*full.kind(), ErrorKind::Full);
    let started = Instant::now();
    let blocked = producer.enqueue(record(0, 900)).await.expect_err("no room in time");
    assert!(matches!(blocked.kind(), ErrorKind::Timeout { .. }), "{blocked}");
    assert_eq!((started.elapsed().as_millis(), blocked.maybe_applied()), (300, false));
    assert!(join_all(acks).await.iter().all(Result::is_ok));
    producer.send(record(0, 900)).await.expect("written");
}

#[tokio::test(start_paused = true)]
async fn records_wait_for_memory_in_their_order() {
    let cluster = Cluster::scripted(1, []);
    let settings = settings(&cluster).buffer_memory(300).batch_size(100).max_request_size(300);
    let producer = settings.build().expect("valid");
    let sends = (0..40).map(|number| {
        let record = ProducerRecord::to("orders").partition(0).value(format!("{number:04}"));
        producer.send(record)
    });
    assert!(join_all(sends).await.iter().all(Result::is_ok));
    let values = cluster.values(0);
    assert!(values.len() == 40 && values.is_sorted(), "{values:?}");
}

#[tokio::test(start_paused = true)]
async fn a_topic_that_does_not_appear_is_named_after_max_block() {
    let cluster = Cluster::scripted(1, []);
    let producer = settings(&cluster).max_block(Duration::from_secs(3)).build().expect("valid");
    let started = Instant::now();
    let error = producer.send(ProducerRecord::to("no-such-topic").value("x")).await.expect_err("there is none");
    assert!(started.elapsed() <= Duration::from_secs(3), "{:?}", started.elapsed());
    assert_eq!((error.code(), error.maybe_applied()), (Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION), false));
    assert!(error.to_string().contains("no-such-topic"), "{error}");
    let error = producer.send(record(7, 1)).await.expect_err("there is no such partition");
    assert!(matches!(error.kind(), ErrorKind::Invalid { .. }), "{error}");
}

#[tokio::test(start_paused = true)]
async fn records_without_a_key_spread_over_all_partitions() {
    let cluster = Cluster::scripted(4, []);
    let producer = settings(&cluster).batch_size(200).build().expect("valid");
    let mut partitions = BTreeSet::new();
    for _ in 0..400 {
        let ack = producer.enqueue(ProducerRecord::to("orders").value("0123456789")).await.expect("there is room");
        partitions.insert(ack.topic_partition().partition());
    }
    producer.close().await;
    assert_eq!(partitions, BTreeSet::from([0, 1, 2, 3]));
}

#[tokio::test(start_paused = true)]
async fn close_with_all_brokers_away_ends_within_the_delivery_timeout() {
    let cluster = Cluster::scripted(1, []);
    let producer = settings(&cluster).build().expect("valid");
    producer.send(record(0, 1)).await.expect("written");
    cluster.set_away(true);
    // Until it is known that the connection has ended, a request may be on it.
    sleep(GRAIN).await;
    let ack = producer.enqueue(record(0, 1)).await.expect("there is room");
    timeout(DELIVERY_TIMEOUT + GRAIN, producer.close()).await.expect("close ends");
    let error = ack.await.expect_err("nobody is there");
    assert!(!error.maybe_applied(), "it never left: {error}");
    assert_eq!(*producer.send(record(0, 1)).await.expect_err("closed").kind(), ErrorKind::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_producer_leaves_no_ack_waiting() {
    let cluster = Cluster::scripted(1, [(Fate::Fine, Lot::Truth), (Fate::Silent { applied: true }, Lot::Truth)]);
    let producer = settings(&cluster).linger(Duration::from_millis(100)).build().expect("valid");
    producer.send(record(0, 1)).await.expect("written");
    let on_the_wire = producer.enqueue(record(0, 1)).await.expect("there is room");
    // Its linger is over, and no answer comes.
    sleep(Duration::from_millis(200)).await;
    let waiting = producer.enqueue(record(0, 1)).await.expect("there is room");
    drop(producer);
    for (ack, maybe_applied) in [(on_the_wire, true), (waiting, false)] {
        let error = timeout(GRAIN, ack).await.expect("it resolves").expect_err("given up");
        assert_eq!((error.kind(), error.maybe_applied()), (&ErrorKind::Closed, maybe_applied));
    }
}
