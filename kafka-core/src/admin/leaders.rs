//! Which broker to ask about a partition.

use std::{collections::BTreeMap, time::Duration};

use tokio::time::timeout;

use super::items::Results;
use crate::{
    client::Client,
    error::{Error, ErrorKind},
    metadata::Cluster,
    protocol::ErrorCode,
    topic_partition::TopicPartition,
};

/// Partitions by the broker that leads them, and those without one.
pub(super) struct ByLeader<V> {
    pub(super) led: BTreeMap<i32, Vec<TopicPartition>>,
    pub(super) leaderless: Results<TopicPartition, V>,
}

/// Finds the leaders of `partitions`; metadata is asked for if a topic is not known.
pub(super) async fn by_leader<V>(
    client: &Client,
    partitions: &[TopicPartition],
    limit: Duration,
) -> Result<ByLeader<V>, Error> {
    let names: Vec<&str> = partitions.iter().map(TopicPartition::topic).collect();
    match timeout(limit, Box::pin(client.metadata().topics(&names))).await {
        Ok(cluster) => Ok(sort(&*cluster?, partitions)),
        Err(_) => Err(Error::new(ErrorKind::Timeout { what: "Metadata".to_owned(), after: limit })),
    }
}

fn sort<V>(cluster: &Cluster, partitions: &[TopicPartition]) -> ByLeader<V> {
    let mut sorted = ByLeader { led: BTreeMap::new(), leaderless: BTreeMap::new() };
    for partition in partitions {
        match cluster.leader(partition) {
            Some(leader) => sorted.led.entry(leader).or_default().push(partition.clone()),
            None => {
                sorted.leaderless.insert(partition.clone(), Err(why_not(cluster, partition)));
            }
        }
    }
    sorted
}

/// Why there is no leader.
fn why_not(cluster: &Cluster, partition: &TopicPartition) -> Error {
    let code = match (cluster.topic(partition.topic()), cluster.partition(partition)) {
        (_, Some(_)) => ErrorCode::LEADER_NOT_AVAILABLE,
        (Some(topic), None) => topic.error().unwrap_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION),
        (None, None) => ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
    };
    let topic_partition = Some(partition.clone());
    Error::new(ErrorKind::Broker { code, api: "Metadata", topic_partition, message: None })
}
