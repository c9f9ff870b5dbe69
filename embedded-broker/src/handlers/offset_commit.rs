//! OffsetCommit.

use kafka_protocol::messages::{
    OffsetCommitRequest, OffsetCommitResponse,
    offset_commit_request::OffsetCommitRequestPartition,
    offset_commit_response::{OffsetCommitResponsePartition, OffsetCommitResponseTopic},
};

use super::code;
use crate::{
    dispatch::{Cx, Handler},
    group::{Committed, Group, Sender},
    log::Refusal,
    storage::Event,
    topics::Topics,
};

impl Handler for OffsetCommitRequest {
    async fn answer(&self, cx: &Cx<'_>) -> OffsetCommitResponse {
        if self.group_id.is_empty() {
            return self.refused(cx.version, Refusal::InvalidGroupId);
        }
        if let Err(refusal) = cx.check_coordinator(&self.group_id) {
            return self.refused(cx.version, refusal);
        }
        let topics = cx.cluster.topics();
        let sender = Sender { member_id: &self.member_id, instance_id: self.group_instance_id.as_deref() };
        let generation = self.generation_id_or_member_epoch;
        let commit = |group: &mut Group, now, _: &mut _| match group.may_commit(now, sender, generation) {
            Ok(()) => each(self, |topic, partition| {
                cx.in_partition(topic, partition.partition_index, || {
                    commit(cx, group, &self.group_id, &topics, (topic, partition))
                })
            }),
            Err(refusal) => self.refused(cx.version, refusal),
        };
        if generation < 0 {
            return cx.cluster.coordinator().with_new(&self.group_id, commit);
        }
        // A member of a group nobody knows belongs to the past.
        let committed = cx.cluster.coordinator().with(&self.group_id, commit);
        committed.unwrap_or_else(|| self.refused(cx.version, Refusal::IllegalGeneration))
    }

    fn names(&self, _cx: &Cx<'_>, topic: &str, partition: i32) -> bool {
        let here = self.topics.iter().filter(|wanted| wanted.name.as_str() == topic);
        here.flat_map(|wanted| &wanted.partitions).any(|wanted| wanted.partition_index == partition)
    }

    fn refused(&self, _version: i16, refusal: Refusal) -> OffsetCommitResponse {
        each(self, |_, _| Err(refusal))
    }
}

fn commit(
    cx: &Cx<'_>,
    group: &mut Group,
    group_id: &str,
    topics: &Topics,
    (topic, partition): (&str, &OffsetCommitRequestPartition),
) -> Result<(), Refusal> {
    topics.partition(topic, partition.partition_index)?;
    let committed = Committed {
        offset: partition.committed_offset,
        leader_epoch: partition.committed_leader_epoch,
        metadata: partition.committed_metadata.as_deref().unwrap_or_default().to_owned(),
    };
    let event = Event::Offset {
        group: group_id.to_owned(),
        topic: topic.to_owned(),
        partition: partition.partition_index,
        offset: committed.offset,
        epoch: committed.leader_epoch,
        metadata: committed.metadata.clone(),
    };
    group.offsets_mut().commit(topic, partition.partition_index, committed)?;
    cx.cluster.record(&event)
}

fn each(
    request: &OffsetCommitRequest,
    mut decide: impl FnMut(&str, &OffsetCommitRequestPartition) -> Result<(), Refusal>,
) -> OffsetCommitResponse {
    let topics = request.topics.iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|partition| {
            OffsetCommitResponsePartition::default()
                .with_partition_index(partition.partition_index)
                .with_error_code(code(&decide(&topic.name, partition)))
        });
        OffsetCommitResponseTopic::default().with_name(topic.name.clone()).with_partitions(partitions.collect())
    });
    OffsetCommitResponse::default().with_topics(topics.collect())
}
