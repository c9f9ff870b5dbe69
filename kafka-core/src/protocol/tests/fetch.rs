use bytes::Bytes;
use kafka_protocol::{
    messages::{
        BrokerId, FetchRequest, FetchResponse, ProducerId,
        fetch_response::{
            AbortedTransaction as TheirAborted, EpochEndOffset, FetchableTopicResponse, LeaderIdAndEpoch,
            NodeEndpoint as TheirEndpoint, PartitionData,
        },
    },
    protocol::StrBytes,
};
use proptest::{collection::vec, option, prelude::*};
use uuid::Uuid;

use super::{decoded, leader, nodes, ours, records, refuses_other_lengths, text, theirs, topic_name};
use crate::protocol::{
    AbortedTransaction, Api, CodecError, ErrorCode, Fetch, FetchPartition, FetchTopic, FetchedPartition, LeaderHint,
};

fn id() -> impl Strategy<Value = Uuid> {
    (1..u128::MAX).prop_map(Uuid::from_u128)
}

fn request() -> impl Strategy<Value = Fetch> {
    let partition = (any::<i32>(), any::<i32>(), any::<i64>(), any::<i32>()).prop_map(
        |(index, current_leader_epoch, offset, max_bytes)| FetchPartition {
            index,
            current_leader_epoch,
            offset,
            max_bytes,
        },
    );
    let topic = (text(), id(), vec(partition, 0..4)).prop_map(|(name, id, partitions)| FetchTopic {
        name: name.into(),
        id,
        partitions,
    });
    (any::<(i32, i32, i32, i8)>(), vec(topic, 0..4)).prop_map(|(limits, topics)| {
        let (max_wait_ms, min_bytes, max_bytes, isolation) = limits;
        Fetch { max_wait_ms, min_bytes, max_bytes, isolation, topics }
    })
}

fn partition() -> impl Strategy<Value = PartitionData> {
    let aborted = option::of(vec(any::<(i64, i64)>(), 0..3));
    let all = (any::<(i32, i16, i64, i64, i64, i32)>(), aborted, leader(), option::of(records()), any::<bool>());
    all.prop_map(|((index, code, high, stable, start, replica), aborted, leader, records, diverging)| {
        let transaction = |(producer_id, first_offset): (i64, i64)| {
            TheirAborted::default().with_producer_id(ProducerId(producer_id)).with_first_offset(first_offset)
        };
        // A field of replicas', which has to be skipped.
        let epoch = if diverging { 3 } else { -1 };
        PartitionData::default()
            .with_partition_index(index)
            .with_error_code(code)
            .with_high_watermark(high)
            .with_last_stable_offset(stable)
            .with_log_start_offset(start)
            .with_preferred_read_replica(BrokerId(replica))
            .with_current_leader(
                LeaderIdAndEpoch::default().with_leader_id(BrokerId(leader.0)).with_leader_epoch(leader.1),
            )
            .with_diverging_epoch(EpochEndOffset::default().with_epoch(epoch))
            .with_aborted_transactions(aborted.map(|aborted| aborted.into_iter().map(transaction).collect()))
            .with_records(records)
    })
}

fn answer() -> impl Strategy<Value = FetchResponse> {
    let topic = (text(), id(), vec(partition(), 0..4)).prop_map(|(name, id, partitions)| {
        FetchableTopicResponse::default().with_topic(topic_name(&name)).with_topic_id(id).with_partitions(partitions)
    });
    (any::<(i32, i16, i32)>(), vec(topic, 0..4), nodes()).prop_map(|((throttle, code, session), topics, nodes)| {
        let node = |(id, host, port, rack): (BrokerId, String, i32, Option<String>)| {
            TheirEndpoint::default()
                .with_node_id(id)
                .with_host(StrBytes::from_string(host))
                .with_port(port)
                .with_rack(rack.map(StrBytes::from_string))
        };
        FetchResponse::default()
            .with_throttle_time_ms(throttle)
            .with_error_code(code)
            .with_session_id(session)
            .with_responses(topics)
            .with_node_endpoints(nodes.into_iter().map(node).collect())
    })
}

/// Takes from an answer what this version has no place for.
fn cut_to(mut answer: FetchResponse, version: i16) -> FetchResponse {
    if version < 16 {
        answer.node_endpoints.clear();
    }
    if version < 7 {
        (answer.error_code, answer.session_id) = (0, 0);
    }
    for topic in &mut answer.responses {
        if version < 13 {
            topic.topic_id = Uuid::nil();
        } else {
            topic.topic = topic_name("");
        }
        for partition in &mut topic.partitions {
            if version < 12 {
                partition.current_leader = LeaderIdAndEpoch::default();
                partition.diverging_epoch = EpochEndOffset::default();
            }
            if version < 11 {
                partition.preferred_read_replica = BrokerId(-1);
            }
            if version < 5 {
                partition.log_start_offset = -1;
            }
        }
    }
    answer
}

