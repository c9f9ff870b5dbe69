//! Many keys of a partition side by side, over a rebalance: each key's effects are in its order, none is missing, and
//! none comes twice but what had to go back.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::future::try_join_all;
use libtest_mimic::Failed;
use ottla_consumer_group::Consumer;
use ottla_delivery::{
    Concurrency, Context as Delivery, HandlerError, HealthHandle, Raw, RetryPolicy, RetrySchedule, Route, Worker,
    WorkerError, WorkerObserver, WorkerReport,
};
use ottla_kafka_core::{Client, Env, Producer, ProducerRecord, Task, TopicPartition};
use tokio::{
    sync::{oneshot, watch},
    time::timeout,
};

use super::{LIMIT, until_committed};
use crate::harness::{Context, Outcome};

const PARTITIONS: i32 = 3;
const KEYS: u64 = 40;
/// A round is one record of each key; so many go out at most.
const ROUNDS_MAX: u64 = 1_000;
/// So many rounds are in the log and not handled.
const AHEAD: u64 = 5;

pub(super) async fn each_key_keeps_its_order_over_a_rebalance(cx: Context) -> Outcome {
    let client = cx.client()?;
    let topic = cx.topic(&client, "orders", PARTITIONS).await?;
    let (group, effects) = (cx.unique("group"), Effects::default());
    let mut feed = Feed { producer: Producer::builder(&client).build()?, topic, rounds: 0, ends: BTreeMap::new() };
    let first = Member::start(&cx, &client, &group, &feed.topic, &effects)?;
    feed.until_handled(&effects, 3).await?;
    let mut second = Member::start(&cx, &client, &group, &feed.topic, &effects)?;
    while second.health.current().assigned().is_empty() && feed.rounds < ROUNDS_MAX {
        let rounds = feed.rounds + 1;
        feed.until_handled(&effects, rounds).await?;
    }
    let joined = timeout(LIMIT, second.health.wait_until(|health| !health.assigned().is_empty())).await;
    joined.map_err(|_| format!("the second member has no partition within {LIMIT:?}"))?;
    let rounds = feed.rounds + 20;
    feed.until_handled(&effects, rounds).await?;
    let ends: Vec<_> = (0..PARTITIONS).map(|partition| feed.ends.get(&partition).copied()).collect();
    until_committed(&client, &group, &feed.topic, &ends).await?;
    let (first, second) = (first.stop().await?, second.stop().await?);

    effects.check(rounds)?;
    for report in [&first, &second] {
        let ledger = report.ledger();
        assert_eq!(ledger.delivered(), ledger.handled() + ledger.released(), "{ledger:?}");
        assert!(ledger.handled() > 0, "both have worked");
    }
    let settled = first.ledger().handled() + second.ledger().handled();
    assert_eq!(settled, effects.seen.borrow().effects, "an effect is settled once");
    cx.figure(&format!("{} records of {KEYS} keys, {} of them again", rounds * KEYS, settled - rounds * KEYS));
    Ok(())
}

/// What goes into the log.
struct Feed {
    producer: Producer,
    topic: String,
    rounds: u64,
    /// Where each partition ends.
    ends: BTreeMap<i32, i64>,
}

impl Feed {
    /// Writes until there are so many rounds, never far ahead of what is handled.
    async fn until_handled(&mut self, effects: &Effects, rounds: u64) -> Outcome {
        while self.rounds < rounds {
            let round = self.rounds;
            let sent = (0..KEYS).map(|key| {
                let record = ProducerRecord::to(self.topic.as_str()).key(format!("key-{key}"));
                self.producer.send(record.value(round.to_string()))
            });
            for written in try_join_all(sent).await? {
                let end = self.ends.entry(written.topic_partition().partition()).or_default();
                *end = (*end).max(written.offset().unwrap_or_default() + 1);
            }
            self.rounds += 1;
            effects.until(self.rounds.saturating_sub(AHEAD) * KEYS).await?;
        }
        Ok(())
    }
}

/// What the handlers did, in its order. Clones are the same.
#[derive(Clone, Debug, Default)]
struct Effects {
    seen: watch::Sender<Log>,
}

#[derive(Debug, Default)]
struct Log {
    lines: Vec<Line>,
    effects: u64,
}

