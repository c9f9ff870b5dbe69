//! OffsetForLeaderEpoch (KIP-320): how far a client that saw an older leader may trust what it saw.

use kafka_protocol::messages::{
    OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse,
    offset_for_leader_epoch_request::OffsetForLeaderPartition,
    offset_for_leader_epoch_response::{EpochEndOffset, OffsetForLeaderTopicResult},
};

use super::code;
use crate::{
    dispatch::{Cx, Handler},
    log::Refusal,
};

/// What is said of an epoch that has not begun.
const UNDEFINED: (i32, i64) = (-1, -1);

impl Handler for OffsetForLeaderEpochRequest {
    async fn answer(&self, cx: &Cx<'_>) -> OffsetForLeaderEpochResponse {
        let topics = cx.cluster.topics();
        each(self, |topic, wanted| {
            cx.in_partition(topic, wanted.partition, || {
                let log = topics.log(cx.node, topic, wanted.partition)?;
                super::check_leader_epoch(log, wanted.current_leader_epoch)?;
                Ok(log.end_of_epoch(wanted.leader_epoch).unwrap_or(UNDEFINED))
            })
        })
    }

    fn names(&self, _cx: &Cx<'_>, topic: &str, partition: i32) -> bool {
        let here = self.topics.iter().filter(|wanted| wanted.topic.as_str() == topic);
        here.flat_map(|wanted| &wanted.partitions).any(|wanted| wanted.partition == partition)
    }

    fn refused(&self, _version: i16, refusal: Refusal) -> OffsetForLeaderEpochResponse {
        each(self, |_, _| Err(refusal))
    }
}

fn each(
    request: &OffsetForLeaderEpochRequest,
    decide: impl Fn(&str, &OffsetForLeaderPartition) -> Result<(i32, i64), Refusal>,
) -> OffsetForLeaderEpochResponse {
    let topics = request.topics.iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|wanted| {
            let found = decide(&topic.topic, wanted);
            let (epoch, end) = found.unwrap_or(UNDEFINED);
            EpochEndOffset::default()
                .with_partition(wanted.partition)
                .with_error_code(code(&found))
                .with_leader_epoch(epoch)
                .with_end_offset(end)
        });
        OffsetForLeaderTopicResult::default().with_topic(topic.topic.clone()).with_partitions(partitions.collect())
    });
    OffsetForLeaderEpochResponse::default().with_topics(topics.collect())
}
