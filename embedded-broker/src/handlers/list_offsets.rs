//! ListOffsets.

use kafka_protocol::messages::{
    ListOffsetsRequest, ListOffsetsResponse,
    list_offsets_request::ListOffsetsPartition,
    list_offsets_response::{ListOffsetsPartitionResponse, ListOffsetsTopicResponse},
};

use crate::{
    dispatch::{Cx, Handler},
    log::{PartitionLog, Refusal},
    node::LEADER_EPOCH,
};

/// Kafka's names of what is not a timestamp.
const LATEST: i64 = -1;
const EARLIEST: i64 = -2;
const MAX_TIMESTAMP: i64 = -3;

/// What a question about no record is answered with.
const NONE: (i64, i64) = (-1, -1);

/// A (timestamp, offset), or why there is none.
type Found = Result<(i64, i64), Refusal>;

impl Handler for ListOffsetsRequest {
    async fn answer(&self, cx: &Cx<'_>) -> ListOffsetsResponse {
        let topics = cx.node.topics();
        each(self, cx.version, |topic, wanted| {
            let log = topics.log(topic, wanted.partition_index)?;
            if wanted.current_leader_epoch > LEADER_EPOCH {
                return Err(Refusal::UnknownLeaderEpoch);
            }
            find(log, wanted.timestamp)
        })
    }

    fn refused(&self, version: i16, refusal: Refusal) -> ListOffsetsResponse {
        each(self, version, |_, _| Err(refusal))
    }
}

fn find(log: &PartitionLog, timestamp: i64) -> Found {
    match timestamp {
        LATEST => Ok((-1, log.end())),
        EARLIEST => Ok((-1, log.start())),
        MAX_TIMESTAMP => Ok(log.latest_timestamp().unwrap_or(NONE)),
        0.. => Ok(log.first_at_or_after(timestamp).unwrap_or(NONE)),
        _ => Err(Refusal::UnsupportedVersion),
    }
}

fn each(
    request: &ListOffsetsRequest,
    version: i16,
    decide: impl Fn(&str, &ListOffsetsPartition) -> Found,
) -> ListOffsetsResponse {
    let topics = request.topics.iter().map(|topic| {
        let answer = |wanted: &ListOffsetsPartition| {
            let found = decide(&topic.name, wanted);
            let (timestamp, offset) = found.unwrap_or(NONE);
            let epoch = if version >= 4 && offset >= 0 { LEADER_EPOCH } else { -1 };
            ListOffsetsPartitionResponse::default()
                .with_partition_index(wanted.partition_index)
                .with_error_code(super::code(&found))
                .with_timestamp(timestamp)
                .with_offset(offset)
                .with_leader_epoch(epoch)
        };
        let partitions = topic.partitions.iter().map(answer).collect();
        ListOffsetsTopicResponse::default().with_name(topic.name.clone()).with_partitions(partitions)
    });
    ListOffsetsResponse::default().with_topics(topics.collect())
}
