//! JoinGroup and SyncGroup as messages, and the leader's part between them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use ottla_kafka_core::{
    BrokerAddr, Error, ErrorCode, ErrorKind,
    protocol::{
        kafka_protocol::protocol::StrBytes,
        messages::{
            GroupId, JoinGroupRequest, JoinGroupResponse, SyncGroupRequest, SyncGroupResponse,
            join_group_request::JoinGroupRequestProtocol, join_group_response::JoinGroupResponseMember,
            sync_group_request::SyncGroupRequestAssignment,
        },
    },
};

use crate::{
    assignor::{Assignments, Assignor, Subscriber},
    config::GroupConfig,
    membership::{JoinAnswer, JoinedMember, MemberId, Round},
    protocol::{Assignment, PROTOCOL_TYPE, Subscription},
};

pub(super) fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

/// Joins with the subscription to these topics, under each assignor's name.
pub(super) fn join_request(config: &GroupConfig, member_id: &str, topics: &[Arc<str>]) -> JoinGroupRequest {
    let topics = topics.iter().map(|topic| topic.to_string()).collect();
    let subscription = Subscription::to(topics).encode();
    let offer = |assignor: &Assignor| {
        JoinGroupRequestProtocol::default().with_name(text(assignor.name())).with_metadata(subscription.clone())
    };
    JoinGroupRequest::default()
        .with_group_id(GroupId(text(&config.group_id)))
        .with_session_timeout_ms(config.millis(config.session_timeout))
        .with_rebalance_timeout_ms(config.millis(config.max_poll_interval))
        .with_member_id(text(member_id))
        .with_group_instance_id(config.instance_id.as_deref().map(text))
        .with_protocol_type(text(PROTOCOL_TYPE))
        .with_protocols(config.assignors.iter().map(offer).collect())
}

/// Understands the answer to JoinGroup.
pub(super) fn join_answer(config: &GroupConfig, answer: JoinGroupResponse) -> Result<JoinAnswer, Error> {
    let code = ErrorCode(answer.error_code);
    if code == ErrorCode::MEMBER_ID_REQUIRED {
        return Ok(JoinAnswer::MemberIdRequired(answer.member_id.to_string()));
    }
    if !code.is_none() {
        return Err(Error::broker(code, "JoinGroup"));
    }
    let assignor = chosen("JoinGroup", &config.assignors, answer.protocol_name.as_ref())?;
    let leads = answer.leader == answer.member_id;
    let members = answer.members.into_iter().filter(|_| leads);
    let member = |member: JoinGroupResponseMember| JoinedMember {
        member_id: member.member_id.to_string(),
        instance_id: member.group_instance_id.map(|id| id.to_string()),
        metadata: member.metadata,
    };
    Ok(JoinAnswer::Joined {
        generation: answer.generation_id,
        member_id: answer.member_id.to_string(),
        leads,
        round: Round { assignor, members: members.map(member).collect(), keeps_assignment: answer.skip_assignment },
    })
}

/// What the members subscribe to. One whose subscription cannot be read gets nothing, rather than stopping the group.
pub(super) fn subscribers(members: &[JoinedMember]) -> Vec<Subscriber> {
    let subscriber = |member: &JoinedMember| {
        let topics = match Subscription::decode(&member.metadata) {
            Ok(subscription) => subscription.topics.into_iter().map(Arc::from).collect(),
            Err(error) => {
                tracing::warn!(member = member.member_id, "a group member's metadata: {error}; it gets no partitions");
                BTreeSet::new()
            }
        };
        Subscriber { member_id: member.member_id.clone(), instance_id: member.instance_id.clone(), topics }
    };
    members.iter().map(subscriber).collect()
}

/// Asks for the own assignment, and gives everyone's if it comes from the leader.
pub(super) fn sync_request(
    config: &GroupConfig,
    member: &MemberId,
    assignor: Assignor,
    assignments: &Assignments,
) -> SyncGroupRequest {
    let assignments: BTreeMap<&String, _> = assignments.iter().map(|(id, share)| (id, Assignment::of(share))).collect();
    let assignment = |(id, share): (&String, Assignment)| {
        SyncGroupRequestAssignment::default().with_member_id(text(id)).with_assignment(share.encode())
    };
    SyncGroupRequest::default()
        .with_group_id(GroupId(text(&config.group_id)))
        .with_generation_id(member.generation)
        .with_member_id(text(&member.id))
        .with_group_instance_id(config.instance_id.as_deref().map(text))
        .with_protocol_type(Some(text(PROTOCOL_TYPE)))
        .with_protocol_name(Some(text(assignor.name())))
        .with_assignments(assignments.into_iter().map(assignment).collect())
}

