//! The worker's loop: the one owner of its partitions. Lanes and the consumer tell it what happened.

use std::{collections::BTreeMap, pin::pin, sync::Arc, time::Duration};

use ottla_kafka_core::{Env, Error, ErrorCode, ErrorKind, TopicPartition};
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::{Instant, MissedTickBehavior},
};

use super::{
    commit::Commit,
    ends::Ends,
    health::{StallReason, WorkerHealth},
    lane::{LaneEvent, LaneMessage, LaneParts},
    observer::WorkerObserver,
    partition::{AssignedState, Hold},
    ports::{AssignedPartition, Group, Source, SourceEvent, SourceRecords},
    report::{WorkerError, WorkerReport},
    route::Route,
    settings::Settings,
};

/// How long a consumer that failed is left alone.
const CONSUMER_PAUSE: Duration = Duration::from_secs(1);
/// So many messages of lanes are taken before the consumer is asked again.
const MESSAGES_AT_ONCE: usize = 256;

/// A running worker.
pub(super) struct Engine {
    pub(super) source: Box<dyn Source>,
    pub(super) group: Box<dyn Group>,
    pub(super) lanes: LaneParts,
    pub(super) messages: mpsc::Receiver<LaneMessage>,
    pub(super) routes: BTreeMap<Arc<str>, Route>,
    pub(super) settings: Settings,
    pub(super) observer: Arc<dyn WorkerObserver>,
    pub(super) env: Env,
    pub(super) health: watch::Sender<WorkerHealth>,
    pub(super) partitions: BTreeMap<TopicPartition, AssignedState>,
    pub(super) next_lane: u64,
    pub(super) commit: Option<Commit>,
    pub(super) ends: Ends,
    pub(super) commit_due: bool,
    /// Lanes that wait for the next commit before their next attempt.
    pub(super) awaiting_commit: Vec<oneshot::Sender<()>>,
    pub(super) fatal: Option<(TopicPartition, i64, String)>,
    pub(super) report: WorkerReport,
}

/// Why the loop ended.
pub(super) enum End {
    Shutdown,
    Fatal { topic_partition: TopicPartition, offset: i64, error: String },
    Consumer(Error),
}

impl Engine {
    /// Runs until `shutdown`, or until the worker cannot go on; then drains, commits and leaves.
    pub(super) async fn run(mut self, shutdown: impl Future<Output = ()> + Send) -> Result<WorkerReport, WorkerError> {
        let end = self.run_until(shutdown).await;
        let report = self.finish(&end).await;
        match end {
            End::Shutdown => Ok(report),
            End::Fatal { topic_partition, offset, error } => {
                Err(WorkerError::Fatal { topic_partition, offset, error, report: Box::new(report) })
            }
            End::Consumer(error) => Err(WorkerError::Consumer { error, report: Box::new(report) }),
        }
    }

