//! One thing that goes wrong at a time, at each step of a producer, and what comes of it.

use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::{
    brokers::{BROKERS, Cluster, Fate, Lot},
    judge::{DELIVERY_TIMEOUT, GRAIN, Said, client, judge},
};
use crate::{
    error::Error,
    producer::{Producer, ProducerRecord},
    protocol::ErrorCode,
};

/// As many batches as are in flight at once, and some before and behind.
const RECORDS: u32 = 9;

fn producer(cluster: &Cluster) -> Producer {
    // A record is larger than a batch: each has one of its own.
    let settings = Producer::builder(&client(cluster, 1)).batch_size(1).linger(Duration::ZERO);
    settings.delivery_timeout(DELIVERY_TIMEOUT).build().expect("the settings are valid")
}

fn record(number: u32) -> ProducerRecord {
    ProducerRecord::to("orders").partition(0).value(format!("{number:04}"))
}

/// Sends records to a fresh partition as fast as they go, while the requests meet what `script` says.
async fn send_all(script: &[(Fate, Lot)]) -> (Cluster, Vec<Said>, Duration) {
    let cluster = Cluster::scripted(1, script.iter().copied());
    let producer = producer(&cluster);
    let started = Instant::now();
    let mut acks = Vec::new();
    for number in 0..RECORDS {
        acks.push(producer.enqueue(record(number)).await.expect("there is room"));
    }
    let mut said = Vec::new();
    for (number, ack) in (0..RECORDS).zip(acks) {
        let result = timeout(DELIVERY_TIMEOUT + GRAIN, ack).await.expect("every ack resolves in time");
        said.push(Said { partition: 0, value: format!("{number:04}"), result });
    }
    judge(0, &cluster, &said);
    (cluster, said, started.elapsed())
}

fn at_step(step: usize, trouble: (Fate, Lot)) -> Vec<(Fate, Lot)> {
    let mut script = vec![(Fate::Fine, Lot::Truth); step];
    script.push(trouble);
    script
}

