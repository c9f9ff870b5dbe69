//! The metrics of a service, with the names of the documents, in the OpenMetrics text format.

mod worker;

pub use worker::WorkerMetrics;

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use ottla::TopicPartition;
use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{
        counter::Counter,
        family::{Family, MetricConstructor},
        gauge::Gauge,
        histogram::Histogram,
    },
    registry::Registry,
};

/// The metrics of one process. Cloning shares them.
#[derive(Clone)]
pub struct Metrics(Arc<Inner>);

struct Inner {
    registry: Registry,
    families: Families,
    /// Kept beside the family, which forgets no partition by itself.
    lags: Mutex<BTreeMap<GroupPartition, i64>>,
}

#[derive(Clone)]
struct Families {
    produced: Family<Produced, Counter>,
    lag: Family<GroupPartition, Gauge>,
    dead_letters: Family<DeadLetter, Counter>,
    processing: Family<Topic, Histogram, Buckets>,
    settled: Family<Settled, Counter>,
    retries: Family<Topic, Counter>,
    stalled: Family<GroupPartition, Gauge>,
    commit_failures: Family<Group, Counter>,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct Produced {
    topic: String,
    outcome: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, Ord, PartialEq, PartialOrd)]
struct GroupPartition {
    group: String,
    topic: String,
    partition: i32,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct DeadLetter {
    topic: String,
    kind: String,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct Group {
    group: String,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct Topic {
    topic: String,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct Settled {
    topic: String,
    settlement: &'static str,
}

/// The documents alert on a 99th percentile above 5 s, so 5 and 10 s are bounds.
const SECONDS: [f64; 13] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

#[derive(Clone)]
struct Buckets;

impl MetricConstructor<Histogram> for Buckets {
    fn new_metric(&self) -> Histogram {
        Histogram::new(SECONDS)
    }
}

impl Metrics {
    /// Metrics of which nothing is counted yet.
    pub fn new() -> Self {
        let families = Families {
            produced: Family::default(),
            lag: Family::default(),
            dead_letters: Family::default(),
            processing: Family::new_with_constructor(Buckets),
            settled: Family::default(),
            retries: Family::default(),
            stalled: Family::default(),
            commit_failures: Family::default(),
        };
        let mut registry = Registry::default();
        families.clone().register(&mut registry);
        Self(Arc::new(Inner { registry, families, lags: Mutex::default() }))
    }

    /// A record was published, or not.
    pub fn produced(&self, topic: &str, acknowledged: bool) {
        let outcome = if acknowledged { "acknowledged" } else { "failed" };
        self.0.families.produced.get_or_create(&Produced { topic: topic.to_owned(), outcome }).inc();
    }

    /// Counts what the worker of `group` does.
    pub fn observe(&self, group: &str) -> WorkerMetrics {
        WorkerMetrics::new(self.clone(), group)
    }

    /// Forgets the lag of the partitions that `group` has given away.
    pub fn assigned(&self, group: &str, assigned: &[TopicPartition]) {
        let has =
            |key: &GroupPartition| assigned.iter().any(|tp| tp.topic() == key.topic && tp.partition() == key.partition);
        self.lags().retain(|key, _| key.group != group || has(key));
    }

    /// All metrics as text; its media type is [`MEDIA_TYPE`].
    ///
    /// # Errors
    /// A metric cannot be written.
    pub fn text(&self) -> Result<String, fmt::Error> {
        self.0.families.lag.clear();
        for (partition, lag) in self.lags().iter() {
            self.0.families.lag.get_or_create(partition).set(*lag);
        }
        let mut text = String::new();
        encode(&mut text, &self.0.registry)?;
        Ok(text)
    }

    fn lags(&self) -> MutexGuard<'_, BTreeMap<GroupPartition, i64>> {
        self.0.lags.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Families {
    fn register(self, registry: &mut Registry) {
        registry.register("kafka_producer_messages", "Records published, by outcome", self.produced);
        registry.register("kafka_consumer_lag", "Records behind the end of the partition", self.lag);
        registry.register("kafka_dlq_messages", "Dead letters written", self.dead_letters);
        let help = "From a record's first attempt to its settlement";
        registry.register("kafka_processing_duration_seconds", help, self.processing);
        registry.register("kafka_consumer_settled", "Records settled, by settlement", self.settled);
        registry.register("kafka_consumer_retries", "Attempts that failed and were followed by another", self.retries);
        registry.register("kafka_consumer_stalled", "1 for a partition that stands still", self.stalled);
        registry.register("kafka_consumer_commit_failures", "Commits that failed", self.commit_failures);
    }
}

/// The media type of [`Metrics::text`].
pub const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

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
