//! Everything at once: connections are cut all the time, a broker dies, another stops; what was acknowledged is in the
//! log exactly once and in order.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use futures_util::future::try_join_all;
use libtest_mimic::Failed;
use ottla_kafka_core::{Ack, Client, Producer, ProducerRecord};
use ottla_tests::{
    history::{History, Sending},
    lane::Needs,
};
use tokio::{
    sync::watch,
    time::{Instant, MissedTickBehavior, interval, sleep},
};

use crate::{
    harness::{Context, Outcome, Suite},
    support::{Proxied, read_log},
};

const PARTITIONS: i32 = 6;
const PROCESSES: u32 = 4;
/// Records that a process has under way at most.
const UNDER_WAY: usize = 2_000;
/// How long a stopped broker stays so: longer than its session with the controller.
const STOPPED: Duration = Duration::from_secs(30);
/// About how long one round of killing and stopping takes; the load is spread over it.
const ROUND: Duration = Duration::from_secs(50);

pub(crate) fn tests(suite: &mut Suite) {
    let exactly_once = what_is_acknowledged_is_in_the_log_once_and_in_order;
    let needs = Needs::ANY.nodes(3).restart().pause().alone();
    let limit = Duration::from_secs(1_800);
    suite.long_test("chaos::what_is_acknowledged_is_in_the_log_once_and_in_order", needs, limit, exactly_once);
}

async fn what_is_acknowledged_is_in_the_log_once_and_in_order(cx: Context) -> Outcome {
    let records: u32 = cx.size().of(100_000, 1_000_000);
    let rounds: u32 = cx.size().of(1, 10);
    let proxied = Proxied::start(&cx).await?;
    let client = proxied.client()?;
    let topic = cx.unique("orders");
    cx.create_topic(&client, &topic, PARTITIONS, &[("min.insync.replicas", "2")]).await?;
    let history = History::new();
    let begun = Instant::now();
    let (disturbing, over) = watch::channel(false);
    let disturb = async {
        let outcome = disturb_brokers(&cx, rounds).await;
        let _ = disturbing.send(true);
        outcome
    };
    let pace = Pace { each: records / PROCESSES, during: ROUND * rounds };
    let (cuts, disturbed, sent) =
        tokio::join!(proxied.cut(cx.seed(), over), disturb, send_all(&client, &topic, &history, pace));
    disturbed?;
    sent?;
    for record in read_log(&cx, &topic).await? {
        history.logged(record.partition, record.offset, record.text());
    }
    let report = history.check_sends().clean()?;
    cx.figure(&format!("{report}; {cuts} cuts, {rounds} kill(s) and stop(s), {:.0} s", begun.elapsed().as_secs_f64()));
    assert!(report.acked >= usize::try_from(records)? * 99 / 100, "too little arrived to show anything: {report}");
    Ok(())
}

/// In turn: one broker is killed and comes back, another is stopped and goes on.
async fn disturb_brokers(cx: &Context, rounds: u32) -> Outcome {
    let mut seed = cx.seed().fork("brokers");
    for _ in 0..rounds {
        let killed = usize::try_from(seed.between(1..4))?;
        sleep(seed.millis(2_000..6_000)).await;
        cx.fixture().kill(killed).await?;
        sleep(seed.millis(1_000..8_000)).await;
        cx.fixture().restart(killed).await?;
        let stopped = usize::try_from(seed.between(1..4))?;
        sleep(seed.millis(500..4_000)).await;
        cx.fixture().pause(stopped).await?;
        sleep(STOPPED).await;
        cx.fixture().resume(stopped).await?;
    }
    Ok(())
}

/// How many records each process sends, and over what time.
#[derive(Clone, Copy)]
struct Pace {
    each: u32,
    during: Duration,
}

async fn send_all(client: &Client, topic: &str, history: &History, pace: Pace) -> Outcome {
    let topic: Arc<str> = topic.into();
    let processes = (0..PROCESSES).map(|process| {
        let (topic, history) = (Arc::clone(&topic), history.clone());
        async move {
            let producer = Producer::builder(client).build()?;
            send(&producer, &topic, &history, process, pace).await;
            producer.close().await;
            Ok::<_, Failed>(())
        }
    });
    try_join_all(processes).await.map(drop)
}

async fn send(producer: &Producer, topic: &Arc<str>, history: &History, process: u32, pace: Pace) {
    let tick = Duration::from_millis(10);
    let ticks = u32::try_from(pace.during.as_millis() / tick.as_millis()).unwrap_or(u32::MAX).max(1);
    let at_a_time = pace.each.div_ceil(ticks).max(1);
    let mut under_way = VecDeque::new();
    let mut paced = interval(tick);
    paced.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for number in 0..pace.each {
        if number % at_a_time == 0 {
            paced.tick().await;
        }
        if under_way.len() >= UNDER_WAY
            && let Some((sending, ack)) = under_way.pop_front()
        {
            conclude(sending, ack).await;
        }
        let value = format!("{process}/{number}");
        let sending = history.send(process, &value);
        let record = ProducerRecord::to(Arc::clone(topic)).key(format!("key-{}", number % 31)).value(value);
        match producer.enqueue(record).await {
            Ok(ack) => under_way.push_back((sending, ack)),
            Err(error) => sending.gave_up(error.maybe_applied()),
        }
    }
    for (sending, ack) in under_way {
        conclude(sending, ack).await;
    }
}

async fn conclude(sending: Sending, ack: Ack) {
    match ack.await {
        Ok(written) => sending.acked(written.topic_partition().partition(), written.offset()),
        Err(error) => sending.gave_up(error.maybe_applied()),
    }
}
