//! Several nodes: leaders and coordinators move, nodes die and return, and clients learn where to go.

use kafka_protocol::messages::{
    BrokerId, CreatePartitionsRequest, CreateTopicsRequest, DescribeClusterRequest, DescribeGroupsRequest,
    FindCoordinatorRequest, HeartbeatRequest, JoinGroupRequest, ListGroupsRequest, MetadataRequest, MetadataResponse,
    create_partitions_request::{CreatePartitionsAssignment, CreatePartitionsTopic},
    create_topics_request::{CreatableReplicaAssignment, CreatableTopic},
    metadata_response::MetadataResponsePartition,
};
use ottla_embedded_broker::{EmbeddedBroker, MoveError};
use ottla_kafka_core::record;

use crate::{
    client::{Client, fetch_request, one_record, produce_request, text, topic},
    every_version::{orders, versions},
    groups::{commit_request, fetch_offsets, group, join_alone, join_request},
};

/// A cluster of three with topic "orders" of three partitions on two nodes each, and a client of each node.
async fn three() -> (EmbeddedBroker, Vec<Client>) {
    let broker = EmbeddedBroker::builder().nodes(3).start().await.expect("a broker");
    let mut clients = clients(&broker).await;
    let orders = CreatableTopic::default().with_name(topic("orders")).with_num_partitions(3).with_replication_factor(2);
    let answer = clients[0].call(&CreateTopicsRequest::default().with_topics(vec![orders]), 7).await;
    assert_eq!((answer.topics[0].error_code, answer.topics[0].replication_factor), (0, 2));
    (broker, clients)
}

async fn clients(broker: &EmbeddedBroker) -> Vec<Client> {
    let mut clients = Vec::new();
    for addr in broker.addrs() {
        clients.push(Client::over(broker.connector().connect(&addr).await.expect("the node is up")));
    }
    clients
}

async fn metadata(client: &mut Client) -> MetadataResponse {
    client.call(&MetadataRequest::default().with_topics(None), 12).await
}

/// Leader, epoch, nodes, nodes in sync and error of a partition.
fn placed(partition: &MetadataResponsePartition) -> (i32, i32, Vec<i32>, Vec<i32>, i16) {
    let ids = |nodes: &[BrokerId]| nodes.iter().map(|node| node.0).collect();
    let (replicas, in_sync) = (ids(&partition.replica_nodes), ids(&partition.isr_nodes));
    (partition.leader_id.0, partition.leader_epoch, replicas, in_sync, partition.error_code)
}

#[tokio::test]
async fn partitions_are_spread_and_every_node_knows_all() {
    let (_broker, mut clients) = three().await;
    for client in &mut clients {
        let metadata = metadata(client).await;
        assert_eq!(metadata.brokers.len(), 3);
        let placed: Vec<_> = metadata.topics[0].partitions.iter().map(placed).collect();
        let on = |a, b| (a, 0, vec![a, b], vec![a, b], 0);
        assert_eq!(placed, [on(1, 2), on(2, 3), on(3, 1)]);
        let cluster = client.call(&DescribeClusterRequest::default(), 1).await;
        assert_eq!((cluster.brokers.len(), cluster.controller_id.0), (3, 1));
    }
}

