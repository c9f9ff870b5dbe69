//! What administrators ask: settings, log directories, leader epochs, and the offsets of groups.

use kafka_protocol::messages::{
    AlterConfigsRequest, DescribeConfigsRequest, DescribeLogDirsRequest, IncrementalAlterConfigsRequest,
    OffsetDeleteRequest, OffsetForLeaderEpochRequest, alter_configs_request,
    describe_configs_request::DescribeConfigsResource,
    describe_log_dirs_request::DescribableLogDirTopic,
    incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig},
    offset_delete_request::{OffsetDeleteRequestPartition, OffsetDeleteRequestTopic},
    offset_for_leader_epoch_request::{OffsetForLeaderPartition, OffsetForLeaderTopic},
};

use crate::{
    client::{Client, one_record, text, topic},
    every_version::{orders, versions},
    groups::{commit_request, group, join_alone_with},
};

const SET: i8 = 0;
const DELETE: i8 = 1;
const APPEND: i8 = 2;

/// A topic's setting, and Kafka's number of where it comes from.
async fn setting(client: &mut Client, name: &str) -> (String, i8) {
    let resource = DescribeConfigsResource::default()
        .with_resource_type(2)
        .with_resource_name(text("orders"))
        .with_configuration_keys(Some(vec![text(name)]));
    let answer = client.call(&DescribeConfigsRequest::default().with_resources(vec![resource]), 4).await;
    let config = &answer.results[0].configs[0];
    (config.value.as_deref().unwrap_or_default().to_owned(), config.config_source)
}

/// The error codes of one change of topic "orders" and of the same change of broker 1.
async fn change(client: &mut Client, version: i16, (name, operation, value): (&str, i8, Option<&str>)) -> [i16; 2] {
    let config =
        AlterableConfig::default().with_name(text(name)).with_config_operation(operation).with_value(value.map(text));
    let resource = |kind, name| {
        let resource = AlterConfigsResource::default().with_resource_type(kind).with_resource_name(text(name));
        resource.with_configs(vec![config.clone()])
    };
    let resources = vec![resource(2, "orders"), resource(4, "1")];
    let answer = client.call(&IncrementalAlterConfigsRequest::default().with_resources(resources), version).await;
    [answer.responses[0].error_code, answer.responses[1].error_code]
}

#[tokio::test]
async fn a_topics_settings_are_changed_one_by_one() {
    let (_broker, mut client, _) = orders().await;
    for version in versions::<IncrementalAlterConfigsRequest>() {
        let mut change = async |name, operation, value, expected: &str, source| {
            assert_eq!(change(&mut client, version, (name, operation, value)).await, [0, 42], "v{version} {name}");
            assert_eq!(setting(&mut client, name).await, (expected.to_owned(), source), "v{version} {name}");
        };
        change("retention.ms", SET, Some("1000"), "1000", 1).await;
        change("cleanup.policy", APPEND, Some("compact"), "delete,compact", 1).await;
        change("retention.ms", DELETE, None, "-1", 5).await;
        change("cleanup.policy", DELETE, None, "delete", 5).await;
        for (name, operation, value) in [
            ("retention.ms", SET, Some("x")),
            ("retention.ms", APPEND, Some("1")),
            ("nobody", SET, Some("1")),
            ("retention.ms", 9, None),
        ] {
            let codes = self::change(&mut client, version, (name, operation, value)).await;
            assert_eq!(codes, [40, 42], "v{version} {name} {operation} {value:?}");
        }
    }
}

#[tokio::test]
async fn a_topics_settings_are_replaced_unless_only_checked() {
    let (_broker, mut client, _) = orders().await;
    for version in versions::<AlterConfigsRequest>() {
        let mut alter = async |name: &str, value, validate_only| {
            let config =
                alter_configs_request::AlterableConfig::default().with_name(text(name)).with_value(Some(text(value)));
            let resource = alter_configs_request::AlterConfigsResource::default()
                .with_resource_type(2)
                .with_resource_name(text("orders"))
                .with_configs(vec![config]);
            let request = AlterConfigsRequest::default().with_resources(vec![resource]);
            let answer = client.call(&request.with_validate_only(validate_only), version).await;
            (answer.responses[0].error_code, setting(&mut client, "retention.ms").await.0)
        };
        assert_eq!(alter("retention.ms", "7", true).await, (0, "-1".to_owned()), "v{version}");
        assert_eq!(alter("retention.ms", "7", false).await, (0, "7".to_owned()), "v{version}");
        assert_eq!(alter("retention.ms", "x", false).await, (40, "7".to_owned()), "v{version}");
        assert_eq!(alter("retention.bytes", "7", false).await, (0, "-1".to_owned()), "v{version}: goes back");
    }
}

