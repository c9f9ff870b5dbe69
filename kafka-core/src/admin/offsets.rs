use std::collections::BTreeMap;

use futures_util::future::join_all;
use kafka_protocol::messages::{
    BrokerId, ListOffsetsRequest, ListOffsetsResponse,
    list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic},
    list_offsets_response::ListOffsetsPartitionResponse,
};

use super::{
    Admin,
    asking::{Asking, once_each},
    items::Results,
    leaders::by_leader,
    wire::{by_topic, of_topic, topic_name, verdict_on},
};
use crate::{
    client::{ConnectionKind, Target},
    error::Error,
    protocol::by_version,
    topic_partition::TopicPartition,
};

/// Which offset of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OffsetSpec {
    /// The first that is still in the log.
    Earliest,
    /// The one behind the last record that is committed in all replicas and transactions. Kafka: the last stable
    /// offset.
    Latest,
    /// The one behind the last record that is committed in all replicas, whatever becomes of its transaction. Kafka:
    /// the high watermark.
    HighWatermark,
    /// The first record of at least this time, in milliseconds since 1970.
    Timestamp(i64),
    /// The record with the largest timestamp (KIP-734).
    MaxTimestamp,
}

impl OffsetSpec {
    /// As ListOffsets names it: a time, or one of Kafka's numbers before all time.
    fn timestamp(self) -> i64 {
        match self {
            Self::Latest | Self::HighWatermark => -1,
            Self::Earliest => -2,
            Self::MaxTimestamp => -3,
            Self::Timestamp(at) => at.max(0),
        }
    }

    fn isolation_level(self) -> i8 {
        match self {
            Self::HighWatermark => READ_UNCOMMITTED,
            _ => READ_COMMITTED,
        }
    }
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

const READ_UNCOMMITTED: i8 = 0;
/// The isolation level of a consumer that reads committed records: "latest" is the last stable offset.
const READ_COMMITTED: i8 = 1;

type Wanted = BTreeMap<TopicPartition, OffsetSpec>;

impl Admin<'_> {
    /// Finds offsets in partitions by position or time, each with a result of its own. A topic that does not exist
    /// is asked for again for a second or two: it may have been created just now.
    ///
    /// # Errors
    /// A partition is named twice, differently, or no broker answered in time.
    ///
    /// # Cancel safety
    /// Safe: it only reads.
    pub async fn list_offsets(
        &self,
        wanted: &[(TopicPartition, OffsetSpec)],
    ) -> Result<BTreeMap<TopicPartition, Result<ListedOffset, Error>>, Error> {
        let wanted: Wanted = once_each(wanted.iter().cloned())?;
        let keys = wanted.keys().cloned();
        let mut asking = Asking::new::<ListOffsetsRequest>(self.client, keys).patient_with_unknown_topics();
        while let Some(asked) = asking.next().await {
            let limit = asking.limit();
            let leaders = match by_leader(self.client, &asked, limit).await {
                Ok(leaders) => leaders,
                Err(error) => {
                    asking.answer(&asked, Err(error));
                    continue;
                }
            };
            let by_isolation = leaders.led.into_iter().flat_map(|(leader, partitions)| {
                let isolated = |level| {
                    let of_level = |tp: &&TopicPartition| wanted.get(*tp).is_some_and(|s| s.isolation_level() == level);
                    (leader, level, partitions.iter().filter(of_level).cloned().collect::<Vec<_>>())
                };
                [READ_UNCOMMITTED, READ_COMMITTED].map(isolated)
            });
            let calls = by_isolation.filter(|(.., partitions)| !partitions.is_empty()).map(
                async |(leader, isolation_level, partitions)| {
                    let request = by_version(|version| request(&wanted, &partitions, isolation_level, version));
                    let target = Target::Broker(leader);
                    let answer = self.client.call(target, ConnectionKind::Control, &request, limit).await;
                    (partitions, answer.map(read))
                },
            );
            for (partitions, answer) in join_all(calls).await {
                asking.answer(&partitions, answer);
            }
            let leaderless: Vec<_> = leaders.leaderless.keys().cloned().collect();
            asking.answer(&leaderless, Ok(leaders.leaderless));
        }
        asking.into_results()
    }
}

fn request(wanted: &Wanted, partitions: &[TopicPartition], isolation_level: i8, version: i16) -> ListOffsetsRequest {
    let specs = partitions.iter().filter_map(|partition| Some((partition, *wanted.get(partition)?)));
    let topics = by_topic(specs).into_iter().map(|(name, partitions)| {
        let partitions = partitions.into_iter().map(|(index, spec)| {
            ListOffsetsPartition::default().with_partition_index(index).with_timestamp(spec.timestamp())
        });
        ListOffsetsTopic::default().with_name(topic_name(name)).with_partitions(partitions.collect())
    });
    ListOffsetsRequest::default()
        .with_replica_id(BrokerId(-1))
        .with_isolation_level(if version >= 2 { isolation_level } else { READ_UNCOMMITTED })
        .with_topics(topics.collect())
}

fn read(answer: ListOffsetsResponse) -> Results<TopicPartition, ListedOffset> {
    let listed = |partition: &TopicPartition, found: ListOffsetsPartitionResponse| {
        verdict_on(partition, found.error_code, "ListOffsets").map(|()| ListedOffset {
            offset: found.offset,
            timestamp: found.timestamp,
            leader_epoch: found.leader_epoch,
        })
    };
    let topics = answer.topics.into_iter();
    topics.flat_map(|topic| of_topic(topic.name, topic.partitions, listed, |p| p.partition_index)).collect()
}
