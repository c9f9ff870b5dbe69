//! What the state machine wants done.

use bytes::Bytes;
use ottla_kafka_core::{BrokerAddr, ErrorCode, TopicPartition};

use crate::assignor::Assignor;

/// Names a request, so that only its own answer counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Attempt(pub(crate) u64);

/// The coordinator's name for a member, and the generation it belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MemberId {
    /// Empty until the coordinator has given one.
    pub(crate) id: String,
    /// -1 outside of a generation.
    pub(crate) generation: i32,
}

impl MemberId {
    pub(crate) fn none() -> Self {
        Self { id: String::new(), generation: -1 }
    }
}

/// A member as the leader sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct JoinedMember {
    pub(crate) member_id: String,
    pub(crate) instance_id: Option<String>,
    /// Its subscription, still encoded.
    pub(crate) metadata: Bytes,
}

/// What the group agreed on, and what of it is the leader's business.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Round {
    pub(crate) assignor: Assignor,
    /// Whom to assign partitions to; empty for all but the leader.
    pub(crate) members: Vec<JoinedMember>,
    /// The leader only has to watch the partition counts: it came back as a static member, and everybody keeps what
    /// they have (KIP-814).
    pub(crate) keeps_assignment: bool,
}

/// Why partitions were lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Loss {
    /// No heartbeat was answered for the session timeout.
    SessionExpired,
    /// Nobody polled for the max poll interval.
    PollIntervalExceeded,
    /// The application did not give them back in time.
    DrainExceeded,
    /// The coordinator does not count this member any more.
    Expelled(ErrorCode),
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Ask any broker for the coordinator.
    FindCoordinator { attempt: Attempt },
    /// Send JoinGroup; it replaces a JoinGroup or SyncGroup in flight.
    Join { attempt: Attempt, coordinator: BrokerAddr, member_id: String },
    /// Assign partitions to the members of the round, if any, and send SyncGroup.
    Sync { attempt: Attempt, coordinator: BrokerAddr, member: MemberId, round: Round },
    /// Send a heartbeat.
    Heartbeat { attempt: Attempt, coordinator: BrokerAddr, member: MemberId },
    /// Send LeaveGroup; its answer does not matter.
    Leave { coordinator: BrokerAddr, member: MemberId },
    /// Stop fetching, let the application settle, then say [`Released`](super::Input::Released).
    Revoke,
    /// Every partition is lost: nothing of it may be committed.
    Lost(Loss),
    /// These are the member's partitions now.
    Assigned { generation: i32, partitions: Vec<TopicPartition> },
    /// Tell the application of the last failure; it decides by polling again.
    Report,
    /// Tell the application of the last failure, which is the end: another member has this instance id.
    Fenced,
    /// It is closed, once what is in flight has ended.
    Closed,
}
