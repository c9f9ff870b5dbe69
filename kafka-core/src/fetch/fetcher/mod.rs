//! The application's side of fetching: what is read, and what was.

mod answers;
mod engine;
mod locate;
mod request;

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use engine::Engine;
use uuid::Uuid;

use super::{
    FetchConfig, FetchMonitor, FetchedRecords, LogOffsets, StartPosition, budget::Budget, opened::Opened,
    partitions::Partitions, plan::Leaders, reading::Waiting, records::Limits,
};
use crate::{
    client::Client,
    connector::BrokerAddr,
    env::Task,
    error::{Error, ErrorKind},
    record::RecordError,
    topic_partition::TopicPartition,
};

/// Something that was read, or why nothing more will be.
#[derive(Debug)]
pub enum Fetched {
    /// Records, at least one.
    Records(FetchedRecords),
    /// The position moved over offsets without records: transaction markers, aborted or compacted records.
    Progress {
        /// The partition.
        topic_partition: TopicPartition,
        /// The new position.
        offset: i64,
    },
    /// The position was not in the log, and [`OffsetReset`](super::OffsetReset) says where reading goes on.
    Reset {
        /// The partition.
        topic_partition: TopicPartition,
        /// The position that was not in the log.
        from: i64,
        /// The new position.
        to: i64,
    },
    /// The partition is not read any more until it is assigned again, for a reason the fetcher cannot heal. If it is a
    /// batch that cannot be read, [`Fetcher::skip`] goes on behind it.
    Failed {
        /// The partition.
        topic_partition: TopicPartition,
        /// The reason.
        error: Error,
    },
}

/// Reads assigned partitions, each from its own position.
///
/// A task of its own asks the leaders, one request at a time each, and goes on while the application works: up to
/// [`fetch_memory`](FetchConfig::fetch_memory) of what was asked for, waits here, or is in the application's hands. The
/// task ends when this is dropped.
pub struct Fetcher {
    shared: Arc<Shared>,
    task: Task,
    has_ended: bool,
}

/// What the application's side and the task share.
pub(super) struct Shared {
    pub(super) config: FetchConfig,
    budget: Arc<Budget>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) partitions: Partitions,
    leaders: Leaders,
    /// The offset behind each batch that could not be read.
    skips: BTreeMap<TopicPartition, i64>,
}

impl Shared {
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes what is read, and has the task look at it.
    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let changed = change(&mut self.state());
        self.budget.asker.notify_one();
        changed
    }
}

impl Fetcher {
    /// A fetcher of nothing yet, with connections of its own.
    pub fn new(client: &Client, config: FetchConfig) -> Self {
        let budget = Budget::new(config.fetch_memory);
        let shared = Arc::new(Shared { config, budget, state: Mutex::default() });
        let engine = Engine::new(client.holding(), Arc::clone(&shared));
        let task = client.env().spawn("fetcher", engine.run());
        Self { shared, task, has_ended: false }
    }

    /// Reads `topic_partition` from `start` on. An assigned partition is sought; it stays paused if it is.
    pub fn assign(&mut self, topic_partition: TopicPartition, start: impl Into<StartPosition>) {
        self.assign_in(topic_partition, start, Uuid::nil());
    }

    /// The same, from a position in the topic with this [id](Self::topic_id). If there is another topic of that name
    /// by now, the position says nothing about it: the partition fails with
    /// [`TopicRecreated`](ErrorKind::TopicRecreated), or is reset if [`OffsetReset`](super::OffsetReset) says so.
    pub fn assign_in(&mut self, topic_partition: TopicPartition, start: impl Into<StartPosition>, topic_id: Uuid) {
        let start = start.into();
        self.shared.change(|state| {
            state.skips.remove(&topic_partition);
            state.partitions.assign(topic_partition, start, topic_id);
        });
    }

    /// The id of the topic that the partition's position is in; `None` before it is known, or if the brokers have no
    /// ids.
    pub fn topic_id(&self, topic_partition: &TopicPartition) -> Option<Uuid> {
        let state = self.shared.state();
        Some(state.partitions.get(topic_partition)?.topic_id).filter(|id| *id != Uuid::nil())
    }

    /// The partitions of which the cluster says that their topic is not there, or is another one than that of their
    /// position: nothing should be committed of them.
    pub fn in_doubt(&self) -> Vec<TopicPartition> {
        self.shared.state().partitions.in_doubt().cloned().collect()
    }

    /// Goes on behind the batch that stopped the partition, without its records: returns the new position. `None` if
    /// no batch stopped it, or if the batch's length cannot be believed; then only [`assign`](Self::assign) helps.
    pub fn skip(&mut self, topic_partition: &TopicPartition) -> Option<i64> {
        self.shared.change(|state| {
            let behind = state.skips.remove(topic_partition)?;
            let topic_id = state.partitions.get(topic_partition).map(|reading| reading.topic_id).unwrap_or_default();
            state.partitions.assign(topic_partition.clone(), StartPosition::Offset(behind), topic_id);
            Some(behind)
        })
    }

    /// Reads the partition no more.
    pub fn unassign(&mut self, topic_partition: &TopicPartition) {
        self.shared.change(|state| {
            state.skips.remove(topic_partition);
            state.partitions.unassign(topic_partition);
        });
    }

    /// Hands out nothing of the partition, and does not ask for more, until it is resumed.
    pub fn pause(&mut self, topic_partition: &TopicPartition) {
        self.shared.change(|state| state.partitions.pause(topic_partition, true));
    }

    /// Goes on with a paused partition.
    pub fn resume(&mut self, topic_partition: &TopicPartition) {
        self.shared.change(|state| state.partitions.pause(topic_partition, false));
    }

