//! JoinGroup, SyncGroup, Heartbeat and LeaveGroup.

use std::time::Duration;

use kafka_protocol::{
    messages::{
        HeartbeatRequest, HeartbeatResponse, JoinGroupRequest, JoinGroupResponse, LeaveGroupRequest,
        LeaveGroupResponse, SyncGroupRequest, SyncGroupResponse, join_group_response::JoinGroupResponseMember,
        leave_group_request::MemberIdentity, leave_group_response::MemberResponse,
    },
    protocol::StrBytes,
};

use super::{code, text};
use crate::{
    dispatch::{Cx, Handler},
    group::{JoinGroup, JoinRefused, Joined, Sender, SyncGroup, Synced},
    log::Refusal,
};

/// The longest session. Kafka: `group.max.session.timeout.ms`, 30 min.
const MAX_SESSION_TIMEOUT: Duration = Duration::from_secs(30 * 60);

impl Handler for JoinGroupRequest {
    async fn answer(&self, cx: &Cx<'_>) -> JoinGroupResponse {
        let refuse = |refusal| Err(JoinRefused { refusal, member_id: self.member_id.to_string() });
        let session_timeout = millis(self.session_timeout_ms);
        let sessions = cx.cluster.settings().min_session_timeout..=MAX_SESSION_TIMEOUT;
        let answer = if self.group_id.is_empty() {
            refuse(Refusal::InvalidGroupId)
        } else if let Err(refusal) = cx.check_coordinator(&self.group_id) {
            refuse(refusal)
        } else if !sessions.contains(&session_timeout) {
            refuse(Refusal::InvalidSessionTimeout)
        } else {
            cx.cluster.coordinator().join(&self.group_id, join(self, session_timeout, cx)).await
        };
        joined(answer, cx.version)
    }

    fn refused(&self, version: i16, refusal: Refusal) -> JoinGroupResponse {
        joined(Err(JoinRefused { refusal, member_id: self.member_id.to_string() }), version)
    }
}

fn join(request: &JoinGroupRequest, session_timeout: Duration, cx: &Cx<'_>) -> JoinGroup {
    let prefix = request.group_instance_id.as_ref().map_or(cx.client_id.as_str(), |instance| instance.as_str());
    JoinGroup {
        member_id: request.member_id.to_string(),
        instance_id: request.group_instance_id.as_ref().map(StrBytes::to_string),
        fresh_id: format!("{prefix}-{}", cx.cluster.env().uuid()),
        id_required: cx.version >= 4,
        can_skip_assignment: cx.version >= 9,
        client_id: cx.client_id.clone(),
        client_host: format!("/{}", cx.client_host),
        session_timeout,
        // Version 0 has no rebalance timeout of its own.
        rebalance_timeout: if cx.version == 0 { session_timeout } else { millis(request.rebalance_timeout_ms) },
        protocol_type: request.protocol_type.to_string(),
        protocols: request.protocols.iter().map(|p| (p.name.to_string(), p.metadata.clone())).collect(),
    }
}

fn joined(answer: Result<Joined, JoinRefused>, version: i16) -> JoinGroupResponse {
    let joined = match answer {
        Ok(joined) => joined,
        Err(refused) => {
            return JoinGroupResponse::default()
                .with_error_code(refused.refusal.code())
                .with_generation_id(-1)
                .with_member_id(text(refused.member_id))
                // Nullable since version 7 only.
                .with_protocol_name((version < 7).then(StrBytes::default));
        }
    };
    let members = joined.members.into_iter().map(|member| {
        let answer =
            JoinGroupResponseMember::default().with_member_id(text(member.member_id)).with_metadata(member.metadata);
        // kafka-protocol refuses to encode a field the version does not have.
        if version >= 5 { answer.with_group_instance_id(member.instance_id.map(text)) } else { answer }
    });
    let answer = JoinGroupResponse::default()
        .with_generation_id(joined.generation)
        .with_protocol_name(Some(text(joined.protocol)))
        .with_leader(text(joined.leader))
        .with_member_id(text(joined.member_id))
        .with_members(members.collect())
        .with_skip_assignment(joined.skip_assignment);
    if version >= 7 { answer.with_protocol_type(Some(text(joined.protocol_type))) } else { answer }
}

