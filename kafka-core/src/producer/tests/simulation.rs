//! Brokers that lose, delay, repeat and move, by many seeds.

use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::{
    brokers::{Cluster, Seen},
    judge::{DELIVERY_TIMEOUT, GRAIN, Said, client, judge},
};
use crate::{
    producer::{Ack, Producer, ProducerRecord, sender::IN_FLIGHT_PER_BROKER},
    record::Codec,
};

const PARTITIONS: i32 = 3;

/// Sends numbered records to every partition while the cluster misbehaves, and again when it does not any more.
async fn run(seed: u64) -> Seen {
    let cluster = Cluster::start(seed, PARTITIONS);
    let client = client(&cluster, seed);
    let producer = Producer::builder(&client)
        .batch_size(150)
        .linger(Duration::from_millis(cluster.random(6)))
        .delivery_timeout(DELIVERY_TIMEOUT)
        .compression(codec(seed))
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

/// Each codec of this build in turn.
fn codec(seed: u64) -> Codec {
    let codecs = [Codec::None, Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd];
    let supported: Vec<Codec> = codecs.into_iter().filter(|codec| codec.is_supported()).collect();
    supported[usize::try_from(seed).expect("small") % supported.len()]
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
