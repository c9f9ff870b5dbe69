//! What the cluster knows of partitions, whoever they are assigned to: questions that change nothing.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use ottla_kafka_core::{Client, Error, ErrorCode, ErrorKind, FetchMonitor, OffsetSpec, TopicPartition};
use tokio::time::{Instant, sleep};

use crate::{
    config::GroupConfig,
    coordinator::{ClientRequests, Requests},
    handle::ConsumerHandle,
    offsets::{Committed, OffsetAndMetadata},
};

/// Kafka: `retry.backoff.ms`, as coordinators move and load.
const RETRY_DELAY: Duration = Duration::from_millis(100);

/// Each partition with what was found, or why not.
type Found<T> = BTreeMap<TopicPartition, Result<T, Error>>;

/// The cluster, as a consumer's handle asks it.
#[derive(Debug)]
pub(crate) struct ClusterSide {
    client: Client,
    config: Arc<GroupConfig>,
    pub(crate) monitor: FetchMonitor,
}

impl ClusterSide {
    pub(crate) fn new(client: &Client, config: Arc<GroupConfig>, monitor: FetchMonitor) -> Self {
        Self { client: client.clone(), config, monitor }
    }

    /// The side of a consumer whose cluster is a test's: nobody is there.
    #[cfg(test)]
    pub(crate) fn nowhere() -> Self {
        let nobody = ottla_kafka_core::BrokerAddr::new("nowhere", 1);
        let client = Client::builder().bootstrap([nobody]).build().expect("valid settings");
        let monitor = ottla_kafka_core::Fetcher::new(&client, ottla_kafka_core::FetchConfig::default()).monitor();
        Self::new(&client, Arc::new(GroupConfig::new("g".to_owned())), monitor)
    }

    async fn list(&self, asked: Vec<(TopicPartition, OffsetSpec)>) -> Result<Found<i64>, Error> {
        let listed = self.client.admin().list_offsets(&asked).await?;
        Ok(listed.into_iter().map(|(tp, listed)| (tp, listed.map(|listed| listed.offset))).collect())
    }

    /// Asks until the coordinator knows, or time is up.
    async fn committed(&self, partitions: &[TopicPartition]) -> Result<Committed, Error> {
        let requests = ClientRequests::new(self.client.clone(), Arc::clone(&self.config));
        let (limit, begun) = (self.config.commit_timeout, Instant::now());
        loop {
            let answer = match requests.find_coordinator().await {
                Ok(coordinator) => requests.committed(coordinator, partitions.to_vec()).await,
                Err(error) => Err(error),
            };
            let unstable = |answer: &Committed| {
                answer.values().any(|found| found.as_ref().is_err_and(|code| error(*code, None).is_retriable()))
            };
            match answer {
                Ok(answer) if !unstable(&answer) || begun.elapsed() >= limit => return Ok(answer),
                Err(error) if !error.is_retriable() => return Err(error),
                Err(error) if begun.elapsed() >= limit => {
                    let timeout = ErrorKind::Timeout { what: "OffsetFetch".to_owned(), after: limit };
                    return Err(Error::new(timeout).with_source(error));
                }
                Ok(_) | Err(_) => sleep(RETRY_DELAY).await,
            }
        }
    }
}

fn error(code: ErrorCode, topic_partition: Option<&TopicPartition>) -> Error {
    let topic_partition = topic_partition.cloned();
    Error::new(ErrorKind::Broker { code, api: "OffsetFetch", topic_partition, message: None })
}

impl ConsumerHandle {
    /// The offsets that the group has committed for these partitions, whoever committed them; `None` where there is
    /// none. What this member knows without asking is [`committed`](Self::committed). Kafka: `Consumer.committed`.
    ///
    /// # Errors
    /// The coordinator did not answer within the default API timeout or refuses, or the consumer has no group. Within
    /// the result, each partition has its own.
    ///
    /// # Cancel safety
    /// Safe: it only reads.
    pub async fn committed_offsets(
        &self,
        partitions: impl IntoIterator<Item = TopicPartition>,
    ) -> Result<BTreeMap<TopicPartition, Result<Option<OffsetAndMetadata>, Error>>, Error> {
        if self.cluster.config.group_id.is_empty() {
            return Err(Error::invalid("a consumer without a group has no committed offsets"));
        }
        let partitions: Vec<_> = partitions.into_iter().collect();
        let committed = self.cluster.committed(&partitions).await?;
        let found = committed.into_iter().map(|(tp, found)| {
            let found = found.map_err(|code| error(code, Some(&tp)));
            (tp, found)
        });
        Ok(found.collect())
    }

    /// The first offset that is still in each partition's log. Kafka: `Consumer.beginningOffsets`.
    ///
    /// # Errors
    /// No broker answered within the default API timeout. Within the result, each partition has its own.
    ///
    /// # Cancel safety
    /// Safe: it only reads.
    pub async fn beginning_offsets(
        &self,
        partitions: impl IntoIterator<Item = TopicPartition>,
    ) -> Result<BTreeMap<TopicPartition, Result<i64, Error>>, Error> {
        self.cluster.list(partitions.into_iter().map(|tp| (tp, OffsetSpec::Earliest)).collect()).await
    }

    /// The offset behind the last record that this consumer's isolation level may read, of each partition. Kafka:
    /// `Consumer.endOffsets`.
    ///
    /// # Errors
    /// As [`beginning_offsets`](Self::beginning_offsets).
    ///
    /// # Cancel safety
    /// Safe: it only reads.
    pub async fn end_offsets(
        &self,
        partitions: impl IntoIterator<Item = TopicPartition>,
    ) -> Result<BTreeMap<TopicPartition, Result<i64, Error>>, Error> {
        let end = self.cluster.monitor.end();
        self.cluster.list(partitions.into_iter().map(|tp| (tp, end)).collect()).await
    }

    /// The offset of the first record of at least this time, in milliseconds since 1970, of each partition; `None`
    /// where there is no such record. Kafka: `Consumer.offsetsForTimes`.
    ///
    /// # Errors
    /// As [`beginning_offsets`](Self::beginning_offsets).
    ///
    /// # Cancel safety
    /// Safe: it only reads.
    pub async fn offsets_for_times(
        &self,
        times_ms: impl IntoIterator<Item = (TopicPartition, i64)>,
    ) -> Result<BTreeMap<TopicPartition, Result<Option<i64>, Error>>, Error> {
        let asked = times_ms.into_iter().map(|(tp, at_ms)| (tp, OffsetSpec::Timestamp(at_ms))).collect();
        let found = self.cluster.list(asked).await?;
        Ok(found.into_iter().map(|(tp, found)| (tp, found.map(|offset| (offset >= 0).then_some(offset)))).collect())
    }
}
