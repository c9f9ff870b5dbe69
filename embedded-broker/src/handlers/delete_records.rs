//! DeleteRecords.

use kafka_protocol::messages::{
    DeleteRecordsRequest, DeleteRecordsResponse,
    delete_records_request::DeleteRecordsPartition,
    delete_records_response::{DeleteRecordsPartitionResult, DeleteRecordsTopicResult},
};

use super::code;
use crate::{
    dispatch::{Cx, Handler},
    log::Refusal,
};

impl Handler for DeleteRecordsRequest {
    async fn answer(&self, cx: &Cx<'_>) -> DeleteRecordsResponse {
        let mut topics = cx.cluster.topics();
        let answer = each(self, |topic, wanted| {
            cx.in_partition(topic, wanted.partition_index, || {
                let (partition, _) = topics.partition_mut(topic, wanted.partition_index)?;
                partition.check_leader(cx.node)?;
                partition.log.delete_before(wanted.offset)
            })
        });
        drop(topics);
        cx.cluster.write_partitions();
        answer
    }

    fn names(&self, _cx: &Cx<'_>, topic: &str, partition: i32) -> bool {
        let here = self.topics.iter().filter(|wanted| wanted.name.as_str() == topic);
        here.flat_map(|wanted| &wanted.partitions).any(|wanted| wanted.partition_index == partition)
    }

    fn refused(&self, _version: i16, refusal: Refusal) -> DeleteRecordsResponse {
        each(self, |_, _| Err(refusal))
    }
}

fn each(
    request: &DeleteRecordsRequest,
    mut decide: impl FnMut(&str, &DeleteRecordsPartition) -> Result<i64, Refusal>,
) -> DeleteRecordsResponse {
    let topics = request.topics.iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|wanted| {
            let start = decide(&topic.name, wanted);
            DeleteRecordsPartitionResult::default()
                .with_partition_index(wanted.partition_index)
                .with_error_code(code(&start))
                .with_low_watermark(start.unwrap_or(-1))
        });
        DeleteRecordsTopicResult::default().with_name(topic.name.clone()).with_partitions(partitions.collect())
    });
    DeleteRecordsResponse::default().with_topics(topics.collect())
}
