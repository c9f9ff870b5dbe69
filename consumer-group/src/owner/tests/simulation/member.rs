//! A process: an owner, and an application that handles, commits, stalls.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use ottla_kafka_core::{Env, Task, TopicPartition};
use tokio::time::sleep;

use super::{
    MAX_POLL_INTERVAL, REVOKE_DRAIN, SESSION_TIMEOUT, coordinator::Coordinator, fetcher::SimFetcher, node::Node,
};
use crate::{
    config::GroupConfig,
    event::Event,
    handle::ConsumerHandle,
    offsets::OffsetAndMetadata,
    owner::{Asks, Owner, Shared},
    questions::ClusterSide,
};

/// Dropping it is a crash.
pub(super) struct Member {
    handle: ConsumerHandle,
    _owner: Task,
    _application: Task,
}

impl Member {
    pub(super) fn start(coordinator: &Arc<Coordinator>, process: u32) -> Self {
        let mut config = GroupConfig::new("g".to_owned());
        config.topics = vec!["t".into()];
        config.session_timeout = SESSION_TIMEOUT;
        config.max_poll_interval = MAX_POLL_INTERVAL;
        config.revoke_drain = REVOKE_DRAIN;
        let (asks, asked) = Asks::new();
        let shared = Arc::new(Shared::new());
        let handle = ConsumerHandle::new(Arc::clone(&shared), asks, config.commit_timeout, ClusterSide::nowhere());
        let node = Node(Arc::clone(coordinator));
        let fetcher = SimFetcher::new(Arc::clone(coordinator));
        let owner = Owner::new(Arc::new(config), node, fetcher, Arc::clone(&shared), asked);
        let application = Application {
            process,
            coordinator: Arc::clone(coordinator),
            shared,
            handle: handle.clone(),
            positions: BTreeMap::new(),
        };
        Self {
            handle,
            _owner: Env::system().spawn("owner", owner.run()),
            _application: Env::system().spawn("application", application.run()),
        }
    }

    pub(super) async fn close(self) {
        self.handle.close(Duration::from_secs(20)).await;
    }
}

struct Application {
    process: u32,
    coordinator: Arc<Coordinator>,
    shared: Arc<Shared>,
    handle: ConsumerHandle,
    /// What it has handled of its partitions.
    positions: BTreeMap<TopicPartition, i64>,
}

impl Application {
    async fn run(mut self) {
        while !self.has_ended() {
            match self.shared.recv().await {
                Ok(Event::Assigned(assigned)) => {
                    self.positions.extend(assigned.into_iter().map(|a| (a.topic_partition, a.position)));
                }
                Ok(Event::Position { topic_partition, offset }) => self.handle(topic_partition, offset).await,
                Ok(Event::Revoking(guard)) => {
                    // Sometimes longer than the group waits.
                    self.pass(0, if self.chance(10) { 8_000 } else { 300 }).await;
                    for tp in guard.partitions() {
                        self.commit(tp).await;
                    }
                    self.positions.clear();
                }
                Ok(Event::Lost(lost)) => self.positions.retain(|tp, _| !lost.contains(tp)),
                Ok(Event::Records(_)) | Err(_) => {}
            }
        }
    }

    fn has_ended(&self) -> bool {
        self.handle.status().state == crate::GroupState::Closed
    }

    async fn handle(&mut self, tp: TopicPartition, offset: i64) {
        let Some(from) = self.positions.insert(tp.clone(), offset) else {
            return self.coordinator.violated(format!("{tp} was read by {} without being assigned", self.process));
        };
        self.coordinator.handled(self.process, self.handle.generation(), &tp, from, offset);
        match self.coordinator.between(0, 10) {
            0 | 1 => self.commit(&tp).await,
            2..5 => drop(self.handle.commit_async([(tp, OffsetAndMetadata::new(offset))])),
            _ => {}
        }
        if self.chance(100) {
            // Sometimes longer than anybody may stay away.
            self.pass(100, if self.chance(8) { 70_000 } else { 3_000 }).await;
        }
    }

    /// Its outcome is the application's business: whatever it is, what was handled stays handled.
    async fn commit(&self, tp: &TopicPartition) {
        if let Some(offset) = self.positions.get(tp) {
            let _ = self.handle.commit([(tp.clone(), OffsetAndMetadata::new(*offset))]).await;
        }
    }

    /// One time in so many, while things go wrong.
    fn chance(&self, of: u64) -> bool {
        self.coordinator.storms() && self.coordinator.between(0, of) == 0
    }

    async fn pass(&self, from_ms: u64, to_ms: u64) {
        sleep(Duration::from_millis(self.coordinator.between(from_ms, to_ms))).await;
    }
}
