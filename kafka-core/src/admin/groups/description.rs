use kafka_protocol::messages::{
    ConsumerProtocolAssignment,
    describe_groups_response::{DescribedGroup, DescribedGroupMember},
};

use super::{GroupState, GroupType};
use crate::{
    admin::wire::{of_topic, verdict},
    connector::BrokerAddr,
    error::Error,
    protocol::{ErrorCode, guard},
    topic_partition::TopicPartition,
};

/// What groups of consumers call themselves; only their members' assignments can be read.
const CONSUMERS: &str = "consumer";
/// The last version of the assignment that is known: a later one is read as this one, as Java does.
const ASSIGNMENT_VERSION_MAX: i16 = 3;

/// A group as its coordinator describes it. Kafka: `ConsumerGroupDescription`, `ClassicGroupDescription`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupDescription {
    pub(super) group_id: String,
    pub(super) group_type: GroupType,
    pub(super) state: GroupState,
    pub(super) protocol_type: String,
    pub(super) assignor: String,
    pub(super) coordinator: BrokerAddr,
    pub(super) members: Vec<GroupMember>,
}

/// A member of a group. Kafka: `MemberDescription`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupMember {
    pub(super) member_id: String,
    pub(super) instance_id: Option<String>,
    pub(super) client_id: String,
    pub(super) host: String,
    pub(super) assignment: Option<Vec<TopicPartition>>,
}

impl GroupDescription {
    /// Its id. Kafka: `group.id`.
    pub fn group_id(&self) -> &str {
        &self.group_id
    }

    /// By which protocol it works.
    pub fn group_type(&self) -> GroupType {
        self.group_type
    }

    /// Its state.
    pub fn state(&self) -> GroupState {
        self.state
    }

    /// What its members use it for: `consumer`, `connect`…; empty if it has had no members.
    pub fn protocol_type(&self) -> &str {
        &self.protocol_type
    }

    /// By what its members' assignments are worked out, such as `range`; empty if nothing is assigned.
    pub fn assignor(&self) -> &str {
        &self.assignor
    }

    /// The broker that coordinates it.
    pub fn coordinator(&self) -> &BrokerAddr {
        &self.coordinator
    }

    /// Its members, by id.
    pub fn members(&self) -> &[GroupMember] {
        &self.members
    }

    /// What DescribeGroups says of a group. One that does not exist is an error in every version: before version 6
    /// (KIP-1043) brokers called it dead.
    pub(super) fn read(group: DescribedGroup, coordinator: &BrokerAddr) -> Result<Self, Error> {
        verdict(group.error_code, "DescribeGroups", group.error_message)?;
        let state = GroupState::named(&group.group_state);
        if state == GroupState::Dead {
            return Err(Error::broker(ErrorCode::GROUP_ID_NOT_FOUND, "DescribeGroups"));
        }
        let of_consumers = group.protocol_type.as_str() == CONSUMERS;
        let mut members: Vec<_> =
            group.members.into_iter().map(|member| GroupMember::read(member, of_consumers)).collect();
        members.sort_by(|a, b| a.member_id.cmp(&b.member_id));
        Ok(Self {
            group_id: group.group_id.to_string(),
            group_type: GroupType::Classic,
            state,
            protocol_type: group.protocol_type.to_string(),
            assignor: group.protocol_data.to_string(),
            coordinator: coordinator.clone(),
            members,
        })
    }
}

impl GroupMember {
    /// Its id, given by the coordinator.
    pub fn member_id(&self) -> &str {
        &self.member_id
    }

    /// Its own name, if it is static. Kafka: `group.instance.id`.
    pub fn instance_id(&self) -> Option<&str> {
        self.instance_id.as_deref()
    }

    /// Kafka: `client.id`.
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// The address it comes from, as the coordinator sees it.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The partitions that it has, in order; none at all if the group is not one of consumers, or what its leader
    /// wrote cannot be read.
    pub fn assignment(&self) -> Option<&[TopicPartition]> {
        self.assignment.as_deref()
    }