    /// The assigned partitions.
    pub fn assigned(&self) -> Vec<TopicPartition> {
        self.shared.state().partitions.assigned().cloned().collect()
    }

    /// The offset behind what was handed out; `None` if the partition is not assigned, or if the cluster has not said
    /// yet where it starts.
    pub fn position(&self, topic_partition: &TopicPartition) -> Option<i64> {
        self.shared.state().partitions.get(topic_partition)?.position
    }

    /// What the partition's log held when its leader last answered.
    pub fn log_offsets(&self, topic_partition: &TopicPartition) -> Option<LogOffsets> {
        self.shared.state().partitions.get(topic_partition)?.log
    }

    /// How many offsets lie between the position and the end that may be read, as of the leader's last answer.
    pub fn lag(&self, topic_partition: &TopicPartition) -> Option<i64> {
        let state = self.shared.state();
        let reading = state.partitions.get(topic_partition)?;
        let end = reading.log?.end(self.shared.config.isolation);
        Some(end.saturating_sub(reading.position?).max(0))
    }

    /// How many bytes count towards [`fetch_memory`](FetchConfig::fetch_memory) right now.
    pub fn memory_used(&self) -> usize {
        self.shared.budget.used()
    }

    /// A view of it for health checks, which does not keep it alive.
    pub fn monitor(&self) -> FetchMonitor {
        FetchMonitor::new(Arc::clone(&self.shared))
    }

    /// The next thing that was read. It waits as long as there is none; leader changes, broker failures and the like
    /// are retried without end. It waits as well while what the application holds leaves no room for more.
    ///
    /// # Cancel safety
    /// Safe: what was read is handed out by the next call.
    pub async fn next(&mut self) -> Fetched {
        loop {
            if let Some(fetched) = self.take() {
                self.shared.budget.asker.notify_one();
                return fetched;
            }
            tokio::select! {
                biased;
                () = self.shared.budget.taker.notified() => {}
                _ = &mut self.task, if !self.has_ended => {
                    // Only a runtime that ends, or an error of ours, ends it: nobody may wait for it for ever.
                    self.has_ended = true;
                    let partitions = &mut self.shared.state().partitions;
                    let assigned: Vec<_> = partitions.assigned().cloned().collect();
                    assigned.iter().for_each(|partition| partitions.with(partition, |reading| reading.fail(Error::closed())));
                }
            }
        }
    }

    /// What is handed out now, if anything is.
    fn take(&mut self) -> Option<Fetched> {
        let (topic_partition, waiting, position) = {
            let mut state = self.shared.state();
            if !self.shared.budget.may_decompress() {
                return None;
            }
            let (topic_partition, waiting) = state.partitions.take()?;
            let position = state.partitions.get(&topic_partition)?.position;
            (topic_partition, waiting, position.unwrap_or_default())
        };
        Some(match waiting {
            Waiting::Opened(opened, log) => self.take_records(topic_partition, opened, log, position),
            Waiting::Reset { from, to } => {
                self.advance(&topic_partition, to);
                Fetched::Reset { topic_partition, from, to }
            }
            Waiting::Failed(error) => {
                if let ErrorKind::UnreadableBatch { next_offset: Some(behind), .. } = error.kind() {
                    self.shared.state().skips.insert(topic_partition.clone(), *behind);
                }
                Fetched::Failed { topic_partition, error }
            }
        })
    }

    /// Hands out a part of an answer, and puts the rest back. Outside the lock: decompressing takes its time.
    fn take_records(
        &mut self,
        topic_partition: TopicPartition,
        mut opened: Opened,
        log: LogOffsets,
        position: i64,
    ) -> Fetched {
        let Shared { config, budget, .. } = &*self.shared;
        let limits = Limits { decompression: config.decompression, decompressed_bytes: config.decompressed_together() };
        let taken = FetchedRecords::take(&topic_partition, position, &mut opened, log, limits, budget);
        let mut state = self.shared.state();
        let records = match taken {
            Ok(records) => records,
            Err(error) => {
                state.partitions.with(&topic_partition, |reading| {
                    reading.waiting.clear();
                    reading.fail(unreadable(&topic_partition, opened.broker.take(), error));
                });
                drop(state);
                return self.take().unwrap_or_else(|| Fetched::Progress { topic_partition, offset: position });
            }
        };
        if !opened.batches.is_empty() {
            state.partitions.put_back(&topic_partition, Waiting::Opened(opened, log));
        }
        drop(state);
        self.advance(&topic_partition, records.next_offset());
        if records.is_empty() {
            return Fetched::Progress { topic_partition, offset: records.next_offset() };
        }
        Fetched::Records(records)
    }

    fn advance(&mut self, topic_partition: &TopicPartition, position: i64) {
        self.shared.state().partitions.with(topic_partition, |reading| reading.position = Some(position));
    }
}

/// The error of a batch that cannot be read, as `broker` sent it.
fn unreadable(topic_partition: &TopicPartition, broker: Option<BrokerAddr>, error: RecordError) -> Error {
    Error::new(ErrorKind::UnreadableBatch {
        broker,
        topic_partition: topic_partition.clone(),
        base_offset: error.base_offset(),
        next_offset: error.next_offset(),
    })
    .with_source(error)
}

impl Fetched {
    /// The partition that it is about.
    pub fn topic_partition(&self) -> &TopicPartition {
        match self {
            Self::Records(records) => records.topic_partition(),
            Self::Progress { topic_partition, .. }
            | Self::Reset { topic_partition, .. }
            | Self::Failed { topic_partition, .. } => topic_partition,
        }
    }
}

impl fmt::Debug for Fetcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fetcher").field("state", &self.shared.state()).finish_non_exhaustive()
    }
}
