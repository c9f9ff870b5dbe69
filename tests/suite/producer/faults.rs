//! A broker that fails on demand: one request at a time, at each step, with leaders that move.

use std::{collections::VecDeque, time::Duration};

use libtest_mimic::Failed;
use ottla_embedded_broker::{Api, EmbeddedBroker, Fault};
use ottla_kafka_core::{Client, ErrorCode, NewTopic, Producer, ProducerRecord};
use ottla_tests::{history::History, lane::Needs};

use super::conclude;
use crate::{
    harness::{Context, Outcome, Suite},
    support::read_log_by,
};

const TOPIC: &str = "orders";
/// More than are in flight at once.
const RECORDS: u32 = 8;
const REQUEST_TIMEOUT: Duration = Duration::from_millis(400);

pub(super) fn tests(suite: &mut Suite) {
    let first = not_leader_for_the_first_of_five_keeps_the_order;
    suite.test("producer::not_leader_for_the_first_of_five_keeps_the_order", Needs::ANY, first);
    let limit = Duration::from_secs(120);
    let steps = trouble_at_each_step_keeps_exactly_once;
    suite.long_test("producer::trouble_at_each_step_keeps_exactly_once", Needs::ANY, limit, steps);
    let moves = leaders_that_move_under_load_cost_nothing;
    suite.test("producer::leaders_that_move_under_load_cost_nothing", Needs::ANY, moves);
}

async fn broker(nodes: usize, partitions: i32) -> Result<(EmbeddedBroker, Client), Failed> {
    let broker = EmbeddedBroker::builder().listen("127.0.0.1:0").nodes(nodes).start().await?;
    let client = Client::builder().bootstrap([broker.addr()]).request_timeout(REQUEST_TIMEOUT).build()?;
    for (_, created) in client.admin().create_topics(&[NewTopic::new(TOPIC, partitions, 1)]).await? {
        created?;
    }
    Ok((broker, client))
}

/// Sends numbered records as fast as they go, each in a batch of its own, and judges what came of them. Says how many
/// were not acknowledged.
async fn send_and_judge(client: &Client, records: u32, partitions: i32) -> Result<usize, Failed> {
    let history = History::new();
    let producer = Producer::builder(client).batch_size(1).linger(Duration::ZERO).build()?;
    let mut under_way = VecDeque::new();
    for number in 0..records {
        let value = format!("0/{number}");
        let sending = history.send(0, &value);
        let partition = i32::try_from(number)? % partitions;
        let record = ProducerRecord::to(TOPIC).partition(partition).value(value);
        under_way.push_back((sending, producer.enqueue(record).await?));
    }
    for (sending, ack) in under_way {
        conclude(sending, ack).await;
    }
    producer.close().await;
    let log = read_log_by(client, TOPIC).await?;
    log.iter().for_each(|record| history.logged(record.partition, record.offset, record.text()));
    let report = history.check_sends().clean()?;
    Ok(usize::try_from(records)?.saturating_sub(report.acked))
}

async fn not_leader_for_the_first_of_five_keeps_the_order(_: Context) -> Outcome {
    let (broker, client) = broker(1, 1).await?;
    broker.faults().add(Api::Produce, Fault::Error(ErrorCode::NOT_LEADER_OR_FOLLOWER));
    assert_eq!(send_and_judge(&client, RECORDS, 1).await?, 0, "a fresh partition");
    broker.stop().await;
    Ok(())
}

async fn trouble_at_each_step_keeps_exactly_once(_: Context) -> Outcome {
    let refused = Fault::Error;
    let troubles = [
        refused(ErrorCode::NOT_LEADER_OR_FOLLOWER),
        refused(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER),
        refused(ErrorCode::UNKNOWN_PRODUCER_ID),
        refused(ErrorCode::NOT_ENOUGH_REPLICAS),
        refused(ErrorCode::NOT_ENOUGH_REPLICAS_AFTER_APPEND).after_applying(),
        refused(ErrorCode::DUPLICATE_SEQUENCE_NUMBER).after_applying(),
        Fault::Disconnect,
        Fault::Disconnect.after_applying(),
        Fault::Silence,
        Fault::Silence.after_applying(),
        Fault::Delay(REQUEST_TIMEOUT / 4),
        Fault::Delay(REQUEST_TIMEOUT * 2),
    ];
    for trouble in troubles {
        // Before the leader is proven, with the first that follow each other, and with five in flight.
        for step in [0, 1, 2, 5] {
            let (broker, client) = broker(1, 1).await?;
            if step > 0 {
                broker.faults().add(Api::Produce, Fault::Delay(Duration::ZERO).times(step));
            }
            broker.faults().add(Api::Produce, trouble.clone());
            let lost =
                send_and_judge(&client, RECORDS, 1).await.map_err(|e| format!("{trouble:?} at {step}: {e:?}"))?;
            assert_eq!(lost, 0, "{trouble:?} at {step}");
            assert_eq!(broker.faults().remaining(Api::Produce), 0, "{trouble:?} at {step} was met");
            client.close().await;
            broker.stop().await;
        }
    }
    Ok(())
}

async fn leaders_that_move_under_load_cost_nothing(cx: Context) -> Outcome {
    let (broker, client) = broker(3, 3).await?;
    let mut seed = cx.seed();
    let sending = send_and_judge(&client, 3_000, 3);
    let moving = async {
        for _ in 0..40 {
            tokio::time::sleep(seed.millis(1..40)).await;
            let partition = i32::try_from(seed.between(0..3))?;
            let to = i32::try_from(seed.between(1..4))?;
            broker.move_leader(TOPIC, partition, to)?;
        }
        Ok::<_, Failed>(())
    };
    let (lost, moved) = tokio::join!(sending, moving);
    moved?;
    assert_eq!(lost?, 0);
    client.close().await;
    broker.stop().await;
    Ok(())
}
