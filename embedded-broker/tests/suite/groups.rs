//! Groups over the wire, in every version.

use bytes::Bytes;
use kafka_protocol::{
    messages::{
        DeleteGroupsRequest, DescribeGroupsRequest, GroupId, HeartbeatRequest, JoinGroupRequest, JoinGroupResponse,
        LeaveGroupRequest, ListGroupsRequest, OffsetCommitRequest, OffsetFetchRequest, SyncGroupRequest,
        join_group_request::JoinGroupRequestProtocol,
        leave_group_request::MemberIdentity,
        offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic},
        offset_fetch_request::{OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics},
        sync_group_request::SyncGroupRequestAssignment,
    },
    protocol::StrBytes,
};
use ottla_embedded_broker::EmbeddedBroker;

use crate::{
    client::{Client, text, topic},
    every_version::versions,
};

pub(crate) fn group(id: &str) -> GroupId {
    GroupId(text(id))
}

async fn start() -> (EmbeddedBroker, Client) {
    let broker = EmbeddedBroker::builder().start().await.expect("a broker");
    let mut client = Client::connect(&broker).await;
    assert_eq!(client.create_topic("orders", 1, &[]).await, 0);
    (broker, client)
}

/// A commit by nobody in particular, as tools do.
pub(crate) fn commit_request(id: &str, name: &str, partition: i32, offset: i64) -> OffsetCommitRequest {
    let partition =
        OffsetCommitRequestPartition::default().with_partition_index(partition).with_committed_offset(offset);
    let wanted = OffsetCommitRequestTopic::default().with_name(topic(name)).with_partitions(vec![partition]);
    let request = OffsetCommitRequest::default().with_group_id(group(id)).with_topics(vec![wanted]);
    request.with_generation_id_or_member_epoch(-1)
}

pub(crate) fn join_request(id: &str, member_id: StrBytes, version: i16, metadata: &'static [u8]) -> JoinGroupRequest {
    let protocol =
        JoinGroupRequestProtocol::default().with_name(text("range")).with_metadata(Bytes::from_static(metadata));
    let request = JoinGroupRequest::default()
        .with_group_id(group(id))
        .with_member_id(member_id)
        .with_session_timeout_ms(10_000)
        .with_protocol_type(text("consumer"))
        .with_protocols(vec![protocol]);
    if version >= 1 { request.with_rebalance_timeout_ms(10_000) } else { request }
}

/// Joins as the only member, with a second request if the version wants one.
pub(crate) async fn join_alone(client: &mut Client, id: &str, version: i16) -> JoinGroupResponse {
    join_alone_with(client, id, version, b"m").await
}

/// Like `join_alone`, with this subscription.
pub(crate) async fn join_alone_with(
    client: &mut Client,
    id: &str,
    version: i16,
    metadata: &'static [u8],
) -> JoinGroupResponse {
    let first = client.call(&join_request(id, StrBytes::default(), version, metadata), version).await;
    if version < 4 {
        return first;
    }
    assert_eq!(first.error_code, 79, "v{version}");
    client.call(&join_request(id, first.member_id, version, metadata), version).await
}

#[tokio::test]
async fn a_member_joins_syncs_beats_and_leaves_in_every_version() {
    let (_broker, mut client) = start().await;
    for version in versions::<JoinGroupRequest>() {
        let id = format!("group{version}");
        let joined = join_alone(&mut client, &id, version).await;
        assert_eq!((joined.error_code, joined.generation_id, joined.members.len()), (0, 1, 1), "v{version}");
        assert_eq!(joined.leader, joined.member_id, "v{version}");
        let member_id = joined.member_id;
        for version in versions::<SyncGroupRequest>() {
            let mine = SyncGroupRequestAssignment::default().with_member_id(member_id.clone());
            let request = SyncGroupRequest::default()
                .with_group_id(group(&id))
                .with_generation_id(1)
                .with_member_id(member_id.clone())
                .with_assignments(vec![mine.with_assignment(Bytes::from_static(b"all"))]);
            let synced = client.call(&request, version).await;
            assert_eq!((synced.error_code, synced.assignment.as_ref()), (0, b"all".as_slice()), "v{version}");
            let stale = client.call(&request.with_generation_id(0), version).await;
            assert_eq!(stale.error_code, 22, "v{version}");
        }
        for version in versions::<HeartbeatRequest>() {
            let beat = HeartbeatRequest::default().with_group_id(group(&id)).with_member_id(member_id.clone());
            assert_eq!(client.call(&beat.clone().with_generation_id(1), version).await.error_code, 0, "v{version}");
            assert_eq!(client.call(&beat.with_generation_id(2), version).await.error_code, 22, "v{version}");
        }
    }
    for version in versions::<DescribeGroupsRequest>() {
        let request = DescribeGroupsRequest::default().with_groups(vec![group("group9"), group("nobody")]);
        let answer = client.call(&request, version).await;
        let states: Vec<&str> = answer.groups.iter().map(|group| group.group_state.as_str()).collect();
        assert_eq!(states, ["Stable", "Dead"], "v{version}");
        assert_eq!(answer.groups[0].members[0].member_assignment.as_ref(), b"all", "v{version}");
    }
    for version in versions::<ListGroupsRequest>() {
        let answer = client.call(&ListGroupsRequest::default(), version).await;
        assert_eq!((answer.error_code, answer.groups.len()), (0, 10), "v{version}");
    }
    for version in versions::<LeaveGroupRequest>() {
        let id = format!("leave{version}");
        let member_id = join_alone(&mut client, &id, 3).await.member_id;
        let request = LeaveGroupRequest::default().with_group_id(group(&id));
        let request = if version < 3 {
            request.with_member_id(member_id)
        } else {
            request.with_members(vec![MemberIdentity::default().with_member_id(member_id)])
        };
        for expected in [0, 25] {
            let answer = client.call(&request, version).await;
            let code = answer.members.first().map_or(answer.error_code, |member| member.error_code);
            assert_eq!(code, expected, "v{version}");
        }
    }
}

