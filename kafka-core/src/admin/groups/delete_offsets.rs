use std::{collections::BTreeMap, time::Duration};

use kafka_protocol::messages::{
    OffsetDeleteRequest, OffsetDeleteResponse,
    offset_delete_request::{OffsetDeleteRequestPartition, OffsetDeleteRequestTopic},
    offset_delete_response::OffsetDeleteResponsePartition,
};

use super::coordinator::coordinator;
use crate::{
    admin::{
        Admin,
        asking::Asking,
        items::Results,
        wire::{by_topic, group_id, of_topic, topic_name, verdict, verdict_on},
    },
    client::{ConnectionKind, Target},
    error::Error,
    topic_partition::TopicPartition,
};

impl Admin<'_> {
    /// Deletes what a group has committed for these partitions. A topic that a member subscribes to is the error
    /// `GROUP_SUBSCRIBED_TO_TOPIC`, a group that does not exist `GROUP_ID_NOT_FOUND`.
    ///
    /// # Errors
    /// No broker answered in time; [`Error::maybe_applied`] says whether offsets may have been deleted.
    ///
    /// # Cancel safety
    /// Dropping it may delete the offsets or not.
    pub async fn delete_group_offsets(
        &self,
        group: &str,
        partitions: &[TopicPartition],
    ) -> Result<BTreeMap<TopicPartition, Result<(), Error>>, Error> {
        let mut asking = Asking::new::<OffsetDeleteRequest>(self.client, partitions.iter().cloned());
        while let Some(asked) = asking.next().await {
            let request = request(group, &asked);
            let answer = self.forget(group, &request, asking.limit()).await;
            asking.answer(&asked, answer.map(|answer| read(answer, &asked)));
        }
        asking.into_results()
    }

    async fn forget(
        &self,
        group: &str,
        request: &OffsetDeleteRequest,
        limit: Duration,
    ) -> Result<OffsetDeleteResponse, Error> {
        let coordinator = coordinator(self.client, group, limit).await?;
        self.client.call(Target::Address(coordinator), ConnectionKind::Control, request, limit).await
    }
}

fn request(group: &str, asked: &[TopicPartition]) -> OffsetDeleteRequest {
    let topics = by_topic(asked.iter().map(|partition| (partition, ()))).into_iter().map(|(name, partitions)| {
        let partitions = partitions
            .into_iter()
            .map(|(index, ())| OffsetDeleteRequestPartition::default().with_partition_index(index));
        OffsetDeleteRequestTopic::default().with_name(topic_name(name)).with_partitions(partitions.collect())
    });
    OffsetDeleteRequest::default().with_group_id(group_id(group)).with_topics(topics.collect())
}

/// The group's error is that of every partition.
fn read(answer: OffsetDeleteResponse, asked: &[TopicPartition]) -> Results<TopicPartition, ()> {
    if let Err(error) = verdict(answer.error_code, "OffsetDelete", None) {
        return asked.iter().map(|partition| (partition.clone(), Err(error.clone()))).collect();
    }
    let verdict = |partition: &TopicPartition, result: OffsetDeleteResponsePartition| {
        verdict_on(partition, result.error_code, "OffsetDelete")
    };
    let topics = answer.topics.into_iter();
    topics.flat_map(|topic| of_topic(topic.name, topic.partitions, verdict, |p| p.partition_index)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::ErrorCode;

    #[test]
    fn the_groups_error_is_told_of_every_partition() {
        let partitions = [TopicPartition::new("t", 0), TopicPartition::new("t", 1)];
        let results = read(OffsetDeleteResponse::default().with_error_code(69), &partitions);
        assert_eq!(results.len(), 2);
        let found = |result: &Result<(), Error>| result.as_ref().err().and_then(Error::code);
        assert!(results.values().all(|result| found(result) == Some(ErrorCode::GROUP_ID_NOT_FOUND)));
    }
}
