//! OffsetDelete (KIP-496).

use kafka_protocol::messages::{
    OffsetDeleteRequest, OffsetDeleteResponse,
    offset_delete_response::{OffsetDeleteResponsePartition, OffsetDeleteResponseTopic},
};

use super::code;
use crate::{
    dispatch::{Cx, Handler},
    group::Group,
    log::Refusal,
    storage::Event,
};

impl Handler for OffsetDeleteRequest {
    async fn answer(&self, cx: &Cx<'_>) -> OffsetDeleteResponse {
        if let Err(refusal) = cx.check_coordinator(&self.group_id) {
            return self.refused(cx.version, refusal);
        }
        let topics = cx.cluster.topics();
        let delete = |group: &mut Group| {
            each(self, |topic, partition| {
                topics.partition(topic, partition)?;
                if group.is_subscribed_to(topic) {
                    return Err(Refusal::GroupSubscribedToTopic);
                }
                group.offsets_mut().forget(topic, partition);
                let (group, topic) = (self.group_id.to_string(), topic.to_owned());
                cx.cluster.record(&Event::OffsetDeleted { group, topic, partition })
            })
        };
        let deleted = cx.cluster.coordinator().with(&self.group_id, |group, _, _| {
            if group.may_lose_offsets() { Ok(delete(group)) } else { Err(Refusal::NonEmptyGroup) }
        });
        match deleted {
            Some(Ok(answer)) => answer,
            Some(Err(refusal)) => self.refused(cx.version, refusal),
            None => self.refused(cx.version, Refusal::GroupIdNotFound),
        }
    }

    fn refused(&self, _version: i16, refusal: Refusal) -> OffsetDeleteResponse {
        OffsetDeleteResponse::default().with_error_code(refusal.code())
    }
}

fn each(
    request: &OffsetDeleteRequest,
    mut decide: impl FnMut(&str, i32) -> Result<(), Refusal>,
) -> OffsetDeleteResponse {
    let topics = request.topics.iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|partition| {
            OffsetDeleteResponsePartition::default()
                .with_partition_index(partition.partition_index)
                .with_error_code(code(&decide(&topic.name, partition.partition_index)))
        });
        OffsetDeleteResponseTopic::default().with_name(topic.name.clone()).with_partitions(partitions.collect())
    });
    OffsetDeleteResponse::default().with_topics(topics.collect())
}
