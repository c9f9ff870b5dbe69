//! OffsetFetch: one group until version 7, several since (KIP-709).

use kafka_protocol::messages::{
    OffsetFetchRequest, OffsetFetchResponse, TopicName,
    offset_fetch_request::OffsetFetchRequestGroup,
    offset_fetch_response::{
        OffsetFetchResponseGroup, OffsetFetchResponsePartition, OffsetFetchResponsePartitions,
        OffsetFetchResponseTopic, OffsetFetchResponseTopics,
    },
};

use super::text;
use crate::{
    dispatch::{Cx, Handler},
    group::{Committed, Group},
    log::Refusal,
};

/// From this version on, several groups are asked for at once.
const FIRST_WITH_GROUPS: i16 = 8;

/// Topics, each with partitions; `None` for all that have offsets.
type Wanted = Option<Vec<(String, Vec<i32>)>>;

/// A topic's partitions, each with what was committed.
type Found = Vec<(String, Vec<(i32, Option<Committed>)>)>;

impl Handler for OffsetFetchRequest {
    async fn answer(&self, cx: &Cx<'_>) -> OffsetFetchResponse {
        if cx.version < FIRST_WITH_GROUPS {
            if let Err(refusal) = cx.check_coordinator(&self.group_id) {
                return self.refused(cx.version, refusal);
            }
            let topics = self.topics.as_ref();
            let wanted = topics.map(|topics| {
                topics.iter().map(|topic| (topic.name.to_string(), topic.partition_indexes.clone())).collect()
            });
            let topics = find(cx, &self.group_id, wanted).into_iter().map(|topic| old_topic(topic, cx.version));
            return OffsetFetchResponse::default().with_topics(topics.collect());
        }
        let groups = self.groups.iter().map(|group| group_offsets(group, cx));
        OffsetFetchResponse::default().with_groups(groups.collect())
    }

    fn refused(&self, version: i16, refusal: Refusal) -> OffsetFetchResponse {
        match version {
            ..2 => {
                let topics = self.topics.iter().flatten().map(|topic| {
                    let failed = |index: &i32| old_partition(*index, None, version).with_error_code(refusal.code());
                    OffsetFetchResponseTopic::default()
                        .with_name(topic.name.clone())
                        .with_partitions(topic.partition_indexes.iter().map(failed).collect())
                });
                OffsetFetchResponse::default().with_topics(topics.collect())
            }
            2..FIRST_WITH_GROUPS => OffsetFetchResponse::default().with_error_code(refusal.code()),
            _ => {
                let groups = self.groups.iter().map(|group| refused_group(group, refusal));
                OffsetFetchResponse::default().with_groups(groups.collect())
            }
        }
    }
}

fn group_offsets(wanted: &OffsetFetchRequestGroup, cx: &Cx<'_>) -> OffsetFetchResponseGroup {
    if let Err(refusal) = cx.check_coordinator(&wanted.group_id) {
        return refused_group(wanted, refusal);
    }
    // Since version 9 members of KIP-848 groups say who they are; as in Kafka, that means nothing in a classic group.
    let topics = wanted
        .topics
        .as_ref()
        .map(|topics| topics.iter().map(|topic| (topic.name.to_string(), topic.partition_indexes.clone())).collect());
    let topics = find(cx, &wanted.group_id, topics).into_iter().map(|(name, partitions)| {
        let partitions = partitions.into_iter().map(|(index, committed)| {
            let (offset, leader_epoch, metadata) = parts(committed);
            OffsetFetchResponsePartitions::default()
                .with_partition_index(index)
                .with_committed_offset(offset)
                .with_committed_leader_epoch(leader_epoch)
                .with_metadata(Some(text(metadata)))
        });
        OffsetFetchResponseTopics::default().with_name(TopicName(text(name))).with_partitions(partitions.collect())
    });
    OffsetFetchResponseGroup::default().with_group_id(wanted.group_id.clone()).with_topics(topics.collect())
}

fn refused_group(wanted: &OffsetFetchRequestGroup, refusal: Refusal) -> OffsetFetchResponseGroup {
    OffsetFetchResponseGroup::default().with_group_id(wanted.group_id.clone()).with_error_code(refusal.code())
}

/// What the group committed; a group nobody knows committed nothing.
fn find(cx: &Cx<'_>, group_id: &str, wanted: Wanted) -> Found {
    let mut found = None;
    cx.cluster.coordinator().with(group_id, |group, _, _| found = Some(in_group(group, wanted.clone())));
    found.unwrap_or_else(|| {
        let none = |(topic, partitions): (String, Vec<i32>)| {
            (topic, partitions.into_iter().map(|index| (index, None)).collect())
        };
        wanted.unwrap_or_default().into_iter().map(none).collect()
    })
}

fn in_group(group: &Group, wanted: Wanted) -> Found {
    let offsets = group.offsets();
    let all = || offsets.partitions().map(|(topic, partitions)| (topic.to_owned(), partitions)).collect();
    let look = |(topic, partitions): (String, Vec<i32>)| {
        let found = partitions.into_iter().map(|index| (index, offsets.get(&topic, index).cloned())).collect();
        (topic, found)
    };
    wanted.unwrap_or_else(all).into_iter().map(look).collect()
}

fn old_topic((name, partitions): (String, Vec<(i32, Option<Committed>)>), version: i16) -> OffsetFetchResponseTopic {
    let partitions = partitions.into_iter().map(|(index, committed)| old_partition(index, committed, version));
    OffsetFetchResponseTopic::default().with_name(TopicName(text(name))).with_partitions(partitions.collect())
}

fn old_partition(index: i32, committed: Option<Committed>, version: i16) -> OffsetFetchResponsePartition {
    let (offset, leader_epoch, metadata) = parts(committed);
    let answer = OffsetFetchResponsePartition::default()
        .with_partition_index(index)
        .with_committed_offset(offset)
        .with_metadata(Some(text(metadata)));
    // kafka-protocol refuses to encode a field the version does not have.
    if version >= 5 { answer.with_committed_leader_epoch(leader_epoch) } else { answer }
}

/// Offset, leader epoch and metadata; -1 says that nothing was committed.
fn parts(committed: Option<Committed>) -> (i64, i32, String) {
    committed.map_or((-1, -1, String::new()), |c| (c.offset, c.leader_epoch, c.metadata))
}
