//! What the cluster says of itself: brokers, leaders, copies in sync, sizes on disk.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use ottla::{Client, Error, Task, TopicPartition, kafka::ErrorCode};
use tokio::time::{Instant, timeout};

use super::{
    Metrics,
    labels::{Broker, Partition, Topic},
};

/// Brokers are asked for sizes at most this often: they answer for every partition they have.
const EVERY: Duration = Duration::from_secs(60);
/// How long they may take.
const LIMIT: Duration = Duration::from_secs(10);
/// The sizes of more partitions than this are not shown.
const MOST: usize = 1_000;

/// When sizes were last asked for, and the task that asks.
#[derive(Debug, Default)]
pub(super) struct Sizes(Mutex<Asked>);

#[derive(Debug, Default)]
struct Asked {
    at: Option<Instant>,
    task: Option<Task>,
    refused: bool,
}

impl Metrics {
    /// Reads what the client knows of its cluster, and now and then asks for the sizes of partitions, which a later
    /// scrape shows.
    pub(crate) fn look_at(&self, client: &Client) {
        let (clustering, cluster) = (&self.inner().clustering, client.metadata().cluster());
        let counts = client.connection_counts();
        raise(&clustering.connections, counts.opened);
        raise(&clustering.connection_errors, counts.failed);
        clustering.brokers.set(count(cluster.brokers().len()));
        clustering.leads.clear();
        for broker in cluster.brokers().keys() {
            drop(clustering.leads.get_or_create(&Broker { broker: *broker }));
        }
        for (name, topic) in cluster.topics().iter().filter(|(_, topic)| topic.error().is_none()) {
            let (labels, partitions) = (Topic::of(name), topic.partitions());
            for leader in partitions.iter().filter_map(|partition| partition.leader) {
                clustering.leads.get_or_create(&Broker { broker: leader }).inc();
            }
            let offline = partitions.iter().filter(|partition| partition.leader.is_none());
            let behind = partitions.iter().filter(|partition| partition.isr.len() < partition.replicas.len());
            clustering.partitions.get_or_create(&labels).set(count(partitions.len()));
            clustering.offline.get_or_create(&labels).set(count(offline.count()));
            clustering.under_replicated.get_or_create(&labels).set(count(behind.count()));
        }
        self.ask_for_sizes(client);
    }

    /// Reads what became of the spans of this process, if they are exported.
    pub(crate) fn look_at_spans(&self) {
        #[cfg(feature = "otlp")]
        if let Some(counts) = tracing::dispatcher::get_default(|dispatch| {
            dispatch.downcast_ref::<crate::telemetry::otlp::SpanLayer>().map(crate::telemetry::otlp::SpanLayer::counts)
        }) {
            raise(&self.inner().serving.spans_exported, counts.exported());
            raise(&self.inner().serving.spans_lost, counts.lost());
        }
    }

    fn ask_for_sizes(&self, client: &Client) {
        let mut asked = self.inner().sizes.0.lock().unwrap_or_else(PoisonError::into_inner);
        let due = asked.at.is_none_or(|at| at.elapsed() >= EVERY);
        if !due || !client.is_connected() || asked.task.as_ref().is_some_and(|task| !task.is_finished()) {
            return;
        }
        asked.at = Some(Instant::now());
        let (this, client) = (self.downgrade(), client.clone());
        asked.task = Some(client.env().clone().spawn("partition sizes", async move {
            let sizes = timeout(LIMIT, sizes(&client)).await;
            let sizes = sizes.unwrap_or_else(|_| Err(format!("the brokers did not answer within {LIMIT:?}")));
            match (this.upgrade(), sizes) {
                (Some(this), Ok(sizes)) => this.show_sizes(&sizes),
                (Some(this), Err(reason)) => this.no_sizes(&reason),
                (None, _) => {}
            }
        }));
    }

    fn show_sizes(&self, sizes: &BTreeMap<TopicPartition, i64>) {
        let clustering = &self.inner().clustering;
        clustering.sizes.clear();
        for (partition, bytes) in sizes.iter().take(MOST) {
            let labels = Partition { topic: partition.topic().to_owned(), partition: partition.partition() };
            clustering.sizes.get_or_create(&labels).set(*bytes);
        }
        clustering.sizes_known.set(1);
        self.inner().sizes.0.lock().unwrap_or_else(PoisonError::into_inner).refused = false;
    }

    fn no_sizes(&self, reason: &str) {
        self.inner().clustering.sizes_known.set(0);
        let mut asked = self.inner().sizes.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Once is enough: it does not change by itself, and nothing else depends on it.
        if !std::mem::replace(&mut asked.refused, true) {
            tracing::warn!(reason, "the sizes of partitions are not shown");
        }
    }
}

/// The largest copy of each partition of the topics this client works with.
async fn sizes(client: &Client) -> Result<BTreeMap<TopicPartition, i64>, String> {
    let cluster = client.metadata().cluster();
    let mut any = false;
    let answers = client.admin().describe_log_dirs(&[]).await.map_err(|error| refused(&error))?;
    let mut sizes = BTreeMap::new();
    for answer in answers.into_values() {
        for directory in answer.map_err(|error| refused(&error))? {
            any = true;
            for (partition, replica) in directory.replicas().iter().filter(|(_, replica)| !replica.is_future()) {
                if cluster.topic(partition.topic()).is_some() {
                    let largest = sizes.entry(partition.clone()).or_default();
                    *largest = replica.size().max(*largest);
                }
            }
        }
    }
    // Before version 3 of the answer a refusal is an empty list.
    if any { Ok(sizes) } else { Err(REFUSED.to_owned()) }
}

const REFUSED: &str = "the brokers refuse DescribeLogDirs, which needs the ACL Describe on the cluster";

fn refused(error: &Error) -> String {
    match error.code() {
        Some(ErrorCode::CLUSTER_AUTHORIZATION_FAILED) => REFUSED.to_owned(),
        _ => error.to_string(),
    }
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A counter never falls, whoever reads first.
pub(super) fn raise(counter: &prometheus_client::metrics::counter::Counter, to: u64) {
    counter.inc_by(to.saturating_sub(counter.get()));
}