    async fn run_until(&mut self, shutdown: impl Future<Output = ()> + Send) -> End {
        let mut shutdown = pin!(shutdown);
        let mut ticks = tokio::time::interval(self.settings.commit_interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut ask_after = Instant::now();
        let mut batch = Vec::with_capacity(MESSAGES_AT_ONCE);
        loop {
            tokio::select! {
                biased;
                () = &mut shutdown => return End::Shutdown,
                answer = Commit::answer(&mut self.commit) => self.commit_answered(answer),
                _ = self.messages.recv_many(&mut batch, MESSAGES_AT_ONCE) => {
                    batch.drain(..).for_each(|message| self.on_lane(message));
                }
                _ = ticks.tick() => {
                    self.commit_due = true;
                    self.look_around();
                    self.ask_ends();
                }
                ends = self.ends.answer() => self.ends_answered(ends),
                event = async {
                    tokio::time::sleep_until(ask_after).await;
                    self.source.recv().await
                } => match event {
                    Ok(event) => {
                        self.trouble(None);
                        self.on_source(event).await;
                    }
                    Err(error) if is_the_end(&error) => return End::Consumer(error),
                    Err(error) => {
                        tracing::warn!(%error, "the consumer failed and is asked again");
                        self.trouble(Some(error));
                        ask_after = Instant::now() + CONSUMER_PAUSE;
                    }
                },
            }
            if let Some((topic_partition, offset, error)) = self.fatal.take() {
                return End::Fatal { topic_partition, offset, error };
            }
            self.commit_if_due();
        }
    }

    async fn on_source(&mut self, event: SourceEvent) {
        match event {
            SourceEvent::Records(records) => self.on_records(records),
            SourceEvent::Position { topic_partition, offset } => self.on_position(&topic_partition, offset),
            SourceEvent::Assigned(assigned) => self.on_assigned(assigned).await,
            SourceEvent::Revoking(revocation) => self.on_revoking(revocation).await,
            SourceEvent::Lost(lost) => {
                self.health.send_modify(|health| health.joined = false);
                self.on_lost(&lost).await;
            }
            SourceEvent::Failed { topic_partition, error } => {
                self.stall(&topic_partition, StallReason::Consumer { error }, Hold::Unread);
            }
        }
    }

    async fn on_assigned(&mut self, assigned: Vec<AssignedPartition>) {
        let all: Vec<_> = assigned.iter().map(|assigned| assigned.topic_partition.clone()).collect();
        let mut unrouted_partitions = Vec::new();
        for assigned in assigned {
            let topic_partition = assigned.topic_partition.clone();
            // A partition that comes again without having been revoked has another owner's effects in between.
            self.on_lost(std::slice::from_ref(&topic_partition)).await;
            let route = self.routes.get(topic_partition.topic()).cloned();
            let concurrency = route.as_ref().map(|route| route.concurrency).unwrap_or_default();
            let lane = route.map(|route| {
                self.next_lane += 1;
                self.lanes.start(topic_partition.clone(), self.next_lane, route)
            });
            let unrouted = lane.is_none();
            let partition = AssignedState::new(&assigned, lane, concurrency, self.settings.max_in_flight);
            self.partitions.insert(topic_partition.clone(), partition);
            if unrouted {
                unrouted_partitions.push(topic_partition);
            }
        }
        self.observer.assigned(&all);
        for topic_partition in unrouted_partitions {
            self.stall(&topic_partition, StallReason::NoRoute, Hold::Broken);
        }
        self.health.send_modify(|health| health.joined = true);
        self.publish_health();
    }

    fn on_position(&mut self, topic_partition: &TopicPartition, offset: i64) {
        let Some(partition) = self.partitions.get_mut(topic_partition) else { return };
        let was_stalled = partition.stalled().is_some();
        partition.advance(offset);
        if was_stalled && partition.stalled().is_none() {
            self.resumed(topic_partition);
        }
        self.observe_lag(topic_partition);
    }

    fn on_records(&mut self, records: SourceRecords) {
        let topic_partition = records.topic_partition.clone();
        let Some(partition) = self.partitions.get_mut(&topic_partition) else {
            // Fetched before a revoke: its next owner is given them.
            return;
        };
        let was_stalled = partition.stalled().is_some();
        let deliveries = partition.deliver(records);
        let moves_again = was_stalled && partition.stalled().is_none();
        let count = deliveries.len() as u64;
        let mut given = true;
        if let Some(lane) = &partition.lane {
            given = deliveries.into_iter().all(|delivery| lane.give(delivery));
        }
        if moves_again {
            self.resumed(&topic_partition);
        }
        if !given {
            self.stall(&topic_partition, StallReason::TaskEnded, Hold::Broken);
        }
        self.observer.delivered(&topic_partition, count);
        self.observe_lag(&topic_partition);
        self.apply_pause(&topic_partition);
    }

    pub(super) fn on_lane(&mut self, message: LaneMessage) {
        let LaneMessage { topic_partition, lane, event } = message;
        let Some(partition) = self.partitions.get_mut(&topic_partition).filter(|state| state.lane_id() == Some(lane))
        else {
            // The lane of an assignment that is gone: what it did is not committed.
            return;
        };
        match event {
            LaneEvent::Settled(settled) => {
                let stood_still = partition.settle(&settled);
                self.commit_due |= partition.settled_since_commit() >= self.settings.commit_every;
                if stood_still {
                    self.record_moves(&topic_partition);
                }
            }
            LaneEvent::Retrying { offset, committed } => {
                self.commit_due = true;
                self.awaiting_commit.push(committed);
                if partition.retrying(offset) {
                    self.record_moves(&topic_partition);
                }
            }
            LaneEvent::Stalled { offset, reason } => self.stall_record(&topic_partition, offset, reason),
            LaneEvent::Fatal { offset, error } => {
                self.stall(&topic_partition, StallReason::Fatal { error: error.clone() }, Hold::Broken);
                self.fatal.get_or_insert((topic_partition.clone(), offset, error));
            }
            LaneEvent::Ended => {
                if let Some(lane) = &mut partition.lane {
                    lane.ended = true;
                }
            }
        }
        self.apply_pause(&topic_partition);
    }

    pub(super) fn apply_pause(&mut self, topic_partition: &TopicPartition) {
        match self.partitions.get_mut(topic_partition).and_then(AssignedState::pause_change) {
            Some(true) => self.group.pause(topic_partition),
            Some(false) => self.group.resume(topic_partition),
            None => {}
        }
    }

    pub(super) fn observe_lag(&self, topic_partition: &TopicPartition) {
        if let Some(lag) = self.partitions.get(topic_partition).and_then(AssignedState::lag) {
            self.observer.lag(topic_partition, lag);
        }
    }
}

/// Whether the consumer says so again for ever.
fn is_the_end(error: &Error) -> bool {
    *error.kind() == ErrorKind::Closed || error.code() == Some(ErrorCode::FENCED_INSTANCE_ID)
}

/// The error of a call that took too long.
pub(super) fn timed_out(what: &str, after: Duration) -> Error {
    Error::new(ErrorKind::Timeout { what: what.to_owned(), after }).with_maybe_applied(true)
}
