//! OffsetCommit, versions 2 to 9.

use std::collections::BTreeMap;

use ottla_kafka_core::{
    Error, ErrorCode, ErrorKind, TopicPartition,
    protocol::{
        kafka_protocol::protocol::StrBytes,
        messages::{
            GroupId, OffsetCommitRequest, OffsetCommitResponse, TopicName,
            offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic},
        },
    },
};

use super::{OffsetAndMetadata, Offsets, by_topic};
use crate::membership::MemberId;

/// A commit of `offsets` by a member in its generation.
pub(crate) fn commit_request(
    group_id: &str,
    instance_id: Option<&str>,
    member: &MemberId,
    offsets: &Offsets,
) -> OffsetCommitRequest {
    let text = |text: &str| StrBytes::from_string(text.to_owned());
    let partition = |(index, offset): (i32, &OffsetAndMetadata)| {
        OffsetCommitRequestPartition::default()
            .with_partition_index(index)
            .with_committed_offset(offset.offset())
            .with_committed_leader_epoch(offset.leader_epoch().unwrap_or(-1))
            .with_committed_metadata(Some(text(offset.metadata())))
    };
    let topics = by_topic(offsets).into_iter().map(|(topic, partitions)| {
        OffsetCommitRequestTopic::default()
            .with_name(TopicName(text(topic)))
            .with_partitions(partitions.into_iter().map(partition).collect())
    });
    OffsetCommitRequest::default()
        .with_group_id(GroupId(text(group_id)))
        .with_group_instance_id(instance_id.map(text))
        .with_member_id(text(&member.id))
        .with_generation_id_or_member_epoch(member.generation)
        .with_topics(topics.collect())
}

/// The code of each partition that was committed.
///
/// # Errors
/// One of them is missing: whether it was committed is not known.
pub(crate) fn commit_answer(
    asked: &Offsets,
    answer: &OffsetCommitResponse,
) -> Result<BTreeMap<TopicPartition, ErrorCode>, Error> {
    let mut answered: BTreeMap<(&str, i32), ErrorCode> = BTreeMap::new();
    for topic in &answer.topics {
        for partition in &topic.partitions {
            answered.insert((topic.name.as_str(), partition.partition_index), ErrorCode(partition.error_code));
        }
    }
    let code = |tp: &TopicPartition| match answered.get(&(tp.topic(), tp.partition())) {
        Some(code) => Ok((tp.clone(), *code)),
        None => {
            let detail = format!("the answer to OffsetCommit lacks {tp}");
            Err(Error::new(ErrorKind::Protocol { broker: None, detail }).with_maybe_applied(true))
        }
    };
    asked.keys().map(code).collect()
}

#[cfg(test)]
mod tests {
    use ottla_kafka_core::protocol::{
        Api,
        messages::offset_commit_response::{OffsetCommitResponsePartition, OffsetCommitResponseTopic},
    };

    use super::*;

    fn offsets() -> Offsets {
        let tp = TopicPartition::new;
        BTreeMap::from([
            (tp("b", 0), OffsetAndMetadata::new(3)),
            (tp("a", 1), OffsetAndMetadata::new(7).with_leader_epoch(2).with_metadata("why")),
            (tp("b", 4), OffsetAndMetadata::new(9)),
        ])
    }

    #[test]
    fn a_commit_carries_member_and_generation_in_every_version() {
        let member = MemberId { id: "m".to_owned(), generation: 5 };
        let request = commit_request("g", Some("i"), &member, &offsets());
        assert_eq!((request.generation_id_or_member_epoch, request.member_id.as_str()), (5, "m"));
        let topics: Vec<_> = request.topics.iter().map(|t| (t.name.as_str(), t.partitions.len())).collect();
        assert_eq!(topics, [("a", 1), ("b", 2)]);
        let first = &request.topics[0].partitions[0];
        assert_eq!((first.committed_offset, first.committed_leader_epoch), (7, 2));
        assert_eq!(request.topics[1].partitions[0].committed_leader_epoch, -1);
        for version in 2..=9 {
            // The instance id came with version 7: older brokers have no static members.
            let static_member = (version >= 7).then_some("i");
            let request = commit_request("g", static_member, &member, &offsets());
            assert_eq!(Api::encode(&request, version, &mut Vec::new()), Ok(()), "version {version}");
        }
    }

    #[test]
    fn each_partition_has_its_own_code_and_a_missing_one_is_an_error() {
        let partition =
            |index, code| OffsetCommitResponsePartition::default().with_partition_index(index).with_error_code(code);
        let topic = |name: &'static str, partitions| {
            OffsetCommitResponseTopic::default()
                .with_name(TopicName(StrBytes::from_static_str(name)))
                .with_partitions(partitions)
        };
        let b = topic("b", vec![partition(0, 0), partition(4, 12), partition(99, 0)]);
        let whole = OffsetCommitResponse::default().with_topics(vec![topic("a", vec![partition(1, 27)]), b.clone()]);
        let codes = commit_answer(&offsets(), &whole).expect("it is whole");
        assert_eq!(codes.into_values().map(|code| code.0).collect::<Vec<_>>(), [27, 0, 12]);
        let partial = OffsetCommitResponse::default().with_topics(vec![b]);
        let error = commit_answer(&offsets(), &partial).expect_err("a-1 is missing");
        assert!(error.maybe_applied() && error.to_string().contains("a-1"), "{error}");
    }
}
