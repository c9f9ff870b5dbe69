//! A lane: the task that takes one partition's records in their order, one after the other.

use std::{pin::pin, sync::Arc, time::Duration};

use ottla_kafka_core::{Env, Error, ErrorKind, Task, TopicPartition};
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::Instant,
};
use tracing::Instrument as _;

use super::{
    attempt::{Attempts, is_the_records_fault},
    health::StallReason,
    observer::WorkerObserver,
    progress::{Next, Progress, outage_wait},
    route::Route,
    span,
};
use crate::{
    dead_letter::FailureHistory,
    record::DeliveryRecord,
    settlement::{Acked, Pending, Settled},
};

/// A dead letter that takes longer makes its partition's standstill visible, while the producer still tries.
const VISIBLE_AFTER: Duration = Duration::from_secs(5);

/// A record and the right to settle it.
#[derive(Debug)]
pub(super) struct Delivery {
    pub(super) pending: Pending,
    pub(super) record: Arc<DeliveryRecord>,
}

/// What a lane does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// Everything.
    Run,
    /// What it was given, but it waits for nothing: a record that would have to wait goes back, with all behind it.
    Drain,
    /// The attempt that runs, and no other.
    Finish,
}

/// What a lane tells the worker, and which lane it is: a partition that came back has another one.
#[derive(Debug)]
pub(super) struct LaneMessage {
    pub(super) topic_partition: TopicPartition,
    pub(super) lane: u64,
    pub(super) event: LaneEvent,
}

#[derive(Debug)]
pub(super) enum LaneEvent {
    Settled(Settled),
    /// An attempt failed. The next one starts after a commit, which `committed` tells.
    Retrying {
        committed: oneshot::Sender<()>,
    },
    Stalled(StallReason),
    Fatal {
        offset: i64,
        error: String,
    },
    /// The last message. What is not settled goes back.
    Ended,
}

/// The worker's end of a lane.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) id: u64,
    queue: Option<mpsc::UnboundedSender<Delivery>>,
    mode: watch::Sender<Mode>,
    pub(super) task: Task,
    pub(super) ended: bool,
}

impl Lane {
    /// Gives the lane a record. False if its task has ended.
    ///
    /// The queue has no bound of its own: it holds what is in flight, and that many pause the partition.
    pub(super) fn give(&self, delivery: Delivery) -> bool {
        self.queue.as_ref().is_some_and(|queue| queue.send(delivery).is_ok())
    }

    /// Asks the lane to end.
    pub(super) fn stop(&mut self, mode: Mode) {
        // The mode first: a lane that finds its queue closed must know why.
        self.mode.send_replace(mode);
        self.queue = None;
    }
}

/// What all lanes of a worker share.
#[derive(Clone)]
pub(super) struct LaneParts {
    pub(super) attempts: Attempts,
    pub(super) env: Env,
    pub(super) observer: Arc<dyn WorkerObserver>,
    pub(super) group_id: Arc<str>,
    pub(super) events: mpsc::Sender<LaneMessage>,
}

impl LaneParts {
    /// Starts the lane of a partition.
    pub(super) fn start(&self, topic_partition: TopicPartition, id: u64, route: Route) -> Lane {
        let (queue, deliveries) = mpsc::unbounded_channel();
        let (mode, watched) = watch::channel(Mode::Run);
        let task = LaneTask { parts: self.clone(), topic_partition, id, route, deliveries, mode: watched };
        let task = self.env.spawn("lane", task.run());
        Lane { id, queue: Some(queue), mode, task, ended: false }
    }
}

struct LaneTask {
    parts: LaneParts,
    topic_partition: TopicPartition,
    id: u64,
    route: Route,
    deliveries: mpsc::UnboundedReceiver<Delivery>,
    mode: watch::Receiver<Mode>,
}

/// The lane was asked to end, or cannot go on.
struct Stopped;

impl LaneTask {
    async fn run(mut self) {
        while *self.mode.borrow() != Mode::Finish {
            let Some(delivery) = self.deliveries.recv().await else { break };
            let span = span::handling(&self.parts.env, &delivery.record);
            if self.deliver(delivery).instrument(span).await.is_err() {
                break;
            }
        }
        self.tell(LaneEvent::Ended).await;
    }

