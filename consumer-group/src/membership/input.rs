//! What happens to a member.

use std::time::Duration;

use ottla_kafka_core::{BrokerAddr, Error, ErrorCode, ErrorKind, TopicPartition};

use super::action::{Attempt, Round};

/// What happened.
#[derive(Clone, Debug)]
pub(crate) enum Input {
    /// Time went by.
    Tick,
    /// The application polled, or settled something, at this moment.
    Polled { at: Duration },
    /// The application began to wait for events.
    Resume,
    /// FindCoordinator was answered.
    CoordinatorFound { attempt: Attempt, answer: Result<BrokerAddr, Failure> },
    /// JoinGroup was answered.
    Joined { attempt: Attempt, answer: Result<JoinAnswer, Failure> },
    /// SyncGroup was answered.
    Synced { attempt: Attempt, answer: Result<Vec<TopicPartition>, Failure> },
    /// A heartbeat was answered.
    HeartbeatAnswered { attempt: Attempt, answer: Result<(), Failure> },
    /// A commit or an offset fetch of this generation failed at this coordinator.
    RequestFailed { coordinator: BrokerAddr, generation: i32, failure: Failure },
    /// The partition counts are not those that the leader assigned.
    PartitionsChanged,
    /// The application has given its partitions back.
    Released,
    /// The application is done.
    Close,
}

/// An answer to JoinGroup that is not a failure.
#[derive(Clone, Debug)]
pub(crate) enum JoinAnswer {
    /// The id to join with (KIP-394): so an answer that gets lost leaves no member behind.
    MemberIdRequired(String),
    /// The barrier has fallen.
    Joined { generation: i32, member_id: String, leads: bool, round: Round },
}

/// Why a request failed, as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The coordinator's answer.
    Code(ErrorCode),
    /// No answer.
    Unreachable,
    /// An answer that makes no sense, or no version in common.
    Broken,
}

impl From<&Error> for Failure {
    fn from(error: &Error) -> Self {
        match error.kind() {
            ErrorKind::Broker { code, .. } => Self::Code(*code),
            ErrorKind::Connect { .. } | ErrorKind::Disconnected { .. } | ErrorKind::Timeout { .. } => Self::Unreachable,
            _ => Self::Broken,
        }
    }
}
