use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak},
};

use ottla::{TopicPartition, delivery::PoolCounts};
use prometheus_client::{encoding::text::encode, registry::Registry};

use super::{
    cluster::Sizes,
    families::{Clustering, Consuming, Producing, Serving, Storing},
    labels::{Group, GroupPartition},
    process::Process,
    publishing::Publishing,
    text::{Format, to_prometheus},
    worker::WorkerMetrics,
};

/// The metrics of one process. Cloning shares them.
#[derive(Clone)]
pub struct Metrics(Arc<Inner>);

/// The same for a task that must not keep them.
pub(super) struct Unowned(Weak<Inner>);

impl Unowned {
    /// The metrics, if anybody still has them.
    pub(super) fn upgrade(&self) -> Option<Metrics> {
        self.0.upgrade().map(Metrics)
    }
}

pub(super) struct Inner {
    registry: Registry,
    pub(super) producing: Producing,
    pub(super) consuming: Consuming,
    pub(super) clustering: Clustering,
    pub(super) serving: Serving,
    pub(super) storing: Storing,
    pub(super) sizes: Sizes,
    pub(super) connections: OnceLock<PoolCounts>,
    /// Kept beside their families, which forget no partition by themselves.
    partitions: Mutex<BTreeMap<GroupPartition, PartitionState>>,
}

/// What is known of a partition that a group's member has.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct PartitionState {
    pub(super) lag: Option<i64>,
    pub(super) in_flight: i64,
    pub(super) stalled: bool,
}

impl Metrics {
    /// Metrics of which nothing is counted yet.
    pub fn new() -> Self {
        let mut registry = Registry::default();
        let (producing, consuming) = (Producing::new(&mut registry), Consuming::new(&mut registry));
        let (clustering, serving) = (Clustering::new(&mut registry), Serving::new(&mut registry));
        let storing = Storing::new(&mut registry);
        registry.register_collector(Box::new(Process));
        let (sizes, connections, partitions) = (Sizes::default(), OnceLock::new(), Mutex::default());
        Self(Arc::new(Inner {
            registry,
            producing,
            consuming,
            clustering,
            serving,
            storing,
            sizes,
            connections,
            partitions,
        }))
    }

    pub(super) fn inner(&self) -> &Inner {
        &self.0
    }

    pub(super) fn downgrade(&self) -> Unowned {
        Unowned(Arc::downgrade(&self.0))
    }

    /// A record is handed to the producer: the guard counts and times what becomes of it.
    pub fn publishing(&self, topic: &str) -> Publishing {
        Publishing::new(self.clone(), topic)
    }

    /// Counts what the worker of `group` does.
    pub fn observe(&self, group: &str) -> WorkerMetrics {
        WorkerMetrics::new(self.clone(), group)
    }

    /// Forgets the partitions that `group` has given away.
    pub fn assigned(&self, group: &str, assigned: &[TopicPartition]) {
        let has =
            |key: &GroupPartition| assigned.iter().any(|tp| tp.topic() == key.topic && tp.partition() == key.partition);
        self.0.partitions().retain(|key, _| key.group != group || has(key));
        let count = i64::try_from(assigned.len()).unwrap_or(i64::MAX);
        self.0.consuming.assigned.get_or_create(&Group { group: group.to_owned() }).set(count);
    }

    /// Forgets partitions that `group` no longer has here.
    pub(super) fn forget(&self, group: &str, partitions: &[TopicPartition]) {
        let gone = |key: &GroupPartition| {
            partitions.iter().any(|tp| tp.topic() == key.topic && tp.partition() == key.partition)
        };
        self.0.partitions().retain(|key, _| key.group != group || !gone(key));
    }

    /// What `/health/ready` says.
    pub(crate) fn ready(&self, ready: bool) {
        self.0.serving.ready.set(i64::from(ready));
    }

    /// All metrics as text in this format.
    ///
    /// # Errors
    /// A metric cannot be written.
    pub fn text(&self, format: Format) -> Result<String, fmt::Error> {
        self.0.show_partitions();
        let mut text = String::new();
        encode(&mut text, &self.0.registry)?;
        Ok(match format {
            Format::OpenMetrics => text,
            Format::Prometheus => to_prometheus(&text),
        })
    }
}

impl Inner {
    pub(super) fn partitions(&self) -> MutexGuard<'_, BTreeMap<GroupPartition, PartitionState>> {
        self.partitions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn show_partitions(&self) {
        let Consuming { lag, in_flight, stalled, .. } = &self.consuming;
        lag.clear();
        in_flight.clear();
        stalled.clear();
        for (partition, state) in self.partitions().iter() {
            if let Some(records) = state.lag {
                lag.get_or_create(partition).set(records);
            }
            in_flight.get_or_create(partition).set(state.in_flight);
            stalled.get_or_create(partition).set(i64::from(state.stalled));
        }
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}
