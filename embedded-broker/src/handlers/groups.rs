//! DescribeGroups, ListGroups and DeleteGroups.

use kafka_protocol::messages::{
    DeleteGroupsRequest, DeleteGroupsResponse, DescribeGroupsRequest, DescribeGroupsResponse, GroupId,
    ListGroupsRequest, ListGroupsResponse,
    delete_groups_response::DeletableGroupResult,
    describe_groups_response::{DescribedGroup, DescribedGroupMember},
    list_groups_response::ListedGroup,
};

use super::{code, text};
use crate::{
    dispatch::{Cx, Handler},
    group::{Described, DescribedMember},
    log::Refusal,
    storage::Event,
};

/// What Kafka calls the state of a group nobody knows.
const DEAD: &str = "Dead";

/// What Kafka calls groups that are not of KIP-848.
const CLASSIC: &str = "classic";

impl Handler for DescribeGroupsRequest {
    async fn answer(&self, cx: &Cx<'_>) -> DescribeGroupsResponse {
        let describe = |id: &GroupId| {
            let answer = DescribedGroup::default().with_group_id(id.clone());
            if let Err(refusal) = cx.check_coordinator(id) {
                return answer.with_error_code(refusal.code());
            }
            match cx.cluster.coordinator().with(id, |group, _, _| group.describe()) {
                Some(described) => with_description(answer, described, cx.version),
                // Kafka 4 answers 69 from version 6 on; this broker stops at 5.
                None => answer.with_group_state(text(DEAD)),
            }
        };
        DescribeGroupsResponse::default().with_groups(self.groups.iter().map(describe).collect())
    }

    fn refused(&self, _version: i16, refusal: Refusal) -> DescribeGroupsResponse {
        let refuse = |id: &GroupId| DescribedGroup::default().with_group_id(id.clone()).with_error_code(refusal.code());
        DescribeGroupsResponse::default().with_groups(self.groups.iter().map(refuse).collect())
    }
}

fn with_description(answer: DescribedGroup, described: Described, version: i16) -> DescribedGroup {
    let member = |member: DescribedMember| {
        let answer = DescribedGroupMember::default()
            .with_member_id(text(member.member_id))
            .with_client_id(text(member.client_id))
            .with_client_host(text(member.client_host))
            .with_member_metadata(member.metadata)
            .with_member_assignment(member.assignment);
        // kafka-protocol refuses to encode a field the version does not have.
        if version >= 4 { answer.with_group_instance_id(member.instance_id.map(text)) } else { answer }
    };
    answer
        .with_group_state(text(described.state))
        .with_protocol_type(text(described.protocol_type))
        .with_protocol_data(text(described.protocol))
        .with_members(described.members.into_iter().map(member).collect())
}

impl Handler for ListGroupsRequest {
    async fn answer(&self, cx: &Cx<'_>) -> ListGroupsResponse {
        let mut groups = Vec::new();
        let of_type = self.types_filter.is_empty()
            || self.types_filter.iter().any(|wanted| wanted.as_str().eq_ignore_ascii_case(CLASSIC));
        cx.cluster.coordinator().for_each(|id, group| {
            let state = group.state_name();
            let in_state = self.states_filter.is_empty()
                || self.states_filter.iter().any(|wanted| wanted.as_str().eq_ignore_ascii_case(state));
            if !(of_type && in_state) || cx.check_coordinator(id).is_err() {
                return;
            }
            let listed =
                ListedGroup::default().with_group_id(GroupId(text(id))).with_protocol_type(text(group.protocol_type()));
            let listed = if cx.version >= 4 { listed.with_group_state(text(state)) } else { listed };
            groups.push(if cx.version >= 5 { listed.with_group_type(text(CLASSIC)) } else { listed });
        });
        ListGroupsResponse::default().with_groups(groups)
    }

    fn refused(&self, _version: i16, refusal: Refusal) -> ListGroupsResponse {
        ListGroupsResponse::default().with_error_code(refusal.code())
    }
}

impl Handler for DeleteGroupsRequest {
    async fn answer(&self, cx: &Cx<'_>) -> DeleteGroupsResponse {
        each(self, |id| {
            cx.check_coordinator(id)?;
            cx.cluster.coordinator().remove(id)?;
            cx.cluster.record(&Event::GroupDeleted { group: id.to_string() })
        })
    }

    fn refused(&self, _version: i16, refusal: Refusal) -> DeleteGroupsResponse {
        each(self, |_| Err(refusal))
    }
}

fn each(request: &DeleteGroupsRequest, decide: impl Fn(&GroupId) -> Result<(), Refusal>) -> DeleteGroupsResponse {
    let results = request
        .groups_names
        .iter()
        .map(|id| DeletableGroupResult::default().with_group_id(id.clone()).with_error_code(code(&decide(id))));
    DeleteGroupsResponse::default().with_results(results.collect())
}