fn check_partition(got: &FetchedPartition, topic: &FetchableTopicResponse, sent: &PartitionData) {
    assert_eq!((got.topic.as_str(), got.topic_id), (topic.topic.as_str(), topic.topic_id));
    assert_eq!((got.partition, got.code), (sent.partition_index, ErrorCode(sent.error_code)));
    assert_eq!((got.high_watermark, got.last_stable_offset), (sent.high_watermark, sent.last_stable_offset));
    assert_eq!(got.log_start_offset, sent.log_start_offset);
    assert_eq!(got.preferred_read_replica, *sent.preferred_read_replica);
    assert_eq!(got.records, sent.records.clone().unwrap_or_default());
    let leader = LeaderHint { id: *sent.current_leader.leader_id, epoch: sent.current_leader.leader_epoch };
    assert_eq!(got.current_leader, (leader.id >= 0).then_some(leader));
    let aborted = sent
        .aborted_transactions
        .iter()
        .flatten()
        .map(|sent| AbortedTransaction { producer_id: *sent.producer_id, first_offset: sent.first_offset });
    assert_eq!(got.aborted, aborted.collect::<Vec<_>>());
}

proptest! {
    #[test]
    fn a_request_is_understood_in_every_version(request in request()) {
        for version in Fetch::VERSIONS {
            let sent: FetchRequest = decoded(ours(&request, version), version);
            prop_assert_eq!((sent.max_wait_ms, sent.min_bytes), (request.max_wait_ms, request.min_bytes));
            prop_assert_eq!((sent.max_bytes, sent.isolation_level), (request.max_bytes, request.isolation));
            prop_assert_eq!((*sent.replica_id, *sent.replica_state.replica_id), (-1, -1));
            prop_assert_eq!((sent.session_id, sent.session_epoch), (0, -1));
            prop_assert!(sent.forgotten_topics_data.is_empty() && sent.rack_id.is_empty());
            prop_assert_eq!(sent.topics.len(), request.topics.len());
            for (sent, topic) in sent.topics.iter().zip(&request.topics) {
                let named = if version < 13 { (&*topic.name, Uuid::nil()) } else { ("", topic.id) };
                prop_assert_eq!((sent.topic.as_str(), sent.topic_id), named);
                prop_assert_eq!(sent.partitions.len(), topic.partitions.len());
                for (sent, partition) in sent.partitions.iter().zip(&topic.partitions) {
                    prop_assert_eq!((sent.partition, sent.fetch_offset), (partition.index, partition.offset));
                    let epoch = if version >= 9 { partition.current_leader_epoch } else { -1 };
                    prop_assert_eq!((sent.current_leader_epoch, sent.last_fetched_epoch), (epoch, -1));
                    prop_assert_eq!((sent.partition_max_bytes, sent.log_start_offset), (partition.max_bytes, -1));
                }
            }
        }
    }

    #[test]
    fn an_answer_is_understood_in_every_version(answer in answer()) {
        for version in Fetch::VERSIONS {
            let sent = cut_to(answer.clone(), version);
            let got = Fetch::decode(version, theirs(&sent, version)).expect("an answer");
            prop_assert_eq!((got.throttle_ms, got.code), (sent.throttle_time_ms, ErrorCode(sent.error_code)));
            let nodes = got.nodes.iter().map(|node| (node.id, node.host.as_str(), node.port, node.rack.as_deref()));
            let sent_nodes = sent.node_endpoints.iter();
            let sent_nodes = sent_nodes.map(|node| (*node.node_id, &*node.host, node.port, node.rack.as_deref()));
            prop_assert_eq!(nodes.collect::<Vec<_>>(), sent_nodes.collect::<Vec<_>>());

            let topics = sent.responses.iter();
            let sent: Vec<_> = topics.flat_map(|topic| topic.partitions.iter().map(move |sent| (topic, sent))).collect();
            prop_assert_eq!(got.partitions.len(), sent.len());
            for (got, (topic, sent)) in got.partitions.iter().zip(sent) {
                check_partition(got, topic, sent);
            }
        }
    }
}

#[test]
fn records_are_a_part_of_the_frame() {
    let partition = PartitionData::default().with_records(Some(Bytes::from(vec![7; 100])));
    let topic = FetchableTopicResponse::default().with_topic_id(Uuid::from_u128(1)).with_partitions(vec![partition]);
    let frame = theirs(&FetchResponse::default().with_responses(vec![topic]), 17);
    let answer = Fetch::decode(17, frame.clone()).expect("an answer");
    assert!(frame.as_ptr_range().contains(&answer.partitions[0].records.as_ptr()));
}

#[test]
fn an_answer_has_to_be_whole_and_alone() {
    let aborted = TheirAborted::default().with_producer_id(ProducerId(1));
    let partition = PartitionData::default()
        .with_aborted_transactions(Some(vec![aborted]))
        .with_records(Some(Bytes::from_static(b"records")));
    let topic = FetchableTopicResponse::default().with_topic(topic_name("orders")).with_partitions(vec![partition]);
    let answer = FetchResponse::default().with_responses(vec![topic]);
    for version in Fetch::VERSIONS {
        refuses_other_lengths::<Fetch>(&theirs(&cut_to(answer.clone(), version), version), version);
    }
}

#[test]
fn a_topic_without_an_id_is_refused_from_version_13() {
    let topics = vec![FetchTopic { name: "orders".into(), id: Uuid::nil(), partitions: Vec::new() }];
    let request = Fetch { max_wait_ms: 1, min_bytes: 1, max_bytes: 1, isolation: 1, topics };
    assert_eq!(request.encode(12, &mut Vec::new()), Ok(()));
    assert!(matches!(request.encode(13, &mut Vec::new()), Err(CodecError::Encode(_))));
    assert_eq!(request.encode(18, &mut Vec::new()), Err(CodecError::Version(18)));
}
