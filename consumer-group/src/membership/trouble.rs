//! What a failure means for a member of a group.

use ottla_kafka_core::{ErrorCode, Recovery};

use super::input::Failure;

/// The ways in which a request of the group protocol fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// The coordinator is right, but not ready.
    NotReady,
    /// The coordinator is another one, or does not answer.
    CoordinatorGone,
    /// The group has moved on; the member id is still good.
    StaleGeneration(ErrorCode),
    /// The coordinator does not know this member id.
    UnknownMember(ErrorCode),
    /// The group is rebalancing.
    Rebalance,
    /// Another member has this instance id.
    Fenced(ErrorCode),
    /// Somebody must change something.
    Refused,
    /// Not an answer to expect here.
    Unexpected,
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Code(code) => by_code(code),
            Failure::Unreachable => Self::CoordinatorGone,
            Failure::Broken => Self::Unexpected,
        }
    }
}

fn by_code(code: ErrorCode) -> Trouble {
    match code.0 {
        14 => Trouble::NotReady,                      // COORDINATOR_LOAD_IN_PROGRESS
        7 | 13 | 15 | 16 => Trouble::CoordinatorGone, // REQUEST_TIMED_OUT, NETWORK_EXCEPTION, COORDINATOR_NOT_AVAILABLE, NOT_COORDINATOR
        22 => Trouble::StaleGeneration(code),         // ILLEGAL_GENERATION
        25 => Trouble::UnknownMember(code),           // UNKNOWN_MEMBER_ID
        27 => Trouble::Rebalance,                     // REBALANCE_IN_PROGRESS
        82 => Trouble::Fenced(code),                  // FENCED_INSTANCE_ID
        // INCONSISTENT_GROUP_PROTOCOL, INVALID_GROUP_ID, INVALID_SESSION_TIMEOUT, GROUP_AUTHORIZATION_FAILED,
        // UNSUPPORTED_VERSION, GROUP_MAX_SIZE_REACHED
        23 | 24 | 26 | 30 | 35 | 81 => Trouble::Refused,
        _ => match code.recovery() {
            Recovery::Retry => Trouble::NotReady,
            Recovery::RefreshMetadata | Recovery::FindCoordinator => Trouble::CoordinatorGone,
            _ => Trouble::Unexpected,
        },
    }
}
