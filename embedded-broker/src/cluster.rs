//! What the broker knows: everything its nodes and their connections share.

use std::{
    collections::BTreeSet,
    fmt,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicI64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use ottla_kafka_core::{BrokerAddr, Env};
use tokio::sync::Notify;

use crate::{
    builder::Settings,
    coordinator::Coordinator,
    faults::Faults,
    group::Group,
    log::Refusal,
    nodes::Nodes,
    storage::{Loaded, Storage},
    topics::{Partition, Topics},
};

/// The cluster's id.
pub(crate) const CLUSTER_ID: &str = "ottla-embedded-broker";

/// How often old records are looked for. Kafka: `log.retention.check.interval.ms`, 5 min.
const HOUSEKEEPING: Duration = Duration::from_secs(1);

/// How often memory is looked at while it fills once; what may be above the bound in between is kept free.
const MEMORY_CHECKS: usize = 32;

/// The broker's state. Of its locks, that of the nodes is taken last.
#[derive(Debug)]
pub(crate) struct Cluster {
    settings: Settings,
    env: Env,
    nodes: Mutex<Nodes>,
    topics: Mutex<Topics>,
    /// Told whenever something was appended, or a fetch that waits would get another answer.
    changed: Notify,
    coordinator: Coordinator,
    pub(crate) next_producer_id: AtomicI64,
    storage: Option<Storage>,
    /// Bytes that came since memory was last looked at.
    unchecked: AtomicUsize,
    faults: Faults,
}

/// Why a leader or a coordinator cannot be moved.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MoveError {
    /// There is no such partition.
    UnknownPartition {
        /// The topic asked for.
        topic: String,
        /// The partition asked for.
        partition: i32,
    },
    /// There is no such node.
    UnknownNode(i32),
    /// The node is down.
    NodeDown(i32),
}

impl fmt::Display for MoveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownPartition { topic, partition } => write!(f, "there is no partition {topic}-{partition}"),
            Self::UnknownNode(node) => write!(f, "there is no node {node}: they count from 1"),
            Self::NodeDown(node) => write!(f, "node {node} is down"),
        }
    }
}

impl std::error::Error for MoveError {}

impl Cluster {
    pub(crate) fn new(
        settings: Settings,
        addrs: Vec<BrokerAddr>,
        env: Env,
        stored: Option<(Storage, Loaded, Topics)>,
    ) -> Self {
        let (storage, loaded, topics) = match stored {
            None => (None, None, Topics::default()),
            Some((storage, loaded, topics)) => (Some(storage), Some(loaded), topics),
        };
        let next_producer_id = loaded.as_ref().and_then(|loaded| loaded.state.next_producer_id);
        let cluster = Self {
            coordinator: Coordinator::new(settings.initial_rebalance_delay),
            settings,
            env,
            nodes: Mutex::new(Nodes::new(addrs)),
            topics: Mutex::new(topics),
            changed: Notify::new(),
            // Not 0, which a client's default could hide behind.
            next_producer_id: AtomicI64::new(next_producer_id.unwrap_or(1000)),
            storage,
            unchecked: AtomicUsize::new(0),
            faults: Faults::default(),
        };
        for ((group, topic, partition), committed) in loaded.into_iter().flat_map(|loaded| loaded.state.offsets) {
            // It was taken before.
            let commit = |group: &mut Group| group.offsets_mut().commit(&topic, partition, committed);
            let _ = cluster.coordinator.with_new(&group, |group, _, _| commit(group));
        }
        cluster.write_partitions();
        cluster
    }

