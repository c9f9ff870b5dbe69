//! Groups whose coordinator decides (KIP-848): ConsumerGroupDescribe.

use kafka_protocol::messages::{
    ConsumerGroupDescribeRequest,
    consumer_group_describe_response::{DescribedGroup, Member},
};
use tokio::time::Instant;

use super::{GroupDescription, GroupMember, GroupState, GroupType};
use crate::{
    admin::{
        items::Results,
        wire::{group_id, of_topic, verdict},
    },
    client::{Client, ConnectionKind, Target},
    connector::BrokerAddr,
    error::Error,
    protocol::ErrorCode,
};

/// What such groups are for; the answer does not repeat it.
const CONSUMERS: &str = "consumer";

/// Describes those of `groups` that are of this kind. Nothing is said of the others, or if the coordinator does not
/// know this request: what it said of them in the classic protocol then stands.
pub(super) async fn describe(
    client: &Client,
    coordinator: &BrokerAddr,
    groups: &[String],
    deadline: Instant,
) -> Results<String, GroupDescription> {
    if groups.is_empty() {
        return Results::new();
    }
    let request =
        ConsumerGroupDescribeRequest::default().with_group_ids(groups.iter().map(|group| group_id(group)).collect());
    let target = Target::Address(coordinator.clone());
    let limit = deadline.saturating_duration_since(Instant::now());
    match client.call(target, ConnectionKind::Control, &request, limit).await {
        Ok(answer) => answer.groups.into_iter().filter_map(|group| read(group, coordinator)).collect(),
        Err(error) if error.is_retriable() => groups.iter().map(|group| (group.clone(), Err(error.clone()))).collect(),
        Err(_) => Results::new(),
    }
}

fn read(group: DescribedGroup, coordinator: &BrokerAddr) -> Option<(String, Result<GroupDescription, Error>)> {
    let id = group.group_id.to_string();
    // Kafka 3.7 knows the request and refuses it unless the protocol is switched on.
    if matches!(ErrorCode(group.error_code), ErrorCode::GROUP_ID_NOT_FOUND | ErrorCode::UNSUPPORTED_VERSION) {
        return None;
    }
    if let Err(error) = verdict(group.error_code, "ConsumerGroupDescribe", group.error_message) {
        return Some((id, Err(error)));
    }
    let mut members: Vec<_> = group.members.into_iter().map(member).collect();
    members.sort_by(|a, b| a.member_id.cmp(&b.member_id));
    let description = GroupDescription {
        group_id: id.clone(),
        group_type: GroupType::Consumer,
        state: GroupState::named(&group.group_state),
        protocol_type: CONSUMERS.to_owned(),
        assignor: group.assignor_name.to_string(),
        coordinator: coordinator.clone(),
        members,
    };
    Some((id, Ok(description)))
}

fn member(member: Member) -> GroupMember {
    let topics = member.assignment.topic_partitions.into_iter();
    let mut assignment: Vec<_> = topics
        .flat_map(|topic| of_topic(topic.topic_name, topic.partitions, |_, _| (), |index| *index))
        .map(|(partition, ())| partition)
        .collect();
    assignment.sort();
    GroupMember {
        member_id: member.member_id.to_string(),
        instance_id: member.instance_id.map(|id| id.to_string()),
        client_id: member.client_id.to_string(),
        host: member.client_host.to_string(),
        assignment: Some(assignment),
    }
}

#[cfg(test)]
mod tests {
    use kafka_protocol::messages::consumer_group_describe_response::{Assignment, TopicPartitions};

    use super::*;
    use crate::admin::wire::{text, topic_name};

    fn group() -> DescribedGroup {
        let topic = TopicPartitions::default().with_topic_name(topic_name("t")).with_partitions(vec![1, 0]);
        let member = Member::default()
            .with_member_id(text("m"))
            .with_assignment(Assignment::default().with_topic_partitions(vec![topic]));
        DescribedGroup::default()
            .with_group_id(group_id("g"))
            .with_group_state(text("Reconciling"))
            .with_assignor_name(text("uniform"))
            .with_members(vec![member])
    }

    #[test]
    fn a_group_is_described_in_the_same_words_as_a_classic_one() {
        let (id, group) = read(group(), &BrokerAddr::new("localhost", 9092)).expect("a group");
        let group = group.expect("a description");
        assert_eq!(
            (id.as_str(), group.group_type(), group.state()),
            ("g", GroupType::Consumer, GroupState::Reconciling)
        );
        assert_eq!((group.assignor(), group.protocol_type()), ("uniform", "consumer"));
        let assigned = group.members()[0].assignment().expect("an assignment");
        assert_eq!(assigned.iter().map(ToString::to_string).collect::<Vec<_>>(), ["t-0", "t-1"]);
    }

    #[test]
    fn a_group_of_another_kind_is_left_to_the_classic_answer_and_an_error_is_told() {
        let coordinator = BrokerAddr::new("localhost", 9092);
        for code in [ErrorCode::GROUP_ID_NOT_FOUND, ErrorCode::UNSUPPORTED_VERSION] {
            assert!(read(group().with_error_code(code.0), &coordinator).is_none());
        }
        let loading = group().with_error_code(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS.0);
        let (_, result) = read(loading, &coordinator).expect("an answer");
        assert!(result.is_err_and(|error| error.is_retriable()));
    }
}