#[tokio::test]
async fn only_the_leader_answers_and_the_others_say_who_it_is() {
    let (broker, mut clients) = three().await;
    assert_eq!(broker.leader("orders", 0), Some(1));
    broker.move_leader("orders", 0, 3).expect("it is up");
    let port = i32::from(broker.addrs().nth(2).expect("a third node").port());
    for version in versions::<kafka_protocol::messages::ProduceRequest>() {
        let answer = clients[0].call(&produce_request("orders", 0, one_record(1, None)), version).await;
        let produced = &answer.responses[0].partition_responses[0];
        assert_eq!(produced.error_code, 6, "v{version}");
        let hint = (produced.current_leader.leader_id.0, produced.current_leader.leader_epoch);
        assert_eq!(hint, if version >= 10 { (3, 1) } else { (-1, -1) }, "v{version}");
        let ends: Vec<_> = answer.node_endpoints.iter().map(|end| (end.node_id.0, end.port)).collect();
        assert_eq!(ends, if version >= 10 { vec![(3, port)] } else { vec![] }, "v{version}");
    }
    let id = metadata(&mut clients[0]).await.topics[0].topic_id;
    for version in versions::<kafka_protocol::messages::FetchRequest>() {
        let mut request = fetch_request("orders", 0, 0);
        if version >= 13 {
            request.topics[0].topic = topic("");
            request.topics[0].topic_id = id;
        }
        let answer = clients[0].call(&request, version).await;
        let fetched = &answer.responses[0].partitions[0];
        assert_eq!(fetched.error_code, 6, "v{version}");
        let hint = (fetched.current_leader.leader_id.0, fetched.current_leader.leader_epoch);
        assert_eq!(hint, if version >= 16 { (3, 1) } else { (-1, -1) }, "v{version}");
        let ends: Vec<_> = answer.node_endpoints.iter().map(|end| (end.node_id.0, end.port)).collect();
        assert_eq!(ends, if version >= 16 { vec![(3, port)] } else { vec![] }, "v{version}");
    }
    assert_eq!(clients[2].produce("orders", 0, one_record(1, None)).await.error_code, 0);
    let fetched = clients[2].fetch("orders", 0, 0).await;
    let batch = record::batches(fetched.records.expect("records")).next().expect("a batch").expect("it is whole");
    assert_eq!(batch.leader_epoch(), 1, "it was written under the second leader");
}

#[tokio::test]
async fn a_fetch_that_waits_learns_that_the_leader_has_moved() {
    let (broker, mut clients) = three().await;
    let mut waits = fetch_request("orders", 0, 0);
    waits.max_wait_ms = i32::MAX;
    clients[0].send(&waits, 12).await;
    // Whether the request comes before or after the move, its answer is the same.
    broker.move_leader("orders", 0, 2).expect("it is up");
    let answer = clients[0].receive::<kafka_protocol::messages::FetchRequest>(12).await.expect("an answer");
    assert_eq!(answer.responses[0].partitions[0].error_code, 6);
    // The old epoch is the mark of a client that has not noticed.
    let mut stale = fetch_request("orders", 0, 0);
    stale.topics[0].partitions[0].current_leader_epoch = 0;
    let answer = clients[1].call(&stale, 12).await;
    assert_eq!(answer.responses[0].partitions[0].error_code, 74);
}

#[tokio::test]
async fn others_lead_in_a_dead_nodes_place_until_none_is_left() {
    let (broker, mut clients) = three().await;
    clients[0].produce("orders", 0, one_record(1, None)).await;
    broker.kill_node(1).await.expect("there is a node 1");
    assert!(clients[0].receive_frame().await.is_none(), "its connections are closed");
    let seen = metadata(&mut clients[1]).await;
    assert_eq!((seen.brokers.len(), seen.controller_id.0), (2, 2));
    assert_eq!(placed(&seen.topics[0].partitions[0]), (2, 1, vec![1, 2], vec![2], 0));
    assert_eq!(clients[1].fetch("orders", 0, 0).await.high_watermark, 1, "nothing is lost");
    broker.kill_node(2).await.expect("there is a node 2");
    let seen = metadata(&mut clients[2]).await;
    assert_eq!(placed(&seen.topics[0].partitions[0]), (-1, 1, vec![1, 2], vec![], 5));
    assert_eq!(broker.leader("orders", 0), None);
    broker.restart_node(2).await.expect("its address is free");
    let seen = metadata(&mut clients[2]).await;
    assert_eq!(placed(&seen.topics[0].partitions[0]), (2, 2, vec![1, 2], vec![2], 0));
    broker.restart_node(1).await.expect("its address is free");
    let seen = metadata(&mut clients[2]).await;
    assert_eq!(placed(&seen.topics[0].partitions[0]), (2, 2, vec![1, 2], vec![1, 2], 0), "leadership stays");
    assert_eq!(broker.kill_node(4).await, Err(MoveError::UnknownNode(4)));
    assert_eq!(
        broker.move_leader("orders", 9, 1),
        Err(MoveError::UnknownPartition { topic: "orders".to_owned(), partition: 9 })
    );
}