    pub(crate) fn storage(&self) -> Option<&Storage> {
        self.storage.as_ref()
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    pub(crate) fn env(&self) -> &Env {
        &self.env
    }

    pub(crate) fn faults(&self) -> &Faults {
        &self.faults
    }

    /// The nodes, until the guard is dropped.
    pub(crate) fn nodes(&self) -> MutexGuard<'_, Nodes> {
        self.nodes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The topics, until the guard is dropped; no handler awaits while it holds it.
    pub(crate) fn topics(&self) -> MutexGuard<'_, Topics> {
        self.topics.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn coordinator(&self) -> &Coordinator {
        &self.coordinator
    }

    pub(crate) fn changed(&self) -> &Notify {
        &self.changed
    }

    /// New partitions of a topic, numbered from `first` on, each on `factor` nodes.
    pub(crate) fn new_partitions(&self, first: usize, count: usize, factor: usize) -> Vec<Partition> {
        let nodes = self.nodes();
        let new = |index| Partition::new(nodes.replicas(index, factor), |node| nodes.is_alive(node));
        (first..first.saturating_add(count)).map(new).collect()
    }

    /// New partitions of a topic with their nodes given.
    pub(crate) fn assigned_partitions(&self, replicas: Vec<Vec<i32>>) -> Result<Vec<Partition>, (Refusal, String)> {
        let nodes = self.nodes();
        let new = |replicas: Vec<i32>| {
            let distinct: BTreeSet<i32> = replicas.iter().copied().collect();
            let known = distinct.iter().all(|node| nodes.addr(*node).is_some());
            if replicas.is_empty() || distinct.len() != replicas.len() || !known {
                let why = format!("partitions cannot be on nodes {replicas:?}: each must be known, and named once");
                return Err((Refusal::InvalidReplicaAssignment, why));
            }
            Ok(Partition::new(replicas, |node| nodes.is_alive(node)))
        };
        replicas.into_iter().map(new).collect()
    }

    /// Whether `node` is the coordinator of a group.
    pub(crate) fn check_coordinator(&self, node: i32, group: &str) -> Result<(), Refusal> {
        if self.nodes().coordinator(group) == Some(node) { Ok(()) } else { Err(Refusal::NotCoordinator) }
    }

    /// A node went down: others lead and coordinate in its place, as far as there are others.
    pub(crate) fn node_lost(&self, node: i32) {
        self.change_nodes(node, false);
        let nodes = self.nodes().alive().map(|(node, _)| node).collect::<Vec<_>>();
        self.topics().each_partition(|partition, _| partition.lost(node, |other| nodes.contains(&other)));
        self.write_partitions();
        self.changed.notify_waiters();
    }

    /// A node is back: it leads what nobody leads.
    pub(crate) fn node_returned(&self, node: i32) {
        self.change_nodes(node, true);
        self.topics().each_partition(|partition, _| partition.returned(node));
        self.write_partitions();
        self.changed.notify_waiters();
    }

    /// Groups stay with their coordinator while it is up.
    fn change_nodes(&self, node: i32, alive: bool) {
        self.coordinator.relocate(|ids| {
            let mut nodes = self.nodes();
            let before: Vec<_> = ids.iter().map(|id| nodes.coordinator(id)).collect();
            nodes.set_alive(node, alive);
            for (id, before) in ids.iter().zip(&before) {
                if let Some(before) = before.filter(|before| nodes.is_alive(*before)) {
                    nodes.put_coordinator(id, before);
                }
            }
            let moved = ids.iter().zip(before).filter(|(id, before)| nodes.coordinator(id) != *before);
            (moved.map(|(id, _)| id.clone()).collect(), nodes.controller().is_some())
        });
    }

    pub(crate) fn move_leader(&self, topic: &str, partition: i32, node: i32) -> Result<(), MoveError> {
        let mut topics = self.topics();
        self.check_alive(node)?;
        let unknown = |_| MoveError::UnknownPartition { topic: topic.to_owned(), partition };
        topics.partition_mut(topic, partition).map_err(unknown)?.0.move_to(node);
        drop(topics);
        self.write_partitions();
        self.changed.notify_waiters();
        Ok(())
    }

    pub(crate) fn move_coordinator(&self, group: &str, node: i32) -> Result<(), MoveError> {
        self.check_alive(node)?;
        self.coordinator.relocate(|_| {
            let mut nodes = self.nodes();
            let moved = nodes.coordinator(group) != Some(node);
            nodes.put_coordinator(group, node);
            (if moved { vec![group.to_owned()] } else { Vec::new() }, true)
        });
        Ok(())
    }

    fn check_alive(&self, node: i32) -> Result<(), MoveError> {
        let nodes = self.nodes();
        match nodes.addr(node) {
            None => Err(MoveError::UnknownNode(node)),
            Some(_) if !nodes.is_alive(node) => Err(MoveError::NodeDown(node)),
            Some(_) => Ok(()),
        }
    }

    /// Looks after the bound on memory when this many bytes have come: not at every request, as it looks at every log.
    pub(crate) fn bound_memory(&self, topics: &mut Topics, bytes: usize) {
        let most = self.settings.max_memory;
        let unchecked = self.unchecked.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes);
        if unchecked >= most / MEMORY_CHECKS {
            self.unchecked.store(0, Ordering::Relaxed);
            topics.keep_within(most - most / MEMORY_CHECKS);
        }
    }

    /// Brings what was written to the disk.
    pub(crate) fn sync(&self) -> std::io::Result<()> {
        let Some(storage) = &self.storage else { return Ok(()) };
        let mut synced = storage.sync();
        self.topics().each_partition(|partition, _| {
            if synced.is_ok() {
                synced = partition.sync();
            }
        });
        synced
    }

    /// Forgets what has grown too old, for as long as it is polled.
    pub(crate) async fn keep_house(&self) {
        loop {
            tokio::time::sleep(HOUSEKEEPING).await;
            let now = self.env.now_ms();
            self.topics().each_partition(|partition, config| partition.keep_house(now, config.limits()));
            self.write_partitions();
        }
    }
}
