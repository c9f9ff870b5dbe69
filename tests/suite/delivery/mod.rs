//! Dead letters that cannot be written: the partition stands still, visibly, loses nothing, and goes on when healed. And
//! keys side by side.

mod dense;
mod keys;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use ottla_consumer_group::Consumer;
use ottla_delivery::{Context as Delivery, HandlerError, Raw, Route, StallReason, Worker};
use ottla_kafka_core::{Client, Producer, ProducerRecord, TopicPartition};
use ottla_tests::lane::Needs;
use tokio::{sync::oneshot, time::timeout};

use crate::{
    harness::{Context, Outcome, Suite},
    support::read_log,
};

const LIMIT: Duration = Duration::from_secs(40);

pub(crate) fn tests(suite: &mut Suite) {
    let limit = Duration::from_secs(120);
    let missing = a_dead_letter_without_a_topic_stops_its_partition_only;
    suite.long_test("delivery::a_dead_letter_without_a_topic_stops_its_partition_only", Needs::ANY, limit, missing);
    let keyed = keys::each_key_keeps_its_order_over_a_rebalance;
    suite.long_test("delivery::each_key_keeps_its_order_over_a_rebalance", Needs::ANY, limit, keyed);
    dense::tests(suite);
}

/// Partition 0 has a bad record between two good ones, partition 1 good ones only; the dead letter topic comes later.
async fn a_dead_letter_without_a_topic_stops_its_partition_only(cx: Context) -> Outcome {
    let client = cx.client()?;
    let topic = cx.topic(&client, "orders", 2).await?;
    let poison = Bytes::from_static(b"{\"order_id\": \"\xff\"}");
    let (first, last) = (Bytes::from_static(b"first"), Bytes::from_static(b"last"));
    let producer = Producer::builder(&client).build()?;
    for (partition, value) in [(0, &first), (0, &poison), (0, &last), (1, &first), (1, &last)] {
        producer.send(ProducerRecord::to(topic.as_str()).partition(partition).value(value.clone())).await?;
    }
    let group = cx.unique("group");
    let handled: Arc<Mutex<Vec<(i32, Bytes)>>> = Arc::default();
    let (worker, seen) = (worker(&client, &group, &topic, &handled)?, Arc::clone(&handled));
    let mut health = worker.health();
    let (stop, stopped) = oneshot::channel::<()>();
    let running = worker.run(async {
        let _ = stopped.await;
    });
    let watching = async {
        let stalled = TopicPartition::new(topic.as_str(), 0);
        let is_it = |partition: &ottla_delivery::StalledPartition| {
            partition.topic_partition() == &stalled && matches!(partition.reason(), StallReason::DeadLetter { .. })
        };
        let stands = timeout(LIMIT, health.wait_until(|health| health.stalled().iter().any(is_it))).await;
        stands.map_err(|_| "the partition does not stand still, or not visibly")?;
        assert!(!health.current().ready(), "a worker that stands still is not ready");
        until_committed(&client, &group, &topic, &[Some(1), Some(2)]).await?;
        assert!(!of(&seen, 0).contains(&last), "a record behind the dead letter was handled");
        cx.create_topic(&client, &format!("{topic}-dlq"), 2, &[]).await?;
        until_committed(&client, &group, &topic, &[Some(3), Some(2)]).await?;
        let healed = timeout(LIMIT, health.wait_until(|health| health.ready())).await;
        healed.map_err(|_| "the worker is not ready again")?;
        let _ = stop.send(());
        Ok(())
    };
    let (report, watched): (_, Outcome) = tokio::join!(Box::pin(running), Box::pin(watching));
    watched?;
    assert!(report?.drained());
    assert_eq!((of(&handled, 0), of(&handled, 1)), (vec![first.clone(), last.clone()], vec![first, last]));
    let letters = read_log(&cx, &format!("{topic}-dlq")).await?;
    let [letter] = letters.as_slice() else { return Err(format!("{} dead letters", letters.len()).into()) };
    assert_eq!(letter.value, Some(poison));
    let header =
        |wanted: &str| letter.headers.iter().find(|(name, _)| name == wanted).and_then(|(_, value)| value.clone());
    assert_eq!(header("ottla-dlq-source-topic"), Some(Bytes::from(topic)));
    assert_eq!(header("ottla-dlq-source-offset"), Some(Bytes::from_static(b"1")));
    Ok(())
}

/// A worker that rejects what is not UTF-8 and remembers the rest.
fn worker(
    client: &Client,
    group: &str,
    topic: &str,
    handled: &Arc<Mutex<Vec<(i32, Bytes)>>>,
) -> Result<Worker, libtest_mimic::Failed> {
    let consumer = Consumer::builder(client, group).topics([topic]).build()?;
    let producer = Producer::builder(client).delivery_timeout(Duration::from_secs(2)).max_block(Duration::from_secs(1));
    let handled = Arc::clone(handled);
    let handler = move |value: Bytes, cx: Delivery| {
        let handled = Arc::clone(&handled);
        async move {
            if std::str::from_utf8(&value).is_err() {
                return Err(HandlerError::reject("not UTF-8"));
            }
            let partition = cx.record().topic_partition().partition();
            handled.lock().unwrap_or_else(PoisonError::into_inner).push((partition, value));
            Ok(())
        }
    };
    let route = Route::new::<Bytes>(Raw, handler);
    let worker = Worker::builder(consumer, producer.build()?).route(topic, route);
    Ok(worker.commit_interval(Duration::from_millis(100)).build()?)
}

fn of(handled: &Mutex<Vec<(i32, Bytes)>>, partition: i32) -> Vec<Bytes> {
    let handled = handled.lock().unwrap_or_else(PoisonError::into_inner);
    handled.iter().filter(|(of, _)| *of == partition).map(|(_, value)| value.clone()).collect()
}

/// Waits until the group has committed exactly these offsets of the partitions from 0 on.
async fn until_committed(client: &Client, group: &str, topic: &str, wanted: &[Option<i64>]) -> Outcome {
    let mut now = Vec::new();
    let waiting = async {
        loop {
            let committed = client.admin().group_offsets(group).await?;
            let of = |partition| committed.get(&TopicPartition::new(topic, partition)).copied();
            now = (0..).map(of).take(wanted.len()).collect();
            if now == wanted {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let ended = timeout(LIMIT, waiting).await;
    ended.map_err(|_| format!("{wanted:?} are not committed within {LIMIT:?}, but {now:?}"))?
}
