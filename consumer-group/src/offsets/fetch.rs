//! OffsetFetch, versions 1 to 9; from 8 on several groups fit a request (KIP-709).

use std::collections::BTreeMap;

use ottla_kafka_core::{
    Error, ErrorCode, ErrorKind, TopicPartition,
    protocol::{
        kafka_protocol::protocol::StrBytes,
        messages::{
            GroupId, OffsetFetchRequest, OffsetFetchResponse, TopicName,
            offset_fetch_request::{OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics},
        },
    },
};

use super::{OffsetAndMetadata, by_topic};

/// What is known of a partition: its committed offset, none, or why not.
pub(crate) type Committed = BTreeMap<TopicPartition, Result<Option<OffsetAndMetadata>, ErrorCode>>;

/// Asks for the committed offsets of `partitions`, and for none of an open transaction (KIP-447).
pub(crate) fn committed_request(group_id: &str, partitions: &[TopicPartition], version: i16) -> OffsetFetchRequest {
    let text = |text: &str| StrBytes::from_string(text.to_owned());
    let topics = by_topic(partitions.iter().map(|tp| (tp, ())));
    let indexes = |partitions: Vec<(i32, ())>| partitions.into_iter().map(|(index, ())| index).collect();
    let request = OffsetFetchRequest::default().with_require_stable(version >= 7);
    if version >= 8 {
        let topics = topics.into_iter().map(|(topic, partitions)| {
            OffsetFetchRequestTopics::default()
                .with_name(TopicName(text(topic)))
                .with_partition_indexes(indexes(partitions))
        });
        let group = OffsetFetchRequestGroup::default().with_group_id(GroupId(text(group_id)));
        return request.with_groups(vec![group.with_topics(Some(topics.collect()))]);
    }
    let topics = topics.into_iter().map(|(topic, partitions)| {
        OffsetFetchRequestTopic::default().with_name(TopicName(text(topic))).with_partition_indexes(indexes(partitions))
    });
    request.with_group_id(GroupId(text(group_id))).with_topics(Some(topics.collect()))
}

/// What the answer says of `partitions`.
///
/// # Errors
/// The group has an error, or a partition is missing.
pub(crate) fn committed_answer(
    group_id: &str,
    partitions: &[TopicPartition],
    answer: &OffsetFetchResponse,
) -> Result<Committed, Error> {
    let mut known: BTreeMap<(&str, i32), Result<Option<OffsetAndMetadata>, ErrorCode>> = BTreeMap::new();
    let group = answer.groups.iter().find(|group| group.group_id.as_str() == group_id);
    let code = ErrorCode(group.map_or(answer.error_code, |group| group.error_code));
    if !code.is_none() {
        return Err(Error::broker(code, "OffsetFetch"));
    }
    for topic in group.map(|group| &group.topics).into_iter().flatten() {
        for p in &topic.partitions {
            let offset = offset(p.error_code, p.committed_offset, p.committed_leader_epoch, p.metadata.as_ref());
            known.insert((topic.name.as_str(), p.partition_index), offset);
        }
    }
    for topic in &answer.topics {
        for p in &topic.partitions {
            let offset = offset(p.error_code, p.committed_offset, p.committed_leader_epoch, p.metadata.as_ref());
            known.insert((topic.name.as_str(), p.partition_index), offset);
        }
    }
    let of = |tp: &TopicPartition| match known.get(&(tp.topic(), tp.partition())) {
        Some(committed) => Ok((tp.clone(), committed.clone())),
        None => {
            let detail = format!("the answer to OffsetFetch lacks {tp}");
            Err(Error::new(ErrorKind::Protocol { broker: None, detail }))
        }
    };
    partitions.iter().map(of).collect()
}

fn offset(
    code: i16,
    offset: i64,
    leader_epoch: i32,
    metadata: Option<&StrBytes>,
) -> Result<Option<OffsetAndMetadata>, ErrorCode> {
    if code != 0 {
        return Err(ErrorCode(code));
    }
    let metadata = metadata.map(|text| text.as_str()).unwrap_or_default();
    let committed = OffsetAndMetadata::new(offset).with_leader_epoch(leader_epoch).with_metadata(metadata);
    Ok((offset >= 0).then_some(committed))
}