#[tokio::test]
async fn offsets_are_committed_and_fetched_in_every_version() {
    let (_broker, mut client) = start().await;
    for version in versions::<OffsetCommitRequest>() {
        let partition = |index, metadata: String| {
            OffsetCommitRequestPartition::default()
                .with_partition_index(index)
                .with_committed_offset(40 + i64::from(version))
                .with_committed_metadata(Some(text(&metadata)))
        };
        let partitions =
            vec![partition(0, "x".repeat(4096)), partition(0, "x".repeat(4097)), partition(9, String::new())];
        let wanted = OffsetCommitRequestTopic::default().with_name(topic("orders")).with_partitions(partitions);
        let request = OffsetCommitRequest::default().with_group_id(group("g")).with_topics(vec![wanted]);
        let answer = client.call(&request.clone().with_generation_id_or_member_epoch(-1), version).await;
        let codes: Vec<i16> = answer.topics[0].partitions.iter().map(|partition| partition.error_code).collect();
        assert_eq!(codes, [0, 12, 3], "v{version}");
        let zombie = request.with_generation_id_or_member_epoch(3).with_member_id(text("zombie"));
        let answer = client.call(&zombie, version).await;
        assert_eq!(answer.topics[0].partitions[0].error_code, 25, "v{version}");
    }
    for version in versions::<OffsetFetchRequest>() {
        for all in [false, true].into_iter().skip(usize::from(version < 2)) {
            let found = fetch_offsets(&mut client, version, all && version >= 2).await;
            let expected = if all && version >= 2 { vec![(0, 49)] } else { vec![(0, 49), (1, -1)] };
            assert_eq!(found, expected, "v{version}");
        }
    }
    for (version, expected) in versions::<DeleteGroupsRequest>().zip([0, 69, 69]) {
        let request = DeleteGroupsRequest::default().with_groups_names(vec![group("g")]);
        assert_eq!(client.call(&request, version).await.results[0].error_code, expected, "v{version}");
    }
}

/// The (partition, offset) pairs of group "g": of partitions 0 and 1, or of all that have one.
pub(crate) async fn fetch_offsets(client: &mut Client, version: i16, all: bool) -> Vec<(i32, i64)> {
    if version < 8 {
        let wanted = OffsetFetchRequestTopic::default().with_name(topic("orders")).with_partition_indexes(vec![0, 1]);
        let wanted = if all { None } else { Some(vec![wanted]) };
        let request = OffsetFetchRequest::default().with_group_id(group("g")).with_topics(wanted);
        let answer = client.call(&request, version).await;
        return answer.topics[0].partitions.iter().map(|p| (p.partition_index, p.committed_offset)).collect();
    }
    let wanted = OffsetFetchRequestTopics::default().with_name(topic("orders")).with_partition_indexes(vec![0, 1]);
    let wanted = if all { None } else { Some(vec![wanted]) };
    let wanted = OffsetFetchRequestGroup::default().with_group_id(group("g")).with_topics(wanted);
    let answer = client.call(&OffsetFetchRequest::default().with_groups(vec![wanted]), version).await;
    let partitions = &answer.groups[0].topics[0].partitions;
    partitions.iter().map(|p| (p.partition_index, p.committed_offset)).collect()
}

#[tokio::test(start_paused = true)]
async fn a_member_that_falls_silent_makes_room_for_another() {
    let (broker, mut client) = start().await;
    let dead = join_alone(&mut client, "g", 9).await;
    assert_eq!(dead.error_code, 0);
    let mut other = Client::connect(&broker).await;
    let asked = tokio::time::Instant::now();
    // The answer waits until the first member's rebalance or session is over.
    let joined = join_alone(&mut other, "g", 3).await;
    assert_eq!((joined.error_code, joined.members.len()), (0, 1));
    assert_eq!(asked.elapsed().as_secs(), 10);
}
