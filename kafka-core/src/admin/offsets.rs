use std::{collections::BTreeMap, sync::Arc};

use kafka_protocol::{
    messages::{
        BrokerId, ListOffsetsRequest, TopicName,
        list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic},
    },
    protocol::StrBytes,
};

use crate::{
    client::{Attempts, Client, ConnectionKind, Target},
    error::{Error, ErrorKind},
    protocol::{ErrorCode, by_version},
    topic_partition::TopicPartition,
};

/// Which offset of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OffsetSpec {
    /// The first that is still in the log.
    Earliest,
    /// The one behind the last record that is committed in all replicas and transactions.
    Latest,
    /// The first record of at least this time, in milliseconds since 1970.
    Timestamp(i64),
}

/// An offset that was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListedOffset {
    /// The offset; −1 if no record is as young as the time that was asked for.
    pub offset: i64,
    /// The record's timestamp, if time was asked for, else −1.
    pub timestamp: i64,
    /// The epoch of the leader that wrote it; −1 if not known.
    pub leader_epoch: i32,
}

type Listed = BTreeMap<TopicPartition, Result<ListedOffset, Error>>;

/// The isolation level of a consumer that reads committed records: "latest" is the last stable offset.
const READ_COMMITTED: i8 = 1;

pub(super) async fn list(client: &Client, wanted: &[(TopicPartition, OffsetSpec)]) -> Result<Listed, Error> {
    let mut attempts = Attempts::new(client.env(), "ListOffsets", client.default_api_timeout());
    let mut listed = Listed::new();
    let mut left = wanted.to_vec();
    loop {
        let names: Vec<&str> = left.iter().map(|(partition, _)| partition.topic()).collect();
        let cluster = client.metadata().topics(&names).await?;
        let mut by_leader: BTreeMap<Option<i32>, Vec<(TopicPartition, OffsetSpec)>> = BTreeMap::new();
        for (partition, spec) in left {
            by_leader.entry(cluster.leader(&partition)).or_default().push((partition, spec));
        }
        for (leader, asked) in by_leader {
            match leader {
                Some(leader) => listed.extend(ask(client, leader, asked, &attempts).await),
                None => listed.extend(asked.into_iter().map(|(partition, _)| {
                    let error = leaderless(&partition);
                    (partition, Err(error))
                })),
            }
        }
        let again = |(partition, _): &&(TopicPartition, OffsetSpec)| {
            listed.get(partition).is_none_or(|result| result.as_ref().is_err_and(Error::is_retriable))
        };
        left = wanted.iter().filter(again).cloned().collect();
        let Some((first, _)) = left.first() else { return Ok(listed) };
        let error = listed.get(first).and_then(|result| result.as_ref().err().cloned());
        if attempts.after(error.unwrap_or_else(|| leaderless(first))).await.is_err() {
            return Ok(listed);
        }
        client.metadata().refresh_after(cluster.generation()).await?;
    }
}

fn leaderless(partition: &TopicPartition) -> Error {
    let topic_partition = Some(partition.clone());
    let code = ErrorCode::LEADER_NOT_AVAILABLE;
    Error::new(ErrorKind::Broker { code, api: "Metadata", topic_partition, message: None })
}

async fn ask(client: &Client, leader: i32, asked: Vec<(TopicPartition, OffsetSpec)>, attempts: &Attempts) -> Listed {
    let request = by_version(|version| request(&asked, version));
    let limit = attempts.left(client.request_timeout());
    let answer = match client.call(Target::Broker(leader), ConnectionKind::Control, &request, limit).await {
        Ok(answer) => answer,
        Err(error) => return asked.into_iter().map(|(partition, _)| (partition, Err(error.clone()))).collect(),
    };
    let mut listed = Listed::new();
    for topic in answer.topics {
        let name: Arc<str> = topic.name.as_str().into();
        for part in topic.partitions {
            let partition = TopicPartition::new(Arc::clone(&name), part.partition_index);
            let found =
                ListedOffset { offset: part.offset, timestamp: part.timestamp, leader_epoch: part.leader_epoch };
            let result = match ErrorCode(part.error_code) {
                ErrorCode::NONE => Ok(found),
                code => Err(Error::new(ErrorKind::Broker {
                    code,
                    api: "ListOffsets",
                    topic_partition: Some(partition.clone()),
                    message: None,
                })),
            };
            listed.insert(partition, result);
        }
    }
    // Only what was asked for is believed.
    listed.retain(|partition, _| asked.iter().any(|(wanted, _)| wanted == partition));
    listed
}

fn request(asked: &[(TopicPartition, OffsetSpec)], version: i16) -> ListOffsetsRequest {
    let mut topics: BTreeMap<&str, Vec<ListOffsetsPartition>> = BTreeMap::new();
    for (partition, spec) in asked {
        let timestamp = match spec {
            OffsetSpec::Earliest => -2,
            OffsetSpec::Latest => -1,
            OffsetSpec::Timestamp(at) => *at,
        };
        let part =
            ListOffsetsPartition::default().with_partition_index(partition.partition()).with_timestamp(timestamp);
        topics.entry(partition.topic()).or_default().push(part);
    }
    let topic = |(name, partitions): (&str, Vec<ListOffsetsPartition>)| {
        ListOffsetsTopic::default()
            .with_name(TopicName(StrBytes::from_string(name.to_owned())))
            .with_partitions(partitions)
    };
    ListOffsetsRequest::default()
        .with_replica_id(BrokerId(-1))
        .with_isolation_level(if version >= 2 { READ_COMMITTED } else { 0 })
        .with_topics(topics.into_iter().map(topic).collect())
}
