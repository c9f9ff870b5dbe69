//! What the producer acknowledged is in the log, once and in order, whatever happens to brokers and connections.

mod faults;
mod refusals;

use std::{collections::VecDeque, sync::Arc, time::Duration};

use futures_util::future::try_join_all;
use libtest_mimic::Failed;
use ottla_kafka_core::{Ack, Client, Error, Producer, ProducerRecord};
use ottla_tests::{
    history::{History, Report, Sending},
    lane::Needs,
    seed::Seed,
};
use tokio::{
    sync::watch,
    time::{MissedTickBehavior, interval, sleep},
};

use crate::{
    harness::{Context, Outcome, Suite},
    support::{Proxied, read_log},
};

const PARTITIONS: i32 = 3;
const PROCESSES: u32 = 4;
/// Records that a process has under way at most.
const UNDER_WAY: usize = 500;

pub(crate) fn tests(suite: &mut Suite) {
    suite.test("producer::acks_reach_the_log_once_and_in_order", Needs::ANY, acks_reach_the_log_once_and_in_order);
    let limit = Duration::from_secs(180);
    let killed = a_killed_broker_costs_no_acknowledged_record;
    let needs = Needs::ANY.restart();
    suite.long_test("producer::a_killed_broker_costs_no_acknowledged_record", needs, limit, killed);
    let cut = cut_connections_cost_no_acknowledged_record;
    suite.long_test("producer::cut_connections_cost_no_acknowledged_record", Needs::ANY, limit, cut);
    faults::tests(suite);
    refusals::tests(suite);
}

async fn acks_reach_the_log_once_and_in_order(cx: Context) -> Outcome {
    let client = cx.client()?;
    let topic = cx.topic(&client, "orders", PARTITIONS).await?;
    let history = History::new();
    let (_running, stop) = watch::channel(false);
    send_from_processes(&client, &topic, &history, 1_000, stop).await?;
    let report = judge(&cx, &topic, &history).await?;
    assert_eq!((report.acked, report.logged), (4_000, 4_000), "{report}");
    Ok(())
}

async fn a_killed_broker_costs_no_acknowledged_record(cx: Context) -> Outcome {
    let client = cx.client()?;
    let topic = cx.topic(&client, "orders", PARTITIONS).await?;
    let history = History::new();
    let mut seed = cx.seed();
    let disturb = async {
        let nodes = u64::try_from(cx.fixture().offers().nodes)?;
        for _ in 0..3 {
            sleep(seed.millis(500..1_500)).await;
            let node = usize::try_from(seed.between(1..nodes + 1))?;
            cx.fixture().kill(node).await?;
            sleep(seed.millis(0..1_000)).await;
            cx.fixture().restart(node).await?;
        }
        Ok(())
    };
    send_while(&client, &topic, &history, disturb).await?;
    let report = judge(&cx, &topic, &history).await?;
    assert!(report.acked > 1_000, "too little was sent to show anything: {report}");
    Ok(())
}

async fn cut_connections_cost_no_acknowledged_record(cx: Context) -> Outcome {
    let proxied = Proxied::start(&cx).await?;
    let client = proxied.client()?;
    let topic = cx.topic(&client, "orders", PARTITIONS).await?;
    let history = History::new();
    let mut seed: Seed = cx.seed();
    let disturb = async {
        for _ in 0..10 {
            sleep(seed.millis(500..1_500)).await;
            proxied.cut_all();
        }
        Ok(())
    };
    send_while(&client, &topic, &history, disturb).await?;
    let report = judge(&cx, &topic, &history).await?;
    assert!(report.acked > 1_000, "too little was sent to show anything: {report}");
    Ok(())
}

/// Sends until `disturb` is over.
async fn send_while(
    client: &Client,
    topic: &str,
    history: &History,
    disturb: impl Future<Output = Outcome>,
) -> Outcome {
    let (running, stop) = watch::channel(false);
    let sending = send_from_processes(client, topic, history, u32::MAX, stop);
    let disturbing = async {
        let outcome = disturb.await;
        let _ = running.send(true);
        outcome
    };
    let (sent, disturbed) = tokio::join!(sending, disturbing);
    sent.and(disturbed)
}

/// Some processes with a producer each, all to one topic, each until it has sent `records` or is told to stop.
async fn send_from_processes(
    client: &Client,
    topic: &str,
    history: &History,
    records: u32,
    stop: watch::Receiver<bool>,
) -> Outcome {
    let topic: Arc<str> = topic.into();
    try_join_all((0..PROCESSES).map(|process| {
        let (topic, history, stop) = (Arc::clone(&topic), history.clone(), stop.clone());
        async move {
            let producer = Producer::builder(client).build()?;
            send(&producer, &topic, &history, process, records, stop).await?;
            producer.close().await;
            Ok::<_, Failed>(())
        }
    }))
    .await
    .map(drop)
}

async fn send(
    producer: &Producer,
    topic: &Arc<str>,
    history: &History,
    process: u32,
    records: u32,
    stop: watch::Receiver<bool>,
) -> Outcome {
    let mut under_way = VecDeque::new();
    // A thousand records a second: enough to have some in flight at every moment, few enough to check.
    let mut pace = interval(Duration::from_millis(10));
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for number in 0..records {
        if *stop.borrow() {
            break;
        }
        if number % 10 == 0 {
            pace.tick().await;
        }
        if under_way.len() >= UNDER_WAY
            && let Some((sending, ack)) = under_way.pop_front()
        {
            conclude(sending, ack).await;
        }
        let value = format!("{process}/{number}");
        let sending = history.send(process, &value);
        let record = ProducerRecord::to(Arc::clone(topic)).key(format!("key-{}", number % 7)).value(value);
        match producer.enqueue(record).await {
            Ok(ack) => under_way.push_back((sending, ack)),
            Err(error) => sending.gave_up(error.maybe_applied()),
        }
    }
    for (sending, ack) in under_way {
        conclude(sending, ack).await;
    }
    Ok(())
}

async fn conclude(sending: Sending, ack: Ack) {
    match ack.await {
        Ok(written) => sending.acked(written.topic_partition().partition(), written.offset()),
        Err(error) => sending.gave_up(Error::maybe_applied(&error)),
    }
}

/// Reads the log back and checks the history by it.
async fn judge(cx: &Context, topic: &str, history: &History) -> Result<Report, Failed> {
    for record in read_log(cx, topic).await? {
        history.logged(record.partition, record.offset, record.text());
    }
    Ok(history.check_sends().clean()?)
}
