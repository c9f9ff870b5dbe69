use std::{collections::BTreeMap, time::Duration};

use kafka_protocol::messages::{
    OffsetCommitRequest, OffsetCommitResponse,
    offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic},
    offset_commit_response::OffsetCommitResponsePartition,
};

use super::coordinator::coordinator;
use crate::{
    admin::{
        Admin,
        asking::{Asking, once_each},
        items::Results,
        wire::{by_topic, group_id, of_topic, topic_name, verdict_on},
    },
    client::{ConnectionKind, Target},
    error::Error,
    topic_partition::TopicPartition,
};

impl Admin<'_> {
    /// Commits offsets for a group that has no members. One with members is the error `UNKNOWN_MEMBER_ID`. What was
    /// committed for other partitions stays. Kafka: `alterConsumerGroupOffsets`.
    ///
    /// # Errors
    /// A partition is named with two offsets, or no broker answered in time; [`Error::maybe_applied`] says whether
    /// offsets may have been committed.
    ///
    /// # Cancel safety
    /// Dropping it may commit the offsets or not.
    pub async fn alter_group_offsets(
        &self,
        group: &str,
        offsets: &[(TopicPartition, i64)],
    ) -> Result<BTreeMap<TopicPartition, Result<(), Error>>, Error> {
        let wanted = once_each(offsets.iter().cloned())?;
        let mut asking = Asking::new::<OffsetCommitRequest>(self.client, wanted.keys().cloned());
        while let Some(asked) = asking.next().await {
            let request = request(group, &wanted, &asked);
            let answer = self.commit(group, &request, asking.limit()).await;
            asking.answer(&asked, answer.map(read));
        }
        asking.into_results()
    }

    async fn commit(
        &self,
        group: &str,
        request: &OffsetCommitRequest,
        limit: Duration,
    ) -> Result<OffsetCommitResponse, Error> {
        let coordinator = coordinator(self.client, group, limit).await?;
        self.client.call(Target::Address(coordinator), ConnectionKind::Control, request, limit).await
    }
}

/// A commit by nobody: without a member and a generation, which only a group without members takes.
fn request(group: &str, wanted: &BTreeMap<TopicPartition, i64>, asked: &[TopicPartition]) -> OffsetCommitRequest {
    let offsets = asked.iter().filter_map(|partition| Some((partition, *wanted.get(partition)?)));
    let topics = by_topic(offsets).into_iter().map(|(name, partitions)| {
        let partitions = partitions.into_iter().map(|(index, offset)| {
            OffsetCommitRequestPartition::default().with_partition_index(index).with_committed_offset(offset)
        });
        OffsetCommitRequestTopic::default().with_name(topic_name(name)).with_partitions(partitions.collect())
    });
    OffsetCommitRequest::default().with_group_id(group_id(group)).with_topics(topics.collect())
}

fn read(answer: OffsetCommitResponse) -> Results<TopicPartition, ()> {
    let verdict = |partition: &TopicPartition, result: OffsetCommitResponsePartition| {
        verdict_on(partition, result.error_code, "OffsetCommit")
    };
    let topics = answer.topics.into_iter();
    topics.flat_map(|topic| of_topic(topic.name, topic.partitions, verdict, |p| p.partition_index)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Api;

    #[test]
    fn nobody_commits_in_every_version() {
        let partition = TopicPartition::new("t", 1);
        let request = request("g", &BTreeMap::from([(partition.clone(), 7)]), &[partition]);
        assert_eq!((request.generation_id_or_member_epoch, request.member_id.as_str()), (-1, ""));
        for version in 2..=9 {
            assert_eq!(Api::encode(&request, version, &mut Vec::new()), Ok(()), "version {version}");
        }
    }
}
