use kafka_protocol::{
    messages::{
        ProduceRequest, ProduceResponse,
        produce_response::{
            BatchIndexAndErrorMessage, LeaderIdAndEpoch, NodeEndpoint as TheirEndpoint, PartitionProduceResponse,
            TopicProduceResponse,
        },
    },
    protocol::StrBytes,
};
use proptest::{collection::vec, option, prelude::*};

use super::{decoded, leader, nodes, ours, records, refuses_other_lengths, text, theirs, topic_name};
use crate::protocol::{
    Api, CodecError, ErrorCode, LeaderHint, Produce, ProducePartition, ProduceTopic, messages::BrokerId,
};

fn request() -> impl Strategy<Value = Produce> {
    let partition = (any::<i32>(), records()).prop_map(|(index, records)| ProducePartition { index, records });
    let topic =
        (text(), vec(partition, 0..4)).prop_map(|(name, partitions)| ProduceTopic { name: name.into(), partitions });
    (any::<i16>(), any::<i32>(), vec(topic, 0..4)).prop_map(|(acks, timeout_ms, topics)| Produce {
        acks,
        timeout_ms,
        topics,
    })
}

fn partition() -> impl Strategy<Value = PartitionProduceResponse> {
    let offsets = (any::<i32>(), any::<i16>(), any::<i64>(), any::<i64>(), any::<i64>());
    let record_errors = vec((any::<i32>(), option::of(text())), 0..3);
    (offsets, option::of(text()), record_errors, leader()).prop_map(|(offsets, message, record_errors, leader)| {
        let (index, code, base, time, start) = offsets;
        let record_error = |(index, message): (i32, Option<String>)| {
            BatchIndexAndErrorMessage::default()
                .with_batch_index(index)
                .with_batch_index_error_message(message.map(StrBytes::from_string))
        };
        PartitionProduceResponse::default()
            .with_index(index)
            .with_error_code(code)
            .with_base_offset(base)
            .with_log_append_time_ms(time)
            .with_log_start_offset(start)
            .with_error_message(message.map(StrBytes::from_string))
            .with_record_errors(record_errors.into_iter().map(record_error).collect())
            .with_current_leader(
                LeaderIdAndEpoch::default().with_leader_id(BrokerId(leader.0)).with_leader_epoch(leader.1),
            )
    })
}

fn answer() -> impl Strategy<Value = ProduceResponse> {
    let topic = (text(), vec(partition(), 0..4)).prop_map(|(name, partitions)| {
        TopicProduceResponse::default().with_name(topic_name(&name)).with_partition_responses(partitions)
    });
    (any::<i32>(), vec(topic, 0..4), nodes()).prop_map(|(throttle, topics, nodes)| {
        let node = |(id, host, port, rack): (BrokerId, String, i32, Option<String>)| {
            TheirEndpoint::default()
                .with_node_id(id)
                .with_host(StrBytes::from_string(host))
                .with_port(port)
                .with_rack(rack.map(StrBytes::from_string))
        };
        ProduceResponse::default()
            .with_throttle_time_ms(throttle)
            .with_responses(topics)
            .with_node_endpoints(nodes.into_iter().map(node).collect())
    })
}

/// Takes from an answer what this version has no place for.
fn cut_to(mut answer: ProduceResponse, version: i16) -> ProduceResponse {
    if version < 10 {
        answer.node_endpoints.clear();
    }
    for partition in answer.responses.iter_mut().flat_map(|topic| &mut topic.partition_responses) {
        if version < 10 {
            partition.current_leader = LeaderIdAndEpoch::default();
        }
        if version < 8 {
            partition.error_message = None;
            partition.record_errors.clear();
        }
        if version < 5 {
            partition.log_start_offset = -1;
        }
    }
    answer
}

fn text_of(text: &Option<StrBytes>) -> Option<String> {
    text.as_ref().map(ToString::to_string)
}

proptest! {
    #[test]
    fn a_request_is_understood_in_every_version(request in request()) {
        for version in Produce::VERSIONS {
            let sent: ProduceRequest = decoded(ours(&request, version), version);
            prop_assert_eq!((sent.acks, sent.timeout_ms, sent.transactional_id), (request.acks, request.timeout_ms, None));
            prop_assert_eq!(sent.topic_data.len(), request.topics.len());
            for (sent, topic) in sent.topic_data.iter().zip(&request.topics) {
                prop_assert_eq!(sent.name.as_str(), &*topic.name);
                let partitions = sent.partition_data.iter().map(|sent| ProducePartition {
                    index: sent.index,
                    records: sent.records.clone().unwrap_or_default(),
                });
                prop_assert_eq!(partitions.collect::<Vec<_>>(), topic.partitions.clone());
            }
        }
    }

    #[test]
    fn an_answer_is_understood_in_every_version(answer in answer()) {
        for version in Produce::VERSIONS {
            let sent = cut_to(answer.clone(), version);
            let got = Produce::decode(version, theirs(&sent, version)).expect("an answer");
            prop_assert_eq!(got.throttle_ms, sent.throttle_time_ms);
            let nodes = got.nodes.iter().map(|node| (node.id, node.host.clone(), node.port, node.rack.clone()));
            let sent_nodes = sent.node_endpoints.iter();
            let sent_nodes = sent_nodes.map(|node| (*node.node_id, node.host.to_string(), node.port, text_of(&node.rack)));
            prop_assert_eq!(nodes.collect::<Vec<_>>(), sent_nodes.collect::<Vec<_>>());

            let topics = sent.responses.iter();
            let sent: Vec<_> = topics.flat_map(|topic| topic.partition_responses.iter().map(|sent| (&topic.name, sent))).collect();
            prop_assert_eq!(got.partitions.len(), sent.len());
            for (got, (topic, sent)) in got.partitions.iter().zip(sent) {
                prop_assert_eq!((got.topic.as_str(), got.partition), (topic.as_str(), sent.index));
                prop_assert_eq!(got.code, ErrorCode(sent.error_code));
                prop_assert_eq!((got.base_offset, got.log_append_time_ms), (sent.base_offset, sent.log_append_time_ms));
                prop_assert_eq!(got.log_start_offset, sent.log_start_offset);
                let leader = LeaderHint { id: *sent.current_leader.leader_id, epoch: sent.current_leader.leader_epoch };
                prop_assert_eq!(got.current_leader, (leader.id >= 0).then_some(leader));
                let record_errors = sent.record_errors.iter();
                let mut messages = record_errors.filter_map(|error| {
                    let message = error.batch_index_error_message.as_ref()?;
                    Some(format!("record {}: {}", error.batch_index, message.as_str()))
                });
                prop_assert_eq!(&got.message, &text_of(&sent.error_message).or_else(|| messages.next()));
            }
        }
    }
}

#[test]
fn an_answer_has_to_be_whole_and_alone() {
    let topic = TopicProduceResponse::default().with_name(topic_name("orders"));
    let partition = PartitionProduceResponse::default().with_error_message(Some(StrBytes::from_static_str("no")));
    let answer = ProduceResponse::default().with_responses(vec![topic.with_partition_responses(vec![partition])]);
    for version in Produce::VERSIONS {
        refuses_other_lengths::<Produce>(&theirs(&cut_to(answer.clone(), version), version), version);
    }
}

#[test]
fn another_version_is_refused() {
    let request = Produce { acks: -1, timeout_ms: 1, topics: Vec::new() };
    assert_eq!(request.encode(13, &mut Vec::new()), Err(CodecError::Version(13)));
    assert_eq!(Produce::decode(2, [].as_slice().into()), Err(CodecError::Version(2)));
}
