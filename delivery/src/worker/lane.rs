//! A lane: the task that takes one partition's records, as many at once as the route's concurrency says.

use std::{iter, sync::Arc};

use futures_util::stream::{FuturesUnordered, StreamExt as _};
use ottla_kafka_core::{Env, Task, TopicPartition};
use tokio::sync::{mpsc, oneshot, watch};

use super::{
    attempt::Attempts,
    handling::{Handling, Job, Step},
    health::StallReason,
    observer::WorkerObserver,
    route::Route,
    turns::{Turn, Turns},
};
use crate::{
    record::DeliveryRecord,
    settlement::{Pending, Settled},
};

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
    /// What it was given, but it waits for nothing: a record that would have to wait goes back, with all behind it that
    /// has not started.
    Drain,
    /// The attempts that run, and no other.
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
        offset: i64,
        committed: oneshot::Sender<()>,
    },
    /// The record stands still, until it is settled or is tried again.
    Stalled {
        offset: i64,
        reason: StallReason,
    },
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
        let handling = Handling { parts: self.clone(), topic_partition, id, route, mode: watched };
        let task = self.env.spawn("lane", LaneTask { handling, deliveries }.run());
        Lane { id, queue: Some(queue), mode, task, ended: false }
    }
}

struct LaneTask {
    handling: Handling,
    deliveries: mpsc::UnboundedReceiver<Delivery>,
}

impl LaneTask {
    async fn run(self) {
        let Self { handling, mut deliveries } = self;
        let mut turns = Turns::new(handling.route.concurrency);
        // All attempts and waits are this task's own: it ends with none of them left behind.
        let (mut attempts, mut waits) = (FuturesUnordered::new(), FuturesUnordered::new());
        let handling = &handling;
        let mut open = true;
        loop {
            if *handling.mode.borrow() == Mode::Finish {
                turns.close();
            }
            attempts.extend(iter::from_fn(|| turns.next()).map(|(turn, job)| attempt(handling, turn, job)));
            tokio::select! {
                biased;
                delivery = deliveries.recv(), if open => match delivery {
                    Some(delivery) => {
                        let record = Arc::clone(&delivery.record);
                        turns.push(record.offset(), record.key(), Job::new(delivery));
                    }
                    None => open = false,
                },
                // Before the attempts: what goes back must not be overtaken by what stands behind it.
                Some((waiting, job)) = waits.next() => match job {
                    Some(job) => turns.again(waiting, job),
                    None => turns.give_back_waiting(waiting),
                },
                Some((turn, step)) = attempts.next() => match step {
                    Step::Settled => turns.settled(turn),
                    Step::Retry { .. } if *handling.mode.borrow() != Mode::Run => turns.give_back(turn),
                    Step::Retry { job, wait, committed } => {
                        let waiting = turns.wait(turn);
                        waits.push(async move { (waiting, handling.until_next(wait, committed).await.then_some(job)) });
                    }
                    Step::GoesBack => turns.give_back(turn),
                    Step::Fatal => turns.close(),
                },
                else => break,
            }
        }
        handling.tell(LaneEvent::Ended).await;
    }
}

async fn attempt(handling: &Handling, turn: Turn, job: Job) -> (Turn, Step) {
    (turn, handling.run(job).await)
}
