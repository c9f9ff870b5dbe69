//! Produce.

use bytes::Bytes;
use kafka_protocol::messages::{
    ProduceRequest, ProduceResponse,
    produce_request::PartitionProduceData,
    produce_response::{LeaderIdAndEpoch, PartitionProduceResponse, TopicProduceResponse},
};

use super::leader_hints::Hints;
use crate::{
    dispatch::{Cx, Handler},
    log::{Appended, Refusal},
    topics::Topics,
};

impl Handler for ProduceRequest {
    async fn answer(&self, cx: &Cx<'_>) -> ProduceResponse {
        if !matches!(self.acks, -1..=1) {
            return self.refused(cx.version, Refusal::InvalidRequiredAcks);
        }
        // There is no transaction coordinator: refused as by an ACL, which clients treat as fatal.
        if self.transactional_id.is_some() {
            return self.refused(cx.version, Refusal::TransactionalIdAuthorizationFailed);
        }
        let answer = {
            let mut topics = cx.cluster.topics();
            let mut hints = Hints::default();
            let answer = each(self, |topic, data| {
                let append = || append(cx, &mut topics, topic, data, self.acks);
                let appended = cx.in_partition(topic, data.index, append);
                let hint = appended.err().and_then(|refusal| hints.find(refusal, &topics, topic, data.index));
                (appended, hint.map(|hint| hint.in_produce(cx.version)))
            });
            cx.cluster.bound_memory(&mut topics, records_size(self));
            answer.with_node_endpoints(hints.in_produce(cx.cluster, cx.version))
        };
        cx.cluster.changed().notify_waiters();
        answer
    }

    fn refused(&self, _version: i16, refusal: Refusal) -> ProduceResponse {
        each(self, |_, _| (Err(refusal), None))
    }

    fn names(&self, _cx: &Cx<'_>, topic: &str, partition: i32) -> bool {
        let here = self.topic_data.iter().filter(|data| data.name.as_str() == topic);
        here.flat_map(|data| &data.partition_data).any(|data| data.index == partition)
    }

    fn wants_answer(&self) -> bool {
        self.acks != 0
    }
}

fn records_size(request: &ProduceRequest) -> usize {
    let partitions = request.topic_data.iter().flat_map(|topic| &topic.partition_data);
    partitions.filter_map(|data| data.records.as_ref()).map(Bytes::len).sum()
}

fn append(
    cx: &Cx<'_>,
    topics: &mut Topics,
    topic: &str,
    data: &PartitionProduceData,
    acks: i16,
) -> Result<Appended, Refusal> {
    let (partition, config) = topics.partition_mut(topic, data.index)?;
    partition.check_leader(cx.node)?;
    if acks == -1 && cx.cluster.nodes().count_alive(partition.replicas()) < config.min_insync_replicas() {
        return Err(Refusal::NotEnoughReplicas);
    }
    let records = data.records.as_ref().ok_or(Refusal::InvalidRecord)?;
    partition.append(records, config.limits())
}

fn each(
    request: &ProduceRequest,
    mut decide: impl FnMut(&str, &PartitionProduceData) -> (Result<Appended, Refusal>, Option<LeaderIdAndEpoch>),
) -> ProduceResponse {
    let topics = request.topic_data.iter().map(|topic| {
        let partitions = topic.partition_data.iter().map(|data| {
            let (appended, leader) = decide(&topic.name, data);
            produced(data.index, appended).with_current_leader(leader.unwrap_or_default())
        });
        TopicProduceResponse::default().with_name(topic.name.clone()).with_partition_responses(partitions.collect())
    });
    ProduceResponse::default().with_responses(topics.collect())
}

fn produced(index: i32, result: Result<Appended, Refusal>) -> PartitionProduceResponse {
    // -1: the timestamps are the producer's own (`message.timestamp.type=CreateTime`).
    let answer = PartitionProduceResponse::default().with_index(index).with_log_append_time_ms(-1);
    match result {
        Ok(at) => answer.with_base_offset(at.base_offset).with_log_start_offset(at.log_start_offset),
        Err(refusal) => answer.with_error_code(refusal.code()).with_base_offset(-1).with_log_start_offset(-1),
    }
}
