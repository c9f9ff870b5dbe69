//! Every version of every request that is advertised: kafka-protocol's encoders refuse a field that a version does
//! not have, and its decoders must find neither too much nor too little.

use std::collections::BTreeSet;

use kafka_protocol::{
    messages::{
        ApiVersionsRequest, CreatePartitionsRequest, CreateTopicsRequest, DeleteRecordsRequest, DeleteTopicsRequest,
        DescribeClusterRequest, DescribeConfigsRequest, FetchRequest, FindCoordinatorRequest, InitProducerIdRequest,
        ListOffsetsRequest, MetadataRequest, ProduceRequest, TransactionalId,
        create_partitions_request::CreatePartitionsTopic,
        create_topics_request::CreatableTopic,
        delete_records_request::{DeleteRecordsPartition, DeleteRecordsTopic},
        delete_topics_request::DeleteTopicState,
        describe_configs_request::DescribeConfigsResource,
        list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic},
        metadata_request::MetadataRequestTopic,
    },
    protocol::Request,
};
use ottla_embedded_broker::{Api, EmbeddedBroker};
use uuid::Uuid;

use crate::client::{Client, fetch_request, one_record, produce_request, text, topic};

/// A broker with topic "orders" of two partitions, and its id.
pub(crate) async fn orders() -> (EmbeddedBroker, Client, Uuid) {
    let broker = EmbeddedBroker::builder().start().await.expect("a broker");
    let mut client = Client::connect(&broker).await;
    assert_eq!(client.create_topic("orders", 2, &[]).await, 0);
    let metadata = client.call(&MetadataRequest::default().with_topics(None), 12).await;
    let id = metadata.topics[0].topic_id;
    (broker, client, id)
}

pub(crate) fn versions<R: Request>() -> impl Iterator<Item = i16> {
    Api::from_key(R::KEY).expect("it is served").versions()
}

#[test]
fn this_suite_names_every_request_that_is_served() {
    let here = [0, 1, 2, 3, 10, 18, 19, 20, 21, 22, 32, 37, 60];
    let groups = [8, 9, 11, 12, 13, 14, 15, 16, 42];
    let administration = [23, 32, 33, 35, 44, 47];
    let tested: BTreeSet<i16> = here.into_iter().chain(groups).chain(administration).collect();
    assert_eq!(tested, Api::all().map(Api::key).collect(), "a request without a test must not be advertised");
}

#[tokio::test]
async fn api_versions_tells_what_is_served_whatever_is_asked() {
    let (_broker, mut client, _) = orders().await;
    for version in versions::<ApiVersionsRequest>() {
        let answer = client.call(&ApiVersionsRequest::default(), version).await;
        assert_eq!((answer.error_code, answer.api_keys.len()), (0, Api::all().count()), "v{version}");
    }
}

#[tokio::test]
async fn metadata() {
    let (_broker, mut client, id) = orders().await;
    for version in versions::<MetadataRequest>() {
        let named = |name: &str| MetadataRequestTopic::default().with_name(Some(topic(name)));
        let mut wanted = vec![named("orders"), named("not legal"), named("nobody")];
        let mut expected = vec![0, 17, if version < 4 { 0 } else { 3 }];
        if version >= 12 {
            wanted.push(MetadataRequestTopic::default().with_name(None).with_topic_id(id));
            wanted.push(MetadataRequestTopic::default().with_name(None).with_topic_id(Uuid::from_u128(1)));
            expected.extend([0, 100]);
        }
        let request = MetadataRequest::default().with_topics(Some(wanted));
        let request = if version >= 4 { request.with_allow_auto_topic_creation(false) } else { request };
        let answer = client.call(&request, version).await;
        let codes: Vec<i16> = answer.topics.iter().map(|topic| topic.error_code).collect();
        if version < 4 {
            // Before version 4 a client could not say that it does not want a topic to be created.
            assert_eq!((codes[0], codes[1], codes[2]), (0, 17, 0), "v{version}");
            client.call(&delete("nobody"), 1).await;
            continue;
        }
        assert_eq!(codes, expected, "v{version}");
        assert_eq!(answer.topics[0].partitions.len(), 2);
        assert_eq!(answer.brokers.len(), 1);
    }
}