#[cfg(test)]
mod tests {
    use ottla_kafka_core::protocol::{
        Api,
        messages::offset_fetch_response::{
            OffsetFetchResponseGroup, OffsetFetchResponsePartition, OffsetFetchResponsePartitions,
            OffsetFetchResponseTopic, OffsetFetchResponseTopics,
        },
    };

    use super::*;

    fn asked() -> [TopicPartition; 3] {
        [TopicPartition::new("t", 0), TopicPartition::new("t", 1), TopicPartition::new("t", 2)]
    }

    fn name() -> TopicName {
        TopicName(StrBytes::from_static_str("t"))
    }

    fn expected() -> Committed {
        let [a, b, c] = asked();
        let first = OffsetAndMetadata::new(5).with_leader_epoch(3).with_metadata("x");
        BTreeMap::from([(a, Ok(Some(first))), (b, Ok(None)), (c, Err(ErrorCode::UNSTABLE_OFFSET_COMMIT))])
    }

    #[test]
    fn it_is_asked_in_every_version() {
        for version in 1..=9 {
            let request = committed_request("g", &asked(), version);
            assert_eq!(Api::encode(&request, version, &mut Vec::new()), Ok(()), "version {version}");
        }
    }

    #[test]
    fn answers_with_groups_and_without_say_the_same() {
        let p = |index, offset, epoch, code| {
            OffsetFetchResponsePartitions::default()
                .with_partition_index(index)
                .with_committed_offset(offset)
                .with_committed_leader_epoch(epoch)
                .with_metadata(Some(StrBytes::from_static_str("x")))
                .with_error_code(code)
        };
        let partitions = vec![p(0, 5, 3, 0), p(1, -1, -1, 0), p(2, -1, -1, ErrorCode::UNSTABLE_OFFSET_COMMIT.0)];
        let topic = OffsetFetchResponseTopics::default().with_name(name()).with_partitions(partitions.clone());
        let group = OffsetFetchResponseGroup::default()
            .with_group_id(GroupId(StrBytes::from_static_str("g")))
            .with_topics(vec![topic]);
        let answer = OffsetFetchResponse::default().with_groups(vec![group]);
        assert_eq!(committed_answer("g", &asked(), &answer).expect("an answer"), expected());

        let flat = partitions.into_iter().map(|p| {
            OffsetFetchResponsePartition::default()
                .with_partition_index(p.partition_index)
                .with_committed_offset(p.committed_offset)
                .with_committed_leader_epoch(p.committed_leader_epoch)
                .with_metadata(p.metadata)
                .with_error_code(p.error_code)
        });
        let topic = OffsetFetchResponseTopic::default().with_name(name()).with_partitions(flat.collect());
        let answer = OffsetFetchResponse::default().with_topics(vec![topic]);
        assert_eq!(committed_answer("g", &asked(), &answer).expect("an answer"), expected());
    }

    #[test]
    fn the_groups_error_and_a_missing_partition_are_errors() {
        let group = OffsetFetchResponseGroup::default()
            .with_group_id(GroupId(StrBytes::from_static_str("g")))
            .with_error_code(ErrorCode::NOT_COORDINATOR.0);
        let answer = OffsetFetchResponse::default().with_groups(vec![group]);
        let error = committed_answer("g", &asked(), &answer).expect_err("an error");
        assert_eq!(error.code(), Some(ErrorCode::NOT_COORDINATOR));
        let answer = OffsetFetchResponse::default().with_error_code(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS.0);
        let error = committed_answer("g", &asked(), &answer).expect_err("an error");
        assert_eq!(error.code(), Some(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS));
        assert!(committed_answer("g", &asked(), &OffsetFetchResponse::default()).is_err(), "nothing is there");
    }
}