    async fn deliver(&mut self, Delivery { pending, record }: Delivery) -> Result<(), Stopped> {
        let started = Instant::now();
        let mut progress = Progress::default();
        loop {
            let outcome = self.parts.attempts.run(&self.route, &record, progress.attempt()).await;
            let (now_ms, random) = (self.parts.env.now_ms(), self.parts.env.random_u64());
            let attempt = progress.attempt();
            let (settled, attempts) = match progress.next(outcome, &self.route.retry, now_ms, random) {
                Next::Handled => (pending.handled(), attempt),
                Next::Filtered => (pending.filtered(), attempt),
                Next::DeadLetter(failure) => {
                    self.parts.observer.attempt_failed(&self.topic_partition, failure.attempts, &failure.class, false);
                    let copy = self.dead_letter(&record, &failure).await?;
                    let (class, error) = (&failure.class, failure.error.as_str());
                    tracing::warn!(%class, error, attempts = failure.attempts, "a dead letter was written");
                    self.parts.observer.dead_lettered(&record, &failure.class);
                    (pending.dead_lettered(copy), failure.attempts)
                }
                Next::Retry { failed, class, wait } => {
                    tracing::info!(%class, attempt = failed, ?wait, "an attempt failed and is followed by another");
                    self.parts.observer.attempt_failed(&self.topic_partition, failed, &class, true);
                    self.commit_and_wait(wait).await?;
                    continue;
                }
                Next::Again { wait, stalled } => {
                    if let Some(reason) = stalled {
                        self.tell(LaneEvent::Stalled(reason)).await;
                    }
                    self.wait(tokio::time::sleep(wait)).await?;
                    continue;
                }
                Next::Stop(error) => {
                    self.tell(LaneEvent::Fatal { offset: pending.offset(), error }).await;
                    return Err(Stopped);
                }
            };
            self.parts.observer.processing_seconds(&self.topic_partition, started.elapsed());
            self.parts.observer.settled(&self.topic_partition, settled.settlement(), attempts);
            self.tell(LaneEvent::Settled(settled)).await;
            return Ok(());
        }
    }

    /// Writes the dead letter, for as long as it takes.
    async fn dead_letter(&mut self, record: &DeliveryRecord, failure: &FailureHistory) -> Result<Acked, Stopped> {
        let (letters, group) = (self.route.dead_letters.clone(), Arc::clone(&self.parts.group_id));
        let mut letter = letters.letter(record, failure, &group);
        let sink = Arc::clone(&self.parts.attempts.sink);
        let mut outages = 0_u32;
        loop {
            let mut publish = pin!(sink.publish(letter.clone()));
            let published = tokio::select! {
                biased;
                published = &mut publish => published,
                () = tokio::time::sleep(VISIBLE_AFTER) => {
                    let error = Error::new(ErrorKind::Timeout { what: "dead letter".to_owned(), after: VISIBLE_AFTER });
                    self.stalled_by(&letter.topic, error).await;
                    publish.await
                }
            };
            match published {
                Ok(copy) => return Ok(copy),
                Err(error) => {
                    outages = outages.saturating_add(1);
                    if is_the_records_fault(&error) {
                        // The headers may be what made it too large: from now on without the text.
                        letter = letters.without_text(record, failure, &group);
                    }
                    if outages > 1 || !is_the_records_fault(&error) {
                        self.stalled_by(&letter.topic, error).await;
                        self.wait(tokio::time::sleep(outage_wait(outages, self.parts.env.random_u64()))).await?;
                    }
                }
            }
        }
    }

    async fn stalled_by(&self, topic: &Arc<str>, error: Error) {
        self.tell(LaneEvent::Stalled(StallReason::DeadLetter { topic: Arc::clone(topic), error })).await;
    }

    /// Waits before the next attempt, which starts only after a commit of what was settled before.
    async fn commit_and_wait(&mut self, wait: Duration) -> Result<(), Stopped> {
        let (committed, commit) = oneshot::channel();
        self.tell(LaneEvent::Retrying { committed }).await;
        self.wait(async {
            tokio::time::sleep(wait).await;
            // An error is a worker that has ended, and this lane with it.
            let _ = commit.await;
        })
        .await
    }

    /// Waits for `future`, unless the lane is asked to end.
    async fn wait(&mut self, future: impl Future<Output = ()>) -> Result<(), Stopped> {
        tokio::select! {
            biased;
            _ = self.mode.wait_for(|mode| *mode != Mode::Run) => Err(Stopped),
            () = future => Ok(()),
        }
    }

    async fn tell(&self, event: LaneEvent) {
        let message = LaneMessage { topic_partition: self.topic_partition.clone(), lane: self.id, event };
        // An error is a worker that has ended: nobody commits anything any more.
        let _ = self.parts.events.send(message).await;
    }
}