#[tokio::test]
async fn a_group_moves_with_its_members_and_offsets() {
    let (broker, mut clients) = three().await;
    broker.move_coordinator("g", 2).expect("it is up");
    for version in versions::<FindCoordinatorRequest>() {
        let request = FindCoordinatorRequest::default();
        let node = if version < 4 {
            clients[0].call(&request.with_key(text("g")), version).await.node_id
        } else {
            clients[0].call(&request.with_coordinator_keys(vec![text("g")]), version).await.coordinators[0].node_id
        };
        assert_eq!(node.0, 2, "v{version}");
    }
    let refused = clients[0].call(&join_request("g", text(""), 3, b"m"), 3).await;
    assert_eq!(refused.error_code, 16);
    let joined = join_alone(&mut clients[1], "g", 9).await;
    assert_eq!(joined.error_code, 0);
    let beat = HeartbeatRequest::default().with_group_id(group("g")).with_member_id(joined.member_id.clone());
    let beat = beat.with_generation_id(1);
    let commit =
        commit_request("g", "orders", 0, 7).with_generation_id_or_member_epoch(1).with_member_id(joined.member_id);
    // Another member waits for the first to join again.
    let mut waiting =
        Client::over(broker.connector().connect(&broker.addrs().nth(1).expect("node 2")).await.expect("up"));
    waiting.send(&join_request("g", text(""), 3, b"m"), 3).await;
    let described = DescribeGroupsRequest::default().with_groups(vec![group("g")]);
    while clients[1].call(&described, 5).await.groups[0].group_state.as_str() != "PreparingRebalance" {}
    broker.kill_node(2).await.expect("there is a node 2");
    let next = broker.coordinator("g").expect("another node");
    assert_eq!(next, 3);
    let client = &mut clients[2];
    assert_eq!(client.call(&beat, 4).await.error_code, 27, "the rebalance goes on under the next coordinator");
    assert_eq!(client.call(&commit, 8).await.topics[0].partitions[0].error_code, 0, "its member is known there");
    assert_eq!(fetch_offsets(client, 8, true).await, [(0, 7)]);
    let listed = client.call(&ListGroupsRequest::default(), 4).await;
    assert_eq!(listed.groups.len(), 1);
    broker.restart_node(2).await.expect("its address is free");
    assert_eq!(broker.coordinator("g"), Some(3), "it stays");
    broker.move_coordinator("g", 1).expect("it is up");
    assert_eq!(clients[2].call(&beat, 4).await.error_code, 16);
    assert_eq!(clients[0].call(&beat, 4).await.error_code, 27);
    let unknown = clients[0].call(&ListGroupsRequest::default(), 4).await;
    assert_eq!(unknown.groups.len(), 1, "only its coordinator lists a group");
    assert!(clients[2].call(&ListGroupsRequest::default(), 4).await.groups.is_empty());
}

#[tokio::test]
async fn who_waits_in_a_group_that_moves_is_told() {
    let (broker, mut clients) = three().await;
    broker.move_coordinator("g", 1).expect("it is up");
    let joined = join_alone(&mut clients[0], "g", 9).await;
    assert_eq!(joined.error_code, 0);
    let mut waiting = Client::over(broker.connector().connect(&broker.addr()).await.expect("up"));
    waiting.send(&join_request("g", text(""), 3, b"m"), 3).await;
    let described = DescribeGroupsRequest::default().with_groups(vec![group("g")]);
    while clients[0].call(&described, 5).await.groups[0].group_state.as_str() != "PreparingRebalance" {}
    broker.move_coordinator("g", 3).expect("it is up");
    let answer = waiting.receive::<JoinGroupRequest>(3).await.expect("an answer");
    assert_eq!(answer.error_code, 16);
    broker.kill_node(3).await.expect("there is a node 3");
    assert_eq!(broker.move_coordinator("g", 3), Err(MoveError::NodeDown(3)));
}