fn delete(name: &str) -> DeleteTopicsRequest {
    DeleteTopicsRequest::default().with_topic_names(vec![topic(name)])
}

#[tokio::test]
async fn produce_and_fetch() {
    let (_broker, mut client, id) = orders().await;
    for (offset, version) in (0..).zip(versions::<ProduceRequest>()) {
        let answer = client.call(&produce_request("orders", 1, one_record(5, None)), version).await;
        let produced = &answer.responses[0].partition_responses[0];
        assert_eq!((produced.error_code, produced.base_offset), (0, offset), "v{version}");
        let answer = client.call(&produce_request("nobody", 1, one_record(5, None)), version).await;
        assert_eq!(answer.responses[0].partition_responses[0].error_code, 3, "v{version}");
        let transactional = produce_request("orders", 1, one_record(5, None));
        let transactional = transactional.with_transactional_id(Some(TransactionalId(text("t"))));
        let answer = client.call(&transactional, version).await;
        assert_eq!(answer.responses[0].partition_responses[0].error_code, 53, "v{version}");
    }
    for version in versions::<FetchRequest>() {
        for (partition, offset, expected) in [(1, 3, 0), (1, 999, 1), (7, 0, 3)] {
            let mut request = fetch_request("orders", partition, offset);
            if version >= 13 {
                request.topics[0].topic_id = id;
                request.topics[0].topic = topic("");
            }
            if version < 7 {
                request.session_epoch = -1;
            }
            let answer = client.call(&request, version).await;
            let fetched = &answer.responses[0].partitions[0];
            assert_eq!(fetched.error_code, expected, "v{version}");
            assert_eq!(fetched.high_watermark, if partition == 1 { 10 } else { -1 }, "v{version}");
            assert_eq!(fetched.records.as_ref().is_some_and(|r| !r.is_empty()), expected == 0, "v{version}");
        }
    }
}

#[tokio::test]
async fn list_offsets() {
    let (_broker, mut client, _) = orders().await;
    client.produce("orders", 0, one_record(5, None)).await;
    for version in versions::<ListOffsetsRequest>() {
        for (timestamp, expected) in [(-1, 1), (-2, 0), (5, 0), (6, -1), (-3, 0)] {
            let wanted = ListOffsetsPartition::default().with_timestamp(timestamp).with_current_leader_epoch(-1);
            let wanted = ListOffsetsTopic::default().with_name(topic("orders")).with_partitions(vec![wanted]);
            let answer = client.call(&ListOffsetsRequest::default().with_topics(vec![wanted]), version).await;
            let found = &answer.topics[0].partitions[0];
            assert_eq!((found.error_code, found.offset), (0, expected), "v{version} {timestamp}");
        }
    }
}

