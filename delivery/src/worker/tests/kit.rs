//! The scripted world around a worker: a group that remembers, a producer that can be broken, one clock.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use ottla_kafka_core::{BoxFuture, Clock, Env, Error, ErrorCode, Rng, Spawner, Task, TopicPartition};
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::JoinHandle,
    time::Instant,
};

use crate::{
    Acked, Context, DeliveryRecord, HandlerError, HealthHandle, Raw, Route, Worker, WorkerBuilder, WorkerError,
    WorkerObserver, WorkerReport,
    outgoing::OutgoingRecord,
    worker::ports::{
        AssignedPartition, CommitAnswer, EndsAnswer, Group, GroupFacts, Revocation, Sink, Source, SourceEvent,
        SourceRecords,
    },
};

/// No test waits longer, in virtual time.
const BOUND: Duration = Duration::from_secs(600);

pub(super) fn orders(partition: i32) -> TopicPartition {
    TopicPartition::new("orders", partition)
}

/// Everything that can be seen from outside.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) committed: BTreeMap<TopicPartition, i64>,
    /// Every commit with the milliseconds since the start.
    pub(super) commits: Vec<(u128, TopicPartition, i64)>,
    pub(super) paused: BTreeSet<TopicPartition>,
    pub(super) published: Vec<OutgoingRecord>,
    /// Every run of a handler: milliseconds since the start, partition, offset, attempt.
    pub(super) runs: Vec<(u128, i32, i64, u32)>,
    pub(super) left: bool,
    /// The end of every partition's log, for who asks.
    pub(super) end: i64,
    /// What the observer was told last.
    pub(super) lags: BTreeMap<TopicPartition, i64>,
    pub(super) subscribed: Vec<Arc<str>>,
    /// What the producer answers for a topic; `None` is silence.
    pub(super) broken_topics: BTreeMap<String, Option<Error>>,
    pub(super) broken_commits: Option<Error>,
    pub(super) failed_commits: u32,
    /// The producer takes at most so many bytes of a record.
    pub(super) max_record: Option<usize>,
    /// The latest timestamp that the brokers take.
    pub(super) latest: Option<i64>,
}

/// The world. Clones are the same one.
#[derive(Clone, Debug)]
pub(super) struct World {
    seen: watch::Sender<Seen>,
    start: Instant,
}

impl World {
    pub(super) fn new() -> Self {
        Self { seen: watch::Sender::new(Seen::default()), start: Instant::now() }
    }

    pub(super) fn now(&self) -> u128 {
        self.start.elapsed().as_millis()
    }

    pub(super) fn see<T>(&self, look: impl FnOnce(&Seen) -> T) -> T {
        look(&self.seen.borrow())
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut Seen)) {
        self.seen.send_modify(change);
    }

    /// Waits until `holds`, within the bound.
    pub(super) async fn until(&self, what: &str, mut holds: impl FnMut(&Seen) -> bool) {
        let mut seen = self.seen.subscribe();
        let met = tokio::time::timeout(BOUND, seen.wait_for(|seen| holds(seen))).await.is_ok();
        assert!(met, "never: {what}; seen: {:#?}", self.seen.borrow());
    }

    pub(super) async fn until_committed(&self, partition: i32, offset: i64) {
        let what = format!("{offset} committed");
        self.until(&what, |seen| seen.committed.get(&orders(partition)) == Some(&offset)).await;
    }

    /// Breaks a topic with an error that another attempt may not meet.
    pub(super) fn break_topic(&self, topic: &str) {
        let error = Error::broker(ErrorCode::NOT_ENOUGH_REPLICAS, "Produce");
        self.change(|seen| drop(seen.broken_topics.insert(topic.to_owned(), Some(error))));
    }

    pub(super) fn heal(&self) {
        self.change(|seen| seen.broken_topics.clear());
    }

    pub(super) fn env(&self) -> Env {
        Env::new(Arc::new(TestClock(self.start)), Arc::new(NoLuck), Arc::new(TokioTasks))
    }

    /// A worker of `route` for `orders`, and the consumer's script.
    pub(super) fn worker(&self, configure: impl FnOnce(WorkerBuilder) -> WorkerBuilder) -> (Worker, Script) {
        let (script, events) = mpsc::unbounded_channel();
        let source = ScriptedSource { events, world: self.clone() };
        let builder = configure(WorkerBuilder::over(Box::new(source), Arc::new(self.clone()), self.env()));
        self.change(|seen| seen.subscribed = builder.topics());
        let worker = builder.build().expect("settings that start");
        (worker, Script { events: script, world: self.clone() })
    }

    pub(super) fn start(&self, worker: Worker) -> Running {
        let health = worker.health();
        let (stop, stopped) = oneshot::channel::<()>();
        let (ended, result) = oneshot::channel();
        let task = self.env().spawn("worker", async move {
            let shutdown = async {
                let _ = stopped.await;
            };
            let _ = ended.send(worker.run(shutdown).await);
        });
        Running { stop, result, health, task }
    }

    /// Starts a worker whose handler notes its run and then does as `behave` says for (offset, attempt).
    pub(super) fn run<B, F>(&self, behave: B) -> (Running, Script)
    where
        B: Fn(i64, u32) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Result<(), HandlerError>> + Send + 'static,
    {
        let route = self.route(behave);
        let (worker, script) = self.worker(|builder| builder.route("orders", route));
        (self.start(worker), script)
    }

    pub(super) fn route<B, F>(&self, behave: B) -> Route
    where
        B: Fn(i64, u32) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Result<(), HandlerError>> + Send + 'static,
    {
        let world = self.clone();
        Route::new(Raw, move |_: Bytes, cx: Context| {
            let (world, behave) = (world.clone(), behave.clone());
            async move {
                let run = (world.now(), cx.topic_partition().partition(), cx.offset(), cx.attempt());
                world.change(|seen| seen.runs.push(run));
                behave(cx.offset(), cx.attempt()).await
            }
        })
    }

    /// The offsets of `partition` in the order in which their handlers ran.
    pub(super) fn offsets_run(&self, partition: i32) -> Vec<i64> {
        self.see(|seen| seen.runs.iter().filter(|run| run.1 == partition).map(|run| run.2).collect())
    }
}

