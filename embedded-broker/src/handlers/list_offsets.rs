//! ListOffsets.

use kafka_protocol::messages::{
    ListOffsetsRequest, ListOffsetsResponse,
    list_offsets_request::ListOffsetsPartition,
    list_offsets_response::{ListOffsetsPartitionResponse, ListOffsetsTopicResponse},
};

use crate::{
    dispatch::{Cx, Handler},
    log::{PartitionLog, Refusal},
};

/// Kafka's names of what is not a timestamp.
const LATEST: i64 = -1;
const EARLIEST: i64 = -2;
const MAX_TIMESTAMP: i64 = -3;

/// What a question about no record is answered with.
const NONE: (i64, i64, i32) = (-1, -1, -1);

/// A (timestamp, offset, leader epoch), or why there is none.
type Found = Result<(i64, i64, i32), Refusal>;

impl Handler for ListOffsetsRequest {
    async fn answer(&self, cx: &Cx<'_>) -> ListOffsetsResponse {
        let topics = cx.cluster.topics();
        each(self, cx.version, |topic, wanted| {
            cx.in_partition(topic, wanted.partition_index, || {
                let log = topics.log(cx.node, topic, wanted.partition_index)?;
                super::check_leader_epoch(log, wanted.current_leader_epoch)?;
                find(log, wanted.timestamp)
            })
        })
    }

    fn names(&self, _cx: &Cx<'_>, topic: &str, partition: i32) -> bool {
        let here = self.topics.iter().filter(|wanted| wanted.name.as_str() == topic);
        here.flat_map(|wanted| &wanted.partitions).any(|wanted| wanted.partition_index == partition)
    }

    fn refused(&self, version: i16, refusal: Refusal) -> ListOffsetsResponse {
        each(self, version, |_, _| Err(refusal))
    }
}

fn find(log: &PartitionLog, timestamp: i64) -> Found {
    let record = |found: Option<(i64, i64)>| found.map_or(NONE, |(at, offset)| (at, offset, log.epoch_of(offset)));
    match timestamp {
        LATEST => Ok((-1, log.end(), log.leader_epoch())),
        EARLIEST => Ok((-1, log.start(), log.epoch_of(log.start()))),
        MAX_TIMESTAMP => Ok(record(log.latest_timestamp())),
        0.. => Ok(record(log.first_at_or_after(timestamp))),
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
            let (timestamp, offset, epoch) = found.unwrap_or(NONE);
            let epoch = if version >= 4 { epoch } else { -1 };
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