#[tokio::test]
async fn topics_are_created_grown_described_emptied_and_deleted() {
    let (_broker, mut client, _) = orders().await;
    for version in versions::<CreateTopicsRequest>() {
        let name = format!("new{version}");
        let wanted =
            CreatableTopic::default().with_name(topic(&name)).with_num_partitions(-1).with_replication_factor(1);
        let replicated = wanted.clone().with_name(topic("replicated")).with_replication_factor(3);
        let again = wanted.clone();
        let request = CreateTopicsRequest::default().with_topics(vec![wanted, replicated, again]);
        let answer = client.call(&request, version).await;
        let codes: Vec<i16> = answer.topics.iter().map(|topic| topic.error_code).collect();
        assert_eq!(codes, [0, 38, 36], "v{version}");
    }
    for version in versions::<CreatePartitionsRequest>() {
        let grow = |count| {
            let wanted = CreatePartitionsTopic::default().with_name(topic("orders")).with_count(count);
            CreatePartitionsRequest::default().with_topics(vec![wanted.with_assignments(None)])
        };
        let count = 3 + i32::from(version);
        assert_eq!(client.call(&grow(count), version).await.results[0].error_code, 0, "v{version}");
        assert_eq!(client.call(&grow(count), version).await.results[0].error_code, 37, "v{version}");
    }
    for version in versions::<DescribeConfigsRequest>() {
        let resource = |name| {
            let resource = DescribeConfigsResource::default().with_resource_type(2).with_resource_name(text(name));
            resource.with_configuration_keys(Some(vec![text("max.message.bytes")]))
        };
        let request = DescribeConfigsRequest::default().with_resources(vec![resource("orders"), resource("nobody")]);
        let answer = client.call(&request, version).await;
        assert_eq!((answer.results[0].error_code, answer.results[1].error_code), (0, 3), "v{version}");
        assert_eq!(answer.results[0].configs[0].value.as_deref(), Some("1048588"), "v{version}");
    }
    client.produce("orders", 0, one_record(5, None)).await;
    for version in versions::<DeleteRecordsRequest>() {
        let partition =
            |index, offset| DeleteRecordsPartition::default().with_partition_index(index).with_offset(offset);
        let wanted = DeleteRecordsTopic::default().with_name(topic("orders"));
        let wanted = wanted.with_partitions(vec![partition(0, -1), partition(0, 5), partition(99, 0)]);
        let answer = client.call(&DeleteRecordsRequest::default().with_topics(vec![wanted]), version).await;
        let codes: Vec<i16> = answer.topics[0].partitions.iter().map(|partition| partition.error_code).collect();
        assert_eq!(codes, [0, 1, 3], "v{version}");
        assert_eq!(answer.topics[0].partitions[0].low_watermark, 1, "v{version}");
    }
    for version in versions::<DeleteTopicsRequest>() {
        let names = [format!("new{}", version + 1), "nobody".to_owned()];
        let request = if version < 6 {
            DeleteTopicsRequest::default().with_topic_names(names.iter().map(|name| topic(name)).collect())
        } else {
            let states = names.iter().map(|name| DeleteTopicState::default().with_name(Some(topic(name))));
            DeleteTopicsRequest::default().with_topics(states.collect())
        };
        let answer = client.call(&request, version).await;
        let codes: Vec<i16> = answer.responses.iter().map(|topic| topic.error_code).collect();
        assert_eq!(codes, [0, 3], "v{version}");
    }
}

#[tokio::test]
async fn producer_ids_coordinators_and_the_cluster() {
    let (broker, mut client, _) = orders().await;
    let mut ids = BTreeSet::new();
    for version in versions::<InitProducerIdRequest>() {
        let request = InitProducerIdRequest::default().with_transactional_id(None);
        let answer = client.call(&request, version).await;
        assert_eq!((answer.error_code, answer.producer_epoch), (0, 0), "v{version}");
        assert!(ids.insert(answer.producer_id.0), "v{version}: an id twice");
        let transactional = request.with_transactional_id(Some(TransactionalId(text("t"))));
        assert_eq!(client.call(&transactional, version).await.error_code, 53, "v{version}");
    }
    for version in versions::<FindCoordinatorRequest>() {
        for (key_type, expected) in [(0, 0), (1, 53)].into_iter().take(if version == 0 { 1 } else { 2 }) {
            let request = FindCoordinatorRequest::default().with_key_type(key_type);
            let (code, port) = if version < 4 {
                let answer = client.call(&request.with_key(text("group")), version).await;
                (answer.error_code, answer.port)
            } else {
                let answer = client.call(&request.with_coordinator_keys(vec![text("group")]), version).await;
                (answer.coordinators[0].error_code, answer.coordinators[0].port)
            };
            let port_expected = if expected == 0 { i32::from(broker.addr().port()) } else { -1 };
            assert_eq!((code, port), (expected, port_expected), "v{version}");
        }
    }
    for version in versions::<DescribeClusterRequest>() {
        let answer = client.call(&DescribeClusterRequest::default(), version).await;
        assert_eq!((answer.error_code, answer.brokers.len()), (0, 1), "v{version}");
    }
}