/// A worker that runs.
pub(super) struct Running {
    stop: oneshot::Sender<()>,
    result: oneshot::Receiver<Result<WorkerReport, WorkerError>>,
    pub(super) health: HealthHandle,
    task: Task,
}

impl Running {
    pub(super) async fn stop(self) -> WorkerReport {
        let _ = self.stop.send(());
        let result = tokio::time::timeout(BOUND, self.result).await.expect("it ends").expect("an end");
        result.expect("an orderly end")
    }

    /// The end that it finds by itself.
    pub(super) async fn failure(self) -> WorkerError {
        let result = tokio::time::timeout(BOUND, self.result).await.expect("it ends").expect("an end");
        result.expect_err("a failure")
    }

    /// As `kill -9`: nothing more is said or committed.
    pub(super) async fn kill(self) {
        self.task.abort();
        self.task.await;
    }

    pub(super) async fn until_health(&mut self, holds: impl FnMut(&crate::WorkerHealth) -> bool) {
        let met = tokio::time::timeout(BOUND, self.health.wait_until(holds)).await;
        assert!(met.is_ok_and(|met| met), "never: {:?}", self.health.current());
    }
}

/// What the consumer says.
pub(super) struct Script {
    events: mpsc::UnboundedSender<Result<SourceEvent, Error>>,
    world: World,
}

impl Script {
    pub(super) fn say(&self, event: SourceEvent) {
        self.events.send(Ok(event)).expect("a worker that listens");
    }

    pub(super) fn fail(&self, error: Error) {
        self.events.send(Err(error)).expect("a worker that listens");
    }

    /// Assigns partitions of `orders` at their committed offsets.
    pub(super) fn assign(&self, partitions: impl IntoIterator<Item = i32>) {
        let assigned = partitions.into_iter().map(|partition| {
            let committed = self.world.see(|seen| seen.committed.get(&orders(partition)).copied());
            AssignedPartition { topic_partition: orders(partition), position: committed.unwrap_or(0), committed }
        });
        self.say(SourceEvent::Assigned(assigned.collect()));
    }

    /// Fetches records of one partition of `orders`.
    pub(super) fn records(&self, partition: i32, offsets: std::ops::Range<i64>) {
        let next_offset = offsets.end;
        let records = offsets.map(|offset| {
            DeliveryRecord::new(orders(partition), offset, 1_000 + offset)
                .with_key(format!("key-{offset}"))
                .with_value(format!("value-{offset}"))
        });
        self.fetched(orders(partition), records.collect(), next_offset);
    }

    /// Fetches one record.
    pub(super) fn record(&self, record: DeliveryRecord) {
        let next_offset = record.offset() + 1;
        self.fetched(record.topic_partition().clone(), vec![record], next_offset);
    }

    fn fetched(&self, topic_partition: TopicPartition, records: Vec<DeliveryRecord>, next_offset: i64) {
        self.say(SourceEvent::Records(SourceRecords { topic_partition, records, next_offset, high_watermark: 100 }));
    }

    /// Fetches records of one partition from this offset on, each with one letter for a key; `-` is none.
    pub(super) fn keyed(&self, partition: i32, from: i64, keys: &str) {
        let keyed = |(offset, key): (i64, char)| {
            let record = DeliveryRecord::new(orders(partition), offset, 0).with_value(format!("value-{offset}"));
            if key == '-' { record } else { record.with_key(key.to_string()) }
        };
        let records: Vec<_> = (from..).zip(keys.chars()).map(keyed).collect();
        let (topic_partition, next_offset) = (orders(partition), from + records.len() as i64);
        self.say(SourceEvent::Records(SourceRecords { topic_partition, records, next_offset, high_watermark: 100 }));
    }

