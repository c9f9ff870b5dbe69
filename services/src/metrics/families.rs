//! Every metric but the process's own: name, help, labels.

use std::sync::atomic::AtomicU64;

use prometheus_client::{
    metrics::{
        counter::Counter,
        family::{Family, MetricConstructor},
        gauge::Gauge,
        histogram::Histogram,
    },
    registry::{Metric, Registry},
};

use super::labels::{
    Broker, Build, Failure, Group, GroupPartition, Operation, Outcome, Partition, Request, Route, Settled,
    StoreFailure, Topic,
};

/// What the producer does.
#[derive(Clone, Debug)]
pub(super) struct Producing {
    pub(super) messages: Family<Topic, Counter>,
    pub(super) errors: Family<Outcome, Counter>,
    pub(super) latency: Family<Topic, Histogram, Buckets>,
    pub(super) in_flight: Family<Topic, Gauge>,
}

/// What the workers do.
#[derive(Clone, Debug)]
pub(super) struct Consuming {
    pub(super) messages: Family<Topic, Counter>,
    pub(super) lag: Family<GroupPartition, Gauge>,
    pub(super) in_flight: Family<GroupPartition, Gauge>,
    pub(super) stalled: Family<GroupPartition, Gauge>,
    pub(super) dead_letters: Family<Topic, Counter>,
    pub(super) processing: Family<Topic, Histogram, Buckets>,
    pub(super) settled: Family<Settled, Counter>,
    pub(super) failures: Family<Failure, Counter>,
    pub(super) retries: Family<Topic, Counter>,
    pub(super) commits: Family<Group, Counter>,
    pub(super) commit_failures: Family<Group, Counter>,
    pub(super) rebalances: Family<Group, Counter>,
    pub(super) assigned: Family<Group, Gauge>,
}

/// How the cluster is, and the connections to it.
#[derive(Clone, Debug, Default)]
pub(super) struct Clustering {
    pub(super) connections: Counter,
    pub(super) connection_errors: Counter,
    pub(super) brokers: Gauge,
    pub(super) leads: Family<Broker, Gauge>,
    pub(super) partitions: Family<Topic, Gauge>,
    pub(super) offline: Family<Topic, Gauge>,
    pub(super) under_replicated: Family<Topic, Gauge>,
    pub(super) sizes: Family<Partition, Gauge>,
    pub(super) sizes_known: Gauge,
}

/// What the service itself does.
#[derive(Clone, Debug)]
pub(super) struct Serving {
    pub(super) ready: Gauge,
    pub(super) requests: Family<Request, Counter>,
    pub(super) request_seconds: Family<Route, Histogram, Buckets>,
    pub(super) requests_in_flight: Gauge,
    pub(super) store_seconds: Family<Operation, Histogram, Buckets>,
    pub(super) store_errors: Family<StoreFailure, Counter>,
    pub(super) store_in_flight: Gauge,
    pub(super) spans_exported: Counter,
    pub(super) spans_lost: Counter,
    build: Family<Build, Gauge<f64, AtomicU64>>,
}

/// The connections to PostgreSQL.
#[derive(Clone, Debug, Default)]
pub(super) struct Storing {
    pub(super) max: Gauge,
    pub(super) in_use: Gauge,
    pub(super) waiting: Gauge,
    pub(super) acquired: Counter,
    pub(super) timed_out: Counter,
    pub(super) waited: Counter<f64, AtomicU64>,
}

/// The documents alert on a 99th percentile above 5 s, so 5 and 10 s are bounds.
const SECONDS: [f64; 13] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// A histogram of seconds.
#[derive(Clone, Debug)]
pub(super) struct Buckets;

impl MetricConstructor<Histogram> for Buckets {
    fn new_metric(&self) -> Histogram {
        Histogram::new(SECONDS)
    }
}

/// Registers a metric under its name, without the suffix that its type brings.
fn put(registry: &mut Registry, name: &str, help: &str, metric: &(impl Metric + Clone)) {
    registry.register(name, help, metric.clone());
}

impl Producing {
    pub(super) fn new(registry: &mut Registry) -> Self {
        let this = Self {
            messages: Family::default(),
            errors: Family::default(),
            latency: Family::new_with_constructor(Buckets),
            in_flight: Family::default(),
        };
        put(registry, "kafka_producer_messages", "Records that the brokers acknowledged", &this.messages);
        put(registry, "kafka_producer_errors", "Records that were not acknowledged: failed, or unknown", &this.errors);
        let help = "From handing a record to the producer to its acknowledgement or failure";
        put(registry, "kafka_producer_publish_duration_seconds", help, &this.latency);
        put(
            registry,
            "kafka_producer_in_flight",
            "Records handed to the producer and not yet settled",
            &this.in_flight,
        );
        this
    }
}

