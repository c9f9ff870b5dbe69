//! JoinGroup and SyncGroup as messages, and the leader's part between them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use ottla_kafka_core::{
    Error, ErrorCode, ErrorKind,
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
    assignor::{Assignments, Subscriber},
    config::GroupConfig,
    membership::{JoinAnswer, JoinedMember, MemberId},
    protocol::{Assignment, PROTOCOL_TYPE, Subscription},
};

pub(super) fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

/// Joins with the subscription to the group's topics, under the assignor's name.
pub(super) fn join_request(config: &GroupConfig, member_id: &str) -> JoinGroupRequest {
    let topics = config.topics.iter().map(|topic| topic.to_string()).collect();
    let range = JoinGroupRequestProtocol::default()
        .with_name(text(config.assignor.name()))
        .with_metadata(Subscription::to(topics).encode());
    JoinGroupRequest::default()
        .with_group_id(GroupId(text(&config.group_id)))
        .with_session_timeout_ms(config.millis(config.session_timeout))
        .with_rebalance_timeout_ms(config.millis(config.max_poll_interval))
        .with_member_id(text(member_id))
        .with_group_instance_id(config.instance_id.as_deref().map(text))
        .with_protocol_type(text(PROTOCOL_TYPE))
        .with_protocols(vec![range])
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
    check_protocol(config, "JoinGroup", answer.protocol_name.as_ref())?;
    let leads = answer.leader == answer.member_id;
    let members = answer.members.into_iter().filter(|_| leads && !answer.skip_assignment);
    let member = |member: JoinGroupResponseMember| JoinedMember {
        member_id: member.member_id.to_string(),
        instance_id: member.group_instance_id.map(|id| id.to_string()),
        metadata: member.metadata,
    };
    Ok(JoinAnswer::Joined {
        generation: answer.generation_id,
        member_id: answer.member_id.to_string(),
        leads,
        members: members.map(member).collect(),
    })
}

/// What the members subscribe to. One whose subscription cannot be read gets nothing, rather than stopping the group.
pub(super) fn subscribers(members: &[JoinedMember]) -> Vec<Subscriber> {
    let subscriber = |member: &JoinedMember| {
        let topics = match Subscription::decode(&member.metadata) {
            Ok(subscription) => subscription.topics.into_iter().map(Arc::from).collect(),
            Err(error) => {
                tracing::warn!(member = member.member_id, %error, "this member gets no partitions");
                BTreeSet::new()
            }
        };
        Subscriber { member_id: member.member_id.clone(), instance_id: member.instance_id.clone(), topics }
    };
    members.iter().map(subscriber).collect()
}

/// Asks for the own assignment, and gives everyone's if it comes from the leader.
pub(super) fn sync_request(config: &GroupConfig, member: &MemberId, assignments: &Assignments) -> SyncGroupRequest {
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
        .with_protocol_name(Some(text(config.assignor.name())))
        .with_assignments(assignments.into_iter().map(assignment).collect())
}

/// The member's own partitions.
pub(super) fn sync_answer(config: &GroupConfig, answer: &SyncGroupResponse) -> Result<Assignment, Error> {
    let code = ErrorCode(answer.error_code);
    if !code.is_none() {
        return Err(Error::broker(code, "SyncGroup"));
    }
    check_protocol(config, "SyncGroup", answer.protocol_name.as_ref())?;
    Ok(Assignment::decode(&answer.assignment)?)
}

/// Older versions do not name the protocol; a name that was not offered would be read as something it is not.
fn check_protocol(config: &GroupConfig, api: &str, name: Option<&StrBytes>) -> Result<(), Error> {
    match name.map(|name| name.as_str()) {
        None | Some("") => Ok(()),
        Some(name) if name == config.assignor.name() => Ok(()),
        Some(name) => {
            let detail = format!("{api} chose the assignor '{}', which was not offered", name.escape_debug());
            Err(Error::new(ErrorKind::Protocol { broker: None, detail }))
        }
    }
}