#[derive(Debug)]
enum Line {
    /// A record was handled.
    Effect { key: Bytes, round: u64 },
    /// Partitions changed hands: what is not committed comes again.
    Assigned,
}

impl WorkerObserver for Effects {
    fn assigned(&self, _: &[TopicPartition]) {
        self.seen.send_modify(|log| log.lines.push(Line::Assigned));
    }
}

impl Effects {
    fn handled(&self, key: Bytes, round: u64) {
        self.seen.send_modify(|log| {
            log.lines.push(Line::Effect { key, round });
            log.effects += 1;
        });
    }

    async fn until(&self, effects: u64) -> Outcome {
        let mut seen = self.seen.subscribe();
        let met = timeout(LIMIT, seen.wait_for(|log| log.effects >= effects)).await;
        met.map_err(|_| format!("{effects} are not handled within {LIMIT:?}"))?.map(drop).map_err(Failed::from)
    }

    /// Per key one round after the other; only after a rebalance steps back, to what was not committed.
    fn check(&self, rounds: u64) -> Outcome {
        let (mut next, mut rebalanced) = (BTreeMap::<Bytes, u64>::new(), BTreeMap::<Bytes, bool>::new());
        for line in &self.seen.borrow().lines {
            match line {
                Line::Assigned => rebalanced.values_mut().for_each(|rebalanced| *rebalanced = true),
                Line::Effect { key, round } => {
                    let expected = next.entry(key.clone()).or_default();
                    let again = std::mem::take(rebalanced.entry(key.clone()).or_default()) && *round < *expected;
                    if *round != *expected && !again {
                        return Err(format!("{key:?}: round {round} was handled instead of {expected}").into());
                    }
                    *expected = round + 1;
                }
            }
        }
        let complete = next.len() as u64 == KEYS && next.values().all(|next| *next == rounds);
        if complete { Ok(()) } else { Err(format!("not all {rounds} rounds of {KEYS} keys: {next:?}").into()) }
    }
}

/// A worker that runs.
struct Member {
    health: HealthHandle,
    stop: oneshot::Sender<()>,
    ended: oneshot::Receiver<Result<WorkerReport, WorkerError>>,
    _task: Task,
}

impl Member {
    fn start(cx: &Context, client: &Client, group: &str, topic: &str, effects: &Effects) -> Result<Self, Failed> {
        let consumer = Consumer::builder(client, group).topics([topic]);
        let consumer = consumer.heartbeat_interval(Duration::from_millis(200)).build()?;
        let worker = Worker::builder(consumer, Producer::builder(client).build()?)
            .route(topic, route(cx.env().clone(), effects.clone()))
            .observer(Arc::new(effects.clone()))
            .commit_interval(Duration::from_millis(100))
            .build()?;
        let (health, (stop, stopped), (end, ended)) = (worker.health(), oneshot::channel::<()>(), oneshot::channel());
        let task = cx.env().spawn("worker", async move {
            let shutdown = async {
                let _ = stopped.await;
            };
            let _ = end.send(Box::pin(worker.run(shutdown)).await);
        });
        Ok(Self { health, stop, ended, _task: task })
    }

    async fn stop(self) -> Result<WorkerReport, Failed> {
        let _ = self.stop.send(());
        let report = timeout(LIMIT, self.ended).await.map_err(|_| "the worker does not end")??;
        Ok(report.map_err(|error| error.to_string())?)
    }
}

/// Takes up to 8 ms for a record, and fails one in sixteen attempts, three times at most.
fn route(env: Env, effects: Effects) -> Route {
    let retries = RetrySchedule::attempts(5).wait(Duration::from_millis(5), 2.0);
    let handler = move |value: Bytes, cx: Delivery| {
        let (env, effects) = (env.clone(), effects.clone());
        async move {
            let random = env.random_u64();
            tokio::time::sleep(Duration::from_millis(random % 8)).await;
            if random >> 8 & 15 == 0 && cx.attempt() < 4 {
                return Err(HandlerError::retry("by chance"));
            }
            let round = std::str::from_utf8(&value).ok().and_then(|text| text.parse().ok());
            let round = round.ok_or_else(|| HandlerError::reject("no number"))?;
            effects.handled(cx.key().cloned().unwrap_or_default(), round);
            Ok(())
        }
    };
    Route::new(Raw, handler).retry(RetryPolicy::new(retries)).concurrency(Concurrency::per_key(8))
}