impl Handler for SyncGroupRequest {
    async fn answer(&self, cx: &Cx<'_>) -> SyncGroupResponse {
        if let Err(refusal) = cx.check_coordinator(&self.group_id) {
            return self.refused(cx.version, refusal);
        }
        let sync = SyncGroup {
            sender: Sender { member_id: &self.member_id, instance_id: self.group_instance_id.as_deref() },
            generation: self.generation_id,
            protocol_type: self.protocol_type.as_deref(),
            protocol: self.protocol_name.as_deref(),
            assignments: self.assignments.iter().map(|a| (a.member_id.to_string(), a.assignment.clone())).collect(),
        };
        synced(cx.cluster.coordinator().sync(&self.group_id, sync).await, cx.version)
    }

    fn refused(&self, version: i16, refusal: Refusal) -> SyncGroupResponse {
        synced(Err(refusal), version)
    }
}

fn synced(answer: Result<Synced, Refusal>, version: i16) -> SyncGroupResponse {
    let synced = match answer {
        Ok(synced) => synced,
        Err(refusal) => return SyncGroupResponse::default().with_error_code(refusal.code()),
    };
    let answer = SyncGroupResponse::default().with_assignment(synced.assignment);
    if version < 5 {
        return answer;
    }
    answer.with_protocol_type(Some(text(synced.protocol_type))).with_protocol_name(Some(text(synced.protocol)))
}

impl Handler for HeartbeatRequest {
    async fn answer(&self, cx: &Cx<'_>) -> HeartbeatResponse {
        if let Err(refusal) = cx.check_coordinator(&self.group_id) {
            return self.refused(cx.version, refusal);
        }
        let sender = Sender { member_id: &self.member_id, instance_id: self.group_instance_id.as_deref() };
        let beat = cx
            .cluster
            .coordinator()
            .with(&self.group_id, |group, now, _| group.heartbeat(now, sender, self.generation_id));
        HeartbeatResponse::default().with_error_code(code(&beat.unwrap_or(Err(Refusal::UnknownMemberId))))
    }

    fn refused(&self, _version: i16, refusal: Refusal) -> HeartbeatResponse {
        HeartbeatResponse::default().with_error_code(refusal.code())
    }
}

impl Handler for LeaveGroupRequest {
    async fn answer(&self, cx: &Cx<'_>) -> LeaveGroupResponse {
        if let Err(refusal) = cx.check_coordinator(&self.group_id) {
            return self.refused(cx.version, refusal);
        }
        let leave = |sender: Sender<'_>| {
            let left =
                cx.cluster.coordinator().with(&self.group_id, |group, now, actions| group.leave(now, sender, actions));
            left.unwrap_or(Err(Refusal::UnknownMemberId))
        };
        if cx.version < 3 {
            let left = leave(Sender { member_id: &self.member_id, instance_id: None });
            return LeaveGroupResponse::default().with_error_code(code(&left));
        }
        let each = |member: &MemberIdentity| {
            let sender = Sender { member_id: &member.member_id, instance_id: member.group_instance_id.as_deref() };
            MemberResponse::default()
                .with_member_id(member.member_id.clone())
                .with_group_instance_id(member.group_instance_id.clone())
                .with_error_code(code(&leave(sender)))
        };
        LeaveGroupResponse::default().with_members(self.members.iter().map(each).collect())
    }

    fn refused(&self, _version: i16, refusal: Refusal) -> LeaveGroupResponse {
        LeaveGroupResponse::default().with_error_code(refusal.code())
    }
}

fn millis(millis: i32) -> Duration {
    Duration::from_millis(u64::try_from(millis).unwrap_or(0))
}
