use std::collections::BTreeMap;

use futures_util::future::join_all;
use kafka_protocol::messages::{
    DeleteRecordsRequest, DeleteRecordsResponse,
    delete_records_request::{DeleteRecordsPartition, DeleteRecordsTopic},
    delete_records_response::DeleteRecordsPartitionResult,
};

use super::{
    Admin,
    asking::{Asking, broker_timeout_ms, once_each},
    items::Results,
    leaders::by_leader,
    wire::{by_topic, of_topic, topic_name, verdict_on},
};
use crate::{
    client::{ConnectionKind, Target},
    error::Error,
    topic_partition::TopicPartition,
};

impl Admin<'_> {
    /// Deletes the records before these offsets; an offset of −1 means all that are committed. What comes back is
    /// each log's new first offset. It does no harm to repeat it.
    ///
    /// # Errors
    /// A partition is named with two offsets, or no broker answered in time; [`Error::maybe_applied`] says whether
    /// records may have been deleted.
    ///
    /// # Cancel safety
    /// Dropping it may delete the records or not.
    pub async fn delete_records(
        &self,
        before: &[(TopicPartition, i64)],
    ) -> Result<BTreeMap<TopicPartition, Result<i64, Error>>, Error> {
        let wanted = once_each(before.iter().cloned())?;
        let mut asking = Asking::new::<DeleteRecordsRequest>(self.client, wanted.keys().cloned());
        while let Some(asked) = asking.next().await {
            let limit = asking.limit();
            let leaders = match by_leader(self.client, &asked, limit).await {
                Ok(leaders) => leaders,
                Err(error) => {
                    asking.answer(&asked, Err(error));
                    continue;
                }
            };
            let calls = leaders.led.into_iter().map(async |(leader, partitions)| {
                let request = request(&wanted, &partitions, broker_timeout_ms(limit));
                let answer = self.client.call(Target::Broker(leader), ConnectionKind::Slow, &request, limit).await;
                (partitions, answer.map(read))
            });
            for (partitions, answer) in join_all(calls).await {
                asking.answer(&partitions, answer);
            }
            let leaderless: Vec<_> = leaders.leaderless.keys().cloned().collect();
            asking.answer(&leaderless, Ok(leaders.leaderless));
        }
        asking.into_results()
    }
}

fn request(
    wanted: &BTreeMap<TopicPartition, i64>,
    partitions: &[TopicPartition],
    timeout_ms: i32,
) -> DeleteRecordsRequest {
    let offsets = partitions.iter().filter_map(|partition| Some((partition, *wanted.get(partition)?)));
    let topics = by_topic(offsets).into_iter().map(|(name, partitions)| {
        let partitions = partitions
            .into_iter()
            .map(|(index, offset)| DeleteRecordsPartition::default().with_partition_index(index).with_offset(offset));
        DeleteRecordsTopic::default().with_name(topic_name(name)).with_partitions(partitions.collect())
    });
    DeleteRecordsRequest::default().with_topics(topics.collect()).with_timeout_ms(timeout_ms)
}

fn read(answer: DeleteRecordsResponse) -> Results<TopicPartition, i64> {
    let low_watermark = |partition: &TopicPartition, result: DeleteRecordsPartitionResult| {
        verdict_on(partition, result.error_code, "DeleteRecords").map(|()| result.low_watermark)
    };
    let topics = answer.topics.into_iter();
    topics.flat_map(|topic| of_topic(topic.name, topic.partitions, low_watermark, |p| p.partition_index)).collect()
}