#[tokio::test]
async fn replicas_are_placed_as_asked_or_refused() {
    let (_broker, mut clients) = three().await;
    let client = &mut clients[0];
    let ids = |nodes: &[i32]| nodes.iter().copied().map(BrokerId).collect::<Vec<_>>();
    let mut create = async |assigned: &[(i32, &[i32])]| {
        let assignments = assigned.iter().map(|(index, nodes)| {
            CreatableReplicaAssignment::default().with_partition_index(*index).with_broker_ids(ids(nodes))
        });
        let wanted = CreatableTopic::default()
            .with_name(topic("placed"))
            .with_num_partitions(-1)
            .with_replication_factor(-1)
            .with_assignments(assignments.collect());
        client.call(&CreateTopicsRequest::default().with_topics(vec![wanted]), 7).await.topics[0].error_code
    };
    for refused in [&[(0, &[4][..])][..], &[(0, &[1, 1])], &[(0, &[])], &[(1, &[1])], &[(0, &[1]), (0, &[2])]] {
        assert_eq!(create(refused).await, 39, "{refused:?}");
    }
    assert_eq!(create(&[(0, &[3, 1]), (1, &[2, 3])]).await, 0);
    let assigned = CreatePartitionsAssignment::default().with_broker_ids(ids(&[1, 2]));
    let grow = |assigned: Vec<_>| {
        let wanted = CreatePartitionsTopic::default().with_name(topic("placed")).with_count(3);
        CreatePartitionsRequest::default().with_topics(vec![wanted.with_assignments(Some(assigned))])
    };
    let refused = client.call(&grow(vec![assigned.clone(), assigned.clone()]), 3).await;
    assert_eq!(refused.results[0].error_code, 39);
    assert_eq!(client.call(&grow(vec![assigned]), 3).await.results[0].error_code, 0);
    let seen = metadata(client).await;
    let seen = seen.topics.iter().find(|seen| seen.name.as_ref().is_some_and(|name| name.as_str() == "placed"));
    let leaders: Vec<i32> =
        seen.expect("it was created").partitions.iter().map(|partition| partition.leader_id.0).collect();
    assert_eq!(leaders, [3, 2, 1]);
}

#[tokio::test]
async fn too_few_replicas_in_sync_take_no_records() {
    let (broker, mut clients) = three().await;
    let (_single, mut single, _) = orders().await;
    assert_eq!(single.create_topic("safe", 1, &[("min.insync.replicas", "2")]).await, 0);
    assert_eq!(single.produce("safe", 0, one_record(1, None)).await.error_code, 19);
    assert_eq!(clients[0].create_topic("safe", 1, &[("min.insync.replicas", "1")]).await, 0);
    assert_eq!(clients[0].produce("safe", 0, one_record(1, None)).await.error_code, 0);
    let wanted = CreatableTopic::default().with_name(topic("safer")).with_num_partitions(1).with_replication_factor(3);
    let config = kafka_protocol::messages::create_topics_request::CreatableTopicConfig::default();
    let config = config.with_name(text("min.insync.replicas")).with_value(Some(text("3")));
    let request = CreateTopicsRequest::default().with_topics(vec![wanted.with_configs(vec![config])]);
    assert_eq!(clients[0].call(&request, 7).await.topics[0].error_code, 0);
    assert_eq!(clients[0].produce("safer", 0, one_record(1, None)).await.error_code, 0);
    broker.kill_node(3).await.expect("there is a node 3");
    assert_eq!(clients[0].produce("safer", 0, one_record(1, None)).await.error_code, 19);
}