    /// Takes partitions away, and tells when the worker has let them go.
    pub(super) fn revoke(&self, partitions: impl IntoIterator<Item = i32>) -> oneshot::Receiver<()> {
        let (hold, released) = oneshot::channel::<()>();
        let partitions = partitions.into_iter().map(orders).collect();
        self.say(SourceEvent::Revoking(Revocation { partitions, hold: Box::new(hold) }));
        released
    }
}

struct ScriptedSource {
    events: mpsc::UnboundedReceiver<Result<SourceEvent, Error>>,
    world: World,
}

impl Source for ScriptedSource {
    fn recv(&mut self) -> BoxFuture<'_, Result<SourceEvent, Error>> {
        Box::pin(async {
            match self.events.recv().await {
                Some(event) => event,
                None => std::future::pending().await,
            }
        })
    }

    fn group(&self) -> Box<dyn Group> {
        Box::new(self.world.clone())
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, Result<(), Error>> {
        self.world.change(|seen| seen.left = true);
        Box::pin(async { Ok(()) })
    }
}

impl WorkerObserver for World {
    fn lag(&self, partition: &TopicPartition, records: i64) {
        self.change(|seen| {
            seen.lags.insert(partition.clone(), records);
        });
    }
}

impl Group for World {
    fn commit(&self, offsets: Vec<(TopicPartition, i64)>) -> BoxFuture<'static, CommitAnswer> {
        let world = self.clone();
        Box::pin(async move {
            if let Some(error) = world.see(|seen| seen.broken_commits.clone()) {
                world.change(|seen| seen.failed_commits += 1);
                return Err(error);
            }
            let now = world.now();
            world.change(|seen| {
                for (partition, offset) in &offsets {
                    seen.committed.insert(partition.clone(), *offset);
                    seen.commits.push((now, partition.clone(), *offset));
                }
            });
            Ok(offsets.into_iter().map(|(partition, _)| (partition, Ok(()))).collect())
        })
    }

    fn pause(&self, partition: &TopicPartition) {
        self.change(|seen| assert!(seen.paused.insert(partition.clone()), "paused twice"));
    }

    fn resume(&self, partition: &TopicPartition) {
        self.change(|seen| assert!(seen.paused.remove(partition), "resumed without a pause"));
    }

    fn end_offsets(&self, partitions: Vec<TopicPartition>) -> BoxFuture<'static, EndsAnswer> {
        let end = self.see(|seen| seen.end);
        Box::pin(async move { Ok(partitions.into_iter().map(|partition| (partition, Ok(end))).collect()) })
    }

    fn is_stable(&self) -> bool {
        false
    }

    fn facts(&self) -> GroupFacts {
        GroupFacts {
            group_id: "orders-consumer-group".into(),
            topics: self.see(|seen| seen.subscribed.clone()),
            rebalance_timeout: Duration::from_secs(300),
            revoke_drain: Duration::from_secs(10),
        }
    }
}

impl Sink for World {
    fn publish(&self, record: OutgoingRecord) -> BoxFuture<'_, Result<Acked, Error>> {
        Box::pin(async move {
            let (answer, limit) = self.see(|seen| (seen.broken_topics.get(&*record.topic).cloned(), seen.max_record));
            match answer {
                Some(None) => return std::future::pending().await,
                Some(Some(error)) => return Err(error),
                None if limit.is_some_and(|limit| record.size() > limit) => {
                    return Err(Error::broker(ErrorCode::MESSAGE_TOO_LARGE, "Produce"));
                }
                None if self.see(|seen| seen.latest.is_some_and(|latest| record.timestamp > Some(latest))) => {
                    return Err(Error::broker(ErrorCode::INVALID_TIMESTAMP, "Produce"));
                }
                None => {}
            }
            let ack = Acked::new(TopicPartition::new(Arc::clone(&record.topic), 0), Some(0));
            self.change(|seen| seen.published.push(record));
            Ok(ack)
        })
    }
}

#[derive(Debug)]
struct TestClock(Instant);

impl Clock for TestClock {
    fn now_ms(&self) -> i64 {
        i64::try_from(self.0.elapsed().as_millis()).expect("a short test")
    }
}

/// Jitter is 0.
#[derive(Debug)]
struct NoLuck;

impl Rng for NoLuck {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(0);
    }
}

#[derive(Debug)]
struct TokioTasks;

#[allow(clippy::disallowed_methods, reason = "this is a test's own seam")]
impl Spawner for TokioTasks {
    fn spawn(&self, _: &'static str, future: BoxFuture<'static, ()>) -> JoinHandle<()> {
        tokio::spawn(future)
    }

    fn spawn_blocking(&self, work: Box<dyn FnOnce() + Send>) -> JoinHandle<()> {
        tokio::task::spawn_blocking(work)
    }
}