    fn read(member: DescribedGroupMember, of_consumers: bool) -> Self {
        Self {
            member_id: member.member_id.to_string(),
            instance_id: member.group_instance_id.map(|id| id.to_string()),
            client_id: member.client_id.to_string(),
            host: member.client_host.to_string(),
            assignment: of_consumers.then(|| assignment(&member.member_assignment)).flatten(),
        }
    }
}

/// The partitions of Kafka's `ConsumerProtocolAssignment`. They come from the group's leader, another client of
/// another version. No bytes at all are no partitions: the group is not stable, or its leader forgot the member.
fn assignment(bytes: &bytes::Bytes) -> Option<Vec<TopicPartition>> {
    let Some((version, body)) = bytes.split_first_chunk::<2>() else {
        return bytes.is_empty().then(Vec::new);
    };
    let version = i16::from_be_bytes(*version).clamp(0, ASSIGNMENT_VERSION_MAX);
    // As a request is read, by which bytes of a later version that follow are no error.
    let body = bytes.slice_ref(body);
    let assignment: ConsumerProtocolAssignment = guard::decode_request(body, version, false).ok()?;
    let topics = assignment.assigned_partitions.into_iter();
    let mut partitions: Vec<_> =
        topics.flat_map(|topic| of_topic(topic.topic, topic.partitions, |_, _| (), |index| *index)).collect();
    partitions.sort();
    partitions.dedup();
    Some(partitions.into_iter().map(|(partition, ())| partition).collect())
}

#[cfg(test)]
mod tests {
    use bytes::{BufMut, Bytes, BytesMut};
    use kafka_protocol::{messages::consumer_protocol_assignment, protocol::Encodable};

    use super::*;
    use crate::admin::wire::{group_id, text, topic_name};

    fn blob(version: i16) -> BytesMut {
        let topic = |name, partitions: &[i32]| {
            consumer_protocol_assignment::TopicPartition::default()
                .with_topic(topic_name(name))
                .with_partitions(partitions.to_vec())
        };
        let mut bytes = BytesMut::new();
        bytes.put_i16(version);
        ConsumerProtocolAssignment::default()
            .with_assigned_partitions(vec![topic("b", &[1, 0]), topic("a", &[2])])
            .encode(&mut bytes, version.min(ASSIGNMENT_VERSION_MAX))
            .expect("an assignment");
        bytes
    }

    fn described(protocol_type: &'static str, state: &'static str, bytes: Bytes) -> Result<GroupDescription, Error> {
        let member = DescribedGroupMember::default().with_member_id(text("m")).with_member_assignment(bytes);
        let group = DescribedGroup::default()
            .with_group_id(group_id("g"))
            .with_group_state(text(state))
            .with_protocol_type(text(protocol_type))
            .with_members(vec![member]);
        GroupDescription::read(group, &BrokerAddr::new("localhost", 9092))
    }

    fn partitions(protocol_type: &'static str, bytes: Bytes) -> Option<Vec<String>> {
        let group = described(protocol_type, "Stable", bytes).expect("a group");
        Some(group.members()[0].assignment()?.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn what_a_member_has_is_read_in_every_version_and_in_order() {
        for version in [0, 1, 2, 3, 9] {
            let mut bytes = blob(version);
            if version > ASSIGNMENT_VERSION_MAX {
                bytes.put_i64(7);
            }
            let read = partitions("consumer", bytes.freeze()).expect("partitions");
            assert_eq!(read, ["a-2", "b-0", "b-1"], "version {version}");
        }
        assert_eq!(partitions("consumer", Bytes::new()), Some(Vec::new()));
    }

    #[test]
    fn what_cannot_be_read_is_no_assignment() {
        let whole = blob(1).freeze();
        assert_eq!(partitions("connect", whole.clone()), None, "not of consumers");
        for cut in 1..whole.len() - 4 {
            assert_eq!(partitions("consumer", whole.slice(..cut)), None, "cut at {cut}");
        }
        let mut lie = BytesMut::from(&[0, 1][..]);
        lie.put_i32(i32::MAX);
        assert_eq!(partitions("consumer", lie.freeze()), None);
    }

    #[test]
    fn a_dead_group_is_not_found() {
        let error = described("", "Dead", Bytes::new()).expect_err("it does not exist");
        assert_eq!(error.code(), Some(ErrorCode::GROUP_ID_NOT_FOUND));
    }
}
