//! The whole producer against brokers in memory that lose, delay, repeat and move, in paused time: what it says of each
//! record is compared with the logs.

mod brokers;
mod limits;
mod log;
mod scenarios;
mod wire;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tokio::time::{sleep, timeout};

use super::{Ack, Producer, ProducerRecord, RecordMetadata, sender::IN_FLIGHT_PER_BROKER};
use crate::{client::Client, connector::BrokerAddr, error::Error};
use brokers::{Cluster, Seen, seeded};

const PARTITIONS: i32 = 3;
const DELIVERY_TIMEOUT: Duration = Duration::from_secs(8);
const REQUEST_TIMEOUT: Duration = Duration::from_secs(2);
/// What an ack may take beyond the delivery timeout: nothing, but the timers' own grain.
const GRAIN: Duration = Duration::from_millis(50);

/// What was said of one record.
struct Said {
    partition: i32,
    value: String,
    result: Result<RecordMetadata, Error>,
}

/// Sends numbered records to every partition while the cluster misbehaves, and again when it does not any more.
async fn run(seed: u64) -> Seen {
    let cluster = Cluster::start(seed, PARTITIONS);
    let client = client(&cluster, seed);
    let producer = Producer::builder(&client)
        .batch_size(150)
        .linger(Duration::from_millis(cluster.random(6)))
        .delivery_timeout(DELIVERY_TIMEOUT)
        .build()
        .expect("the settings are valid");
    let mut acks = Vec::new();
    let mut numbers = 0..;
    // In bursts, so that requests pile up behind one that goes wrong; the first one meets brokers that know nothing.
    for number in numbers.by_ref().take(600) {
        enqueue(&producer, &cluster, number, &mut acks).await;
        if number > 80 && cluster.random(25) == 0 {
            sleep(Duration::from_millis(cluster.random(1_000))).await;
            cluster.disturb();
        }
    }
    cluster.heal();
    sleep(DELIVERY_TIMEOUT).await;
    let healed = acks.len();
    for number in numbers.take(60) {
        enqueue(&producer, &cluster, number, &mut acks).await;
    }
    let mut said = Vec::new();
    for (partition, value, ack) in acks {
        let result = timeout(DELIVERY_TIMEOUT + GRAIN, ack).await;
        said.push(Said { partition, value, result: result.expect("every ack resolves in time") });
    }
    timeout(DELIVERY_TIMEOUT, producer.close()).await.expect("close ends");
    let lost: Vec<_> = said.iter().skip(healed).filter_map(|said| said.result.as_ref().err()).collect();
    assert!(lost.is_empty(), "seed {seed}: after all was well again: {lost:?}");
    judge(seed, &cluster, &said);
    cluster.seen()
}

fn client(cluster: &Cluster, seed: u64) -> Client {
    let client = Client::builder()
        .bootstrap([BrokerAddr::new("sim", 1), BrokerAddr::new("sim", 2)])
        .request_timeout(REQUEST_TIMEOUT)
        .env(seeded(seed))
        .connector(Arc::new(cluster.clone()));
    client.build().expect("the settings are valid")
}

async fn enqueue(producer: &Producer, cluster: &Cluster, number: u32, acks: &mut Vec<(i32, String, Ack)>) {
    let partition = i32::try_from(cluster.random(3)).expect("small");
    let value = format!("{number:04}");
    let record = ProducerRecord::to("orders").partition(partition).value(value.clone());
    // Before the first metadata, and while all brokers are away, a record may not get in: nothing is said of it.
    if let Ok(ack) = producer.enqueue(record).await {
        acks.push((partition, value, ack));
    }
}

/// Exactly once, in order, and truthfully.
fn judge(seed: u64, cluster: &Cluster, said: &[Said]) {
    let mut logs: BTreeMap<i32, Vec<String>> = BTreeMap::new();
    for partition in 0..cluster.partitions() {
        let log = cluster.values(partition);
        assert!(log.is_sorted_by(|a, b| a < b), "seed {seed}: partition {partition} is out of order: {log:?}");
        logs.insert(partition, log);
    }
    for Said { partition, value, result } in said {
        let at = logs[partition].iter().position(|logged| logged == value);
        match (result, at) {
            (Ok(written), Some(at)) => {
                let offset = i64::try_from(at).expect("small");
                assert!(written.offset().is_none_or(|said| said == offset), "seed {seed}: {value} is at {offset}");
            }
            (Ok(_), None) => panic!("seed {seed}: {value} was acknowledged and is in no log"),
            (Err(error), Some(_)) if !error.maybe_applied() => {
                panic!("seed {seed}: {value} is in the log, in spite of: {error:?}")
            }
            (Err(_), _) => {}
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_producer_says_of_a_record_is_true_whatever_the_brokers_do() {
    let mut seen = Seen::default();
    for seed in 0..150 {
        seen += run(seed).await;
    }
    // What never came up was not tested.
    assert!(
        seen.pipelined == IN_FLIGHT_PER_BROKER && seen.lost_answers > 0 && seen.late_copies > 0 && seen.repeated > 0,
        "{seen:?}"
    );
    assert!(seen.out_of_order > 0 && seen.truncated > 0 && seen.new_epochs > 0, "{seen:?}");
}