/// The member's own partitions, as the coordinator at `from` passes them on from the leader.
pub(super) fn sync_answer(
    assignor: Assignor,
    from: &BrokerAddr,
    answer: &SyncGroupResponse,
) -> Result<Assignment, Error> {
    let code = ErrorCode(answer.error_code);
    if !code.is_none() {
        return Err(Error::broker(code, "SyncGroup"));
    }
    chosen("SyncGroup", &[assignor], answer.protocol_name.as_ref())?;
    Assignment::decode(&answer.assignment).map_err(|malformed| {
        let detail = format!("the assignment in its answer to SyncGroup: {malformed}");
        Error::new(ErrorKind::Protocol { broker: Some(from.clone()), detail })
    })
}

/// The assignor that the group chose. Older versions do not always name it; a name that was not offered would be read
/// as something it is not.
fn chosen(api: &str, offered: &[Assignor], name: Option<&StrBytes>) -> Result<Assignor, Error> {
    let name = name.map(|name| name.as_str()).unwrap_or_default();
    let chosen = offered.iter().copied().find(|assignor| name.is_empty() || assignor.name() == name);
    chosen.ok_or_else(|| {
        let detail = format!("{api} chose the assignor '{}', which was not offered", name.escape_debug());
        Error::new(ErrorKind::Protocol { broker: None, detail })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(assignors: &[Assignor]) -> GroupConfig {
        let mut config = GroupConfig::new("g".to_owned());
        config.assignors = assignors.to_vec();
        config
    }

    #[test]
    fn every_assignor_is_offered_in_the_order_of_preference() {
        let request = join_request(&config(&[Assignor::RoundRobin, Assignor::Range]), "m", &[]);
        let names: Vec<&str> = request.protocols.iter().map(|protocol| protocol.name.as_str()).collect();
        assert_eq!(names, ["roundrobin", "range"]);
    }

    /// What a member that offers both makes of the name that the group chose.
    #[test]
    fn the_group_chooses_among_what_was_offered() {
        let check = |name: Option<&'static str>, expected: Result<Assignor, &str>| {
            let answer = JoinGroupResponse::default()
                .with_member_id(text("m"))
                .with_leader(text("m"))
                .with_protocol_name(name.map(StrBytes::from_static_str));
            let got = match join_answer(&config(&[Assignor::RoundRobin, Assignor::Range]), answer) {
                Ok(JoinAnswer::Joined { round, .. }) => Ok(round.assignor),
                Ok(other) => panic!("{other:?}"),
                Err(error) => Err(error.to_string()),
            };
            match (&got, expected) {
                (Ok(got), Ok(expected)) => assert_eq!(*got, expected, "{name:?}"),
                (Err(error), Err(part)) => assert!(error.contains(part), "{error}"),
                _ => panic!("{name:?}: {got:?}"),
            }
        };
        check(Some("range"), Ok(Assignor::Range));
        check(Some("roundrobin"), Ok(Assignor::RoundRobin));
        check(None, Ok(Assignor::RoundRobin));
        check(Some("sticky"), Err("'sticky', which was not offered"));
    }

    #[test]
    fn an_assignment_that_cannot_be_read_is_called_one_and_its_coordinator_named() {
        let answer = SyncGroupResponse::default().with_assignment(vec![0, 0, 0x7f, 0xff, 0xff, 0xff].into());
        let error = sync_answer(Assignor::Range, &BrokerAddr::new("coordinator.example", 9092), &answer);
        let text = error.expect_err("no assignment").to_string();
        assert!(text.contains("coordinator.example:9092") && text.contains("assignment"), "{text}");
    }

    #[test]
    fn a_static_leader_that_came_back_watches_and_assigns_nothing() {
        let answer = |leader: &'static str| {
            JoinGroupResponse::default()
                .with_member_id(text("m"))
                .with_leader(StrBytes::from_static_str(leader))
                .with_skip_assignment(true)
                .with_members(vec![JoinGroupResponseMember::default().with_member_id(text("m"))])
        };
        let joined = |leader| match join_answer(&config(&[Assignor::Range]), answer(leader)) {
            Ok(JoinAnswer::Joined { leads, round, .. }) => (leads, round.keeps_assignment, round.members.len()),
            other => panic!("{other:?}"),
        };
        assert_eq!(joined("m"), (true, true, 1));
        assert_eq!(joined("another"), (false, true, 0), "members are the leader's business");
    }
}