impl Consuming {
    pub(super) fn new(registry: &mut Registry) -> Self {
        let this = Self {
            messages: Family::default(),
            lag: Family::default(),
            in_flight: Family::default(),
            stalled: Family::default(),
            dead_letters: Family::default(),
            processing: Family::new_with_constructor(Buckets),
            settled: Family::default(),
            failures: Family::default(),
            retries: Family::default(),
            commits: Family::default(),
            commit_failures: Family::default(),
            rebalances: Family::default(),
            assigned: Family::default(),
        };
        put(registry, "kafka_consumer_messages", "Records handed to a handler's pipeline", &this.messages);
        put(registry, "kafka_consumer_lag", "Records behind the end of the partition", &this.lag);
        put(registry, "kafka_consumer_in_flight", "Records delivered and not yet settled", &this.in_flight);
        put(registry, "kafka_consumer_stalled", "1 for a partition that stands still", &this.stalled);
        put(registry, "kafka_dlq_messages", "Dead letters written, by the topic they came from", &this.dead_letters);
        let help = "From a record's first attempt to its settlement, retries and waits included";
        put(registry, "kafka_processing_duration_seconds", help, &this.processing);
        put(registry, "kafka_consumer_settled", "Records settled, by settlement", &this.settled);
        put(registry, "kafka_consumer_failures", "Attempts that failed, by class", &this.failures);
        put(registry, "kafka_consumer_retries", "Attempts that failed and were followed by another", &this.retries);
        put(registry, "kafka_consumer_commits", "Offsets committed", &this.commits);
        put(registry, "kafka_consumer_commit_failures", "Commits that failed", &this.commit_failures);
        put(registry, "kafka_consumer_rebalances", "Assignments taken and given back", &this.rebalances);
        put(registry, "kafka_consumer_assigned_partitions", "Partitions this member has", &this.assigned);
        this
    }
}

impl Clustering {
    pub(super) fn new(registry: &mut Registry) -> Self {
        let this = Self::default();
        put(registry, "kafka_connections_opened", "Connections to brokers that were opened", &this.connections);
        put(registry, "kafka_connection_errors", "Connections that could not be opened", &this.connection_errors);
        put(registry, "kafka_brokers", "Brokers of the cluster", &this.brokers);
        put(registry, "kafka_broker_leader_partitions", "Partitions of our topics that a broker leads", &this.leads);
        put(registry, "kafka_topic_partitions", "Partitions of a topic", &this.partitions);
        put(registry, "kafka_topic_offline_partitions", "Partitions without a leader", &this.offline);
        let help = "Partitions whose copies are not all in sync";
        put(registry, "kafka_topic_under_replicated_partitions", help, &this.under_replicated);
        put(registry, "kafka_partition_size_bytes", "The largest copy of a partition on disk", &this.sizes);
        let help = "1 if the brokers tell the sizes of partitions (DescribeLogDirs)";
        put(registry, "kafka_partition_sizes_known", help, &this.sizes_known);
        this
    }
}

impl Serving {
    pub(super) fn new(registry: &mut Registry) -> Self {
        let this = Self {
            ready: Gauge::default(),
            requests: Family::default(),
            request_seconds: Family::new_with_constructor(Buckets),
            requests_in_flight: Gauge::default(),
            store_seconds: Family::new_with_constructor(Buckets),
            store_errors: Family::default(),
            store_in_flight: Gauge::default(),
            spans_exported: Counter::default(),
            spans_lost: Counter::default(),
            build: Family::default(),
        };
        put(registry, "ottla_ready", "1 if the service does its work, as /health/ready says", &this.ready);
        put(registry, "ottla_http_requests", "Requests answered", &this.requests);
        let help = "From a request's head to its answer's head";
        put(registry, "ottla_http_request_duration_seconds", help, &this.request_seconds);
        put(registry, "ottla_http_requests_in_flight", "Requests being answered", &this.requests_in_flight);
        put(registry, "ottla_store_operation_duration_seconds", "How long the store took", &this.store_seconds);
        put(registry, "ottla_store_errors", "Operations that the store failed or refused", &this.store_errors);
        put(registry, "ottla_store_operations_in_flight", "Operations the store works on", &this.store_in_flight);
        put(registry, "ottla_trace_spans_exported", "Spans that the collector took", &this.spans_exported);
        put(registry, "ottla_trace_spans_lost", "Spans that no collector took", &this.spans_lost);
        let build = Build { version: env!("CARGO_PKG_VERSION"), target: std::env::consts::ARCH };
        this.build.get_or_create(&build).set(1.0);
        put(registry, "ottla_build_info", "1; its labels say what runs", &this.build);
        this
    }
}

impl Storing {
    pub(super) fn new(registry: &mut Registry) -> Self {
        let this = Self::default();
        put(registry, "ottla_postgres_connections_max", "The most connections at a time", &this.max);
        put(registry, "ottla_postgres_connections_in_use", "Connections that a call has now", &this.in_use);
        put(registry, "ottla_postgres_calls_waiting", "Calls that wait for a connection now", &this.waiting);
        put(registry, "ottla_postgres_acquires", "Calls that were given a connection", &this.acquired);
        put(registry, "ottla_postgres_acquire_timeouts", "Calls that got no connection in time", &this.timed_out);
        put(registry, "ottla_postgres_acquire_wait_seconds", "How long calls waited for a connection", &this.waited);
        this
    }
}