#[tokio::test(start_paused = true)]
async fn a_lost_late_or_repeated_answer_at_each_step_keeps_exactly_once() {
    let moment = Duration::from_millis(700);
    for step in 0..RECORDS as usize {
        for trouble in [
            (Fate::Cut { applied: false }, Lot::Truth),
            (Fate::Cut { applied: true }, Lot::Truth),
            (Fate::CutThenApplied(moment), Lot::Truth),
            (Fate::Silent { applied: false }, Lot::Truth),
            (Fate::Silent { applied: true }, Lot::Truth),
            (Fate::Delayed(moment), Lot::Truth),
            (Fate::Delayed(moment * 4), Lot::Truth),
            (Fate::Throttled(500), Lot::Truth),
            (Fate::Fine, Lot::AppliedAndRefused(ErrorCode::DUPLICATE_SEQUENCE_NUMBER)),
            (Fate::Fine, Lot::AppliedAndRefused(ErrorCode::NOT_ENOUGH_REPLICAS_AFTER_APPEND)),
            (Fate::Fine, Lot::AppliedAndRefused(ErrorCode::REQUEST_TIMED_OUT)),
            (Fate::Fine, Lot::AppliedAndRefused(ErrorCode::NOT_LEADER_OR_FOLLOWER)),
            (Fate::Fine, Lot::Refused(ErrorCode::NOT_LEADER_OR_FOLLOWER)),
            (Fate::Fine, Lot::Refused(ErrorCode::NOT_ENOUGH_REPLICAS)),
            (Fate::Fine, Lot::Refused(ErrorCode::KAFKA_STORAGE_ERROR)),
            (Fate::Fine, Lot::Refused(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER)),
            (Fate::Fine, Lot::Refused(ErrorCode::UNKNOWN_PRODUCER_ID)),
        ] {
            let (cluster, said, _) = send_all(&at_step(step, trouble)).await;
            let failed: Vec<&Error> = said.iter().filter_map(|said| said.result.as_ref().err()).collect();
            assert!(failed.is_empty(), "{trouble:?} at {step}: {failed:?}");
            assert_eq!(cluster.values(0).len(), RECORDS as usize, "{trouble:?} at {step}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_no_retry_helps_fails_at_once_and_alone() {
    for step in 0..RECORDS as usize {
        for code in [
            ErrorCode::MESSAGE_TOO_LARGE,
            ErrorCode::TOPIC_AUTHORIZATION_FAILED,
            ErrorCode::CLUSTER_AUTHORIZATION_FAILED,
            ErrorCode::INVALID_RECORD,
            ErrorCode::INVALID_PRODUCER_EPOCH,
            ErrorCode::PRODUCER_FENCED,
            ErrorCode::UNSUPPORTED_COMPRESSION_TYPE,
        ] {
            let (cluster, said, took) = send_all(&at_step(step, (Fate::Fine, Lot::Refused(code)))).await;
            for (number, said) in said.iter().enumerate() {
                let failed = said.result.as_ref().err().map(|error| (error.code(), error.maybe_applied()));
                let expected = (number == step).then_some((Some(code), false));
                assert_eq!(failed, expected, "{code} at {step}: record {number}");
            }
            assert_eq!(cluster.values(0).len(), RECORDS as usize - 1, "{code} at {step}");
            assert!(took < Duration::from_secs(1), "{code} at {step}: {took:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn out_of_order_after_a_lost_answer_is_not_taken_for_not_applied() {
    // A broker that was restarted in between does not recognise the batch that it has.
    let script = [
        (Fate::Fine, Lot::Truth),
        (Fate::Cut { applied: true }, Lot::Truth),
        (Fate::Fine, Lot::Refused(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER)),
    ];
    let (_, said, _) = send_all(&script).await;
    let error = said[1].result.as_ref().expect_err("nobody can know");
    assert_eq!((error.code(), error.maybe_applied()), (Some(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER), true));
    assert!(said.iter().enumerate().all(|(number, said)| number == 1 || said.result.is_ok()));
}

#[tokio::test(start_paused = true)]
async fn after_the_last_epoch_comes_a_new_producer_id() {
    let script = at_step(2, (Fate::Fine, Lot::Refused(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER)));
    let cluster = Cluster::scripted(1, script);
    cluster.set_first_epoch(i16::MAX - 1);
    let producer = producer(&cluster);
    for number in 0..4 {
        producer.send(record(number)).await.expect("written");
    }
    let stamps = cluster.stamps(0);
    assert_eq!(stamps.iter().map(|stamp| stamp.base_sequence).collect::<Vec<_>>(), [0, 1, 0, 1]);
    assert!(stamps[1].producer_id < stamps[2].producer_id, "{stamps:?}");
}

#[tokio::test(start_paused = true)]
async fn a_named_leader_is_followed_without_metadata() {
    let cluster = Cluster::scripted(1, []);
    let producer = producer(&cluster);
    producer.send(record(0)).await.expect("written");
    cluster.freeze_metadata();
    for number in 1..6 {
        cluster.elect(0, BROKERS[number as usize % 2]);
        let started = Instant::now();
        producer.send(record(number)).await.expect("written");
        assert!(started.elapsed() < Duration::from_millis(50), "{:?}", started.elapsed());
    }
    assert_eq!(cluster.values(0).len(), 6);
}

#[tokio::test(start_paused = true)]
async fn a_throttled_producer_waits_and_writes_nothing_twice() {
    let cluster = Cluster::scripted(1, [(Fate::Throttled(3_000), Lot::Truth)]);
    let producer = producer(&cluster);
    let started = Instant::now();
    producer.send(record(0)).await.expect("written");
    assert!(started.elapsed() < Duration::from_millis(50), "what is written is known at once");
    producer.send(record(1)).await.expect("written");
    assert!(started.elapsed() >= Duration::from_secs(3), "{:?}", started.elapsed());
    assert_eq!((cluster.values(0), cluster.seen().requests), (vec!["0000".to_owned(), "0001".to_owned()], 2));
}

#[tokio::test(start_paused = true)]
async fn too_few_replicas_for_too_long_says_whether_it_may_be_applied() {
    for (lot, maybe_applied) in [
        (Lot::Refused(ErrorCode::NOT_ENOUGH_REPLICAS), false),
        (Lot::AppliedAndRefused(ErrorCode::NOT_ENOUGH_REPLICAS_AFTER_APPEND), true),
    ] {
        let cluster = Cluster::scripted(1, vec![(Fate::Fine, lot); 200]);
        let producer = producer(&cluster);
        let started = Instant::now();
        let error = producer.send(record(0)).await.expect_err("never enough");
        assert!(started.elapsed() <= DELIVERY_TIMEOUT + GRAIN, "{:?}", started.elapsed());
        assert_eq!(error.maybe_applied(), maybe_applied, "{error}");
        assert_eq!(cluster.values(0).len(), usize::from(maybe_applied));
    }
}
