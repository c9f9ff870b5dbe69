//! Produce.

use kafka_protocol::messages::{
    ProduceRequest, ProduceResponse,
    produce_request::PartitionProduceData,
    produce_response::{PartitionProduceResponse, TopicProduceResponse},
};

use crate::{
    dispatch::{Cx, Handler},
    log::{Appended, Refusal},
    topics::Topics,
};

impl Handler for ProduceRequest {
    async fn answer(&self, cx: &Cx<'_>) -> ProduceResponse {
        if !matches!(self.acks, -1..=1) {
            return each(self, |_, _| Err(Refusal::InvalidRequiredAcks));
        }
        // There is no transaction coordinator: refused as by an ACL, which clients treat as fatal.
        if self.transactional_id.is_some() {
            return each(self, |_, _| Err(Refusal::TransactionalIdAuthorizationFailed));
        }
        let answer = {
            let mut topics = cx.node.topics();
            each(self, |topic, data| append(&mut topics, topic, data, self.acks))
        };
        cx.node.changed().notify_waiters();
        answer
    }

    fn refused(&self, _version: i16, refusal: Refusal) -> ProduceResponse {
        each(self, |_, _| Err(refusal))
    }

    fn wants_answer(&self) -> bool {
        self.acks != 0
    }
}

fn append(topics: &mut Topics, topic: &str, data: &PartitionProduceData, acks: i16) -> Result<Appended, Refusal> {
    let (log, config) = topics.log_mut(topic, data.index)?;
    // This broker is the only replica.
    if acks == -1 && config.min_insync_replicas() > 1 {
        return Err(Refusal::NotEnoughReplicas);
    }
    let records = data.records.as_ref().ok_or(Refusal::InvalidRecord)?;
    log.append(records, config.limits())
}

fn each(
    request: &ProduceRequest,
    mut decide: impl FnMut(&str, &PartitionProduceData) -> Result<Appended, Refusal>,
) -> ProduceResponse {
    let topics = request.topic_data.iter().map(|topic| {
        let partitions = topic.partition_data.iter().map(|data| produced(data.index, decide(&topic.name, data)));
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