#[tokio::test]
async fn settings_are_described_with_their_types_and_synonyms() {
    let (_broker, mut client, _) = orders().await;
    change(&mut client, 1, ("retention.ms", SET, Some("7"))).await;
    for version in versions::<DescribeConfigsRequest>() {
        let resource = |kind, name| {
            let resource = DescribeConfigsResource::default().with_resource_type(kind).with_resource_name(text(name));
            resource.with_configuration_keys(None)
        };
        let resources =
            vec![resource(2, "orders"), resource(4, "1"), resource(4, "2"), resource(4, ""), resource(8, "")];
        let request = DescribeConfigsRequest::default().with_resources(resources).with_include_synonyms(true);
        let answer = client.call(&request, version).await;
        let codes: Vec<i16> = answer.results.iter().map(|result| result.error_code).collect();
        assert_eq!(codes, [0, 0, 42, 0, 42], "v{version}");
        let find = |result: usize, name| {
            answer.results[result].configs.iter().find(|config| config.name.as_str() == name).unwrap()
        };
        let retention = find(0, "retention.ms");
        let synonyms: Vec<_> = retention.synonyms.iter().map(|s| (s.value.as_deref().unwrap(), s.source)).collect();
        assert_eq!(synonyms, [("7", 1), ("-1", 5)], "v{version}");
        assert_eq!(retention.config_type, if version >= 3 { 5 } else { 0 }, "v{version}");
        assert!(!retention.read_only && find(1, "num.partitions").read_only, "v{version}");
        assert_eq!(find(1, "num.partitions").value.as_deref(), Some("3"), "v{version}");
    }
}

#[tokio::test]
async fn log_directories_tell_what_partitions_keep() {
    let (_broker, mut client, _) = orders().await;
    client.produce("orders", 1, one_record(1, None)).await;
    let bytes = i64::try_from(one_record(1, None).len()).unwrap();
    for version in versions::<DescribeLogDirsRequest>() {
        let all = client.call(&DescribeLogDirsRequest::default().with_topics(None), version).await;
        let sizes: Vec<i64> = all.results[0].topics[0].partitions.iter().map(|p| p.partition_size).collect();
        assert_eq!(sizes, [0, bytes], "v{version}");
        let wanted = DescribableLogDirTopic::default().with_topic(topic("orders")).with_partitions(vec![1]);
        let some = client.call(&DescribeLogDirsRequest::default().with_topics(Some(vec![wanted])), version).await;
        assert_eq!(some.results[0].topics[0].partitions.len(), 1, "v{version}");
    }
}

#[tokio::test]
async fn epochs_end_where_the_next_leader_began() {
    let (broker, mut client, _) = orders().await;
    client.produce("orders", 0, one_record(1, None)).await;
    broker.restart().await.expect("it serves again");
    let mut client = Client::connect(&broker).await;
    client.produce("orders", 0, one_record(1, None)).await;
    for version in versions::<OffsetForLeaderEpochRequest>() {
        for (current, epoch, expected) in
            [(-1, 0, (0, 0, 1)), (1, 1, (0, 1, 2)), (1, 2, (0, -1, -1)), (0, 0, (74, -1, -1)), (2, 0, (75, -1, -1))]
        {
            let wanted =
                OffsetForLeaderPartition::default().with_current_leader_epoch(current).with_leader_epoch(epoch);
            let wanted = OffsetForLeaderTopic::default().with_topic(topic("orders")).with_partitions(vec![wanted]);
            let answer = client.call(&OffsetForLeaderEpochRequest::default().with_topics(vec![wanted]), version).await;
            let found = &answer.topics[0].partitions[0];
            let got = (found.error_code, found.leader_epoch, found.end_offset);
            assert_eq!(got, expected, "v{version} epoch {epoch} as of {current}");
        }
    }
}

#[tokio::test]
async fn offsets_are_deleted_unless_members_read_the_topic() {
    let (_broker, mut client, _) = orders().await;
    assert_eq!(client.create_topic("payments", 1, &[]).await, 0);
    let delete = |name| {
        let partition = |index| OffsetDeleteRequestPartition::default().with_partition_index(index);
        let wanted = OffsetDeleteRequestTopic::default()
            .with_name(topic(name))
            .with_partitions(vec![partition(0), partition(9)]);
        OffsetDeleteRequest::default().with_group_id(group("g")).with_topics(vec![wanted])
    };
    assert_eq!(client.call(&delete("orders"), 0).await.error_code, 69);
    for name in ["orders", "payments"] {
        let answer = client.call(&commit_request("g", name, 0, 5), 8).await;
        assert_eq!(answer.topics[0].partitions[0].error_code, 0);
    }
    // A subscription to "orders".
    let joined = join_alone_with(&mut client, "g", 9, b"\0\0\0\0\0\x01\0\x06orders\xff\xff\xff\xff").await;
    assert_eq!(joined.error_code, 0);
    for version in versions::<OffsetDeleteRequest>() {
        for (name, expected) in [("orders", [86, 3]), ("payments", [0, 3]), ("nobody", [3, 3])] {
            let answer = client.call(&delete(name), version).await;
            let codes: Vec<i16> = answer.topics[0].partitions.iter().map(|partition| partition.error_code).collect();
            assert_eq!((answer.error_code, codes), (0, expected.to_vec()), "v{version} {name}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn records_grow_too_old_and_replicas_too_few() {
    let (_broker, mut client, _) = orders().await;
    client.produce("orders", 0, one_record(1, None)).await;
    assert_eq!(client.fetch("orders", 0, 0).await.log_start_offset, 0);
    change(&mut client, 1, ("retention.ms", SET, Some("3600000"))).await;
    // Time passes at once: the broker looks for old records again.
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    assert_eq!(client.fetch("orders", 0, 1).await.log_start_offset, 1);
    change(&mut client, 1, ("min.insync.replicas", SET, Some("2"))).await;
    assert_eq!(client.produce("orders", 0, one_record(1, None)).await.error_code, 19);
}
