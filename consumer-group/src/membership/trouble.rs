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
    match code {
        // Its log cannot take the group's record: as Java does, ask whether it still is the coordinator.
        ErrorCode::REQUEST_TIMED_OUT => Trouble::CoordinatorGone,
        ErrorCode::ILLEGAL_GENERATION => Trouble::StaleGeneration(code),
        ErrorCode::UNKNOWN_MEMBER_ID => Trouble::UnknownMember(code),
        ErrorCode::REBALANCE_IN_PROGRESS => Trouble::Rebalance,
        ErrorCode::FENCED_INSTANCE_ID => Trouble::Fenced(code),
        ErrorCode::INCONSISTENT_GROUP_PROTOCOL
        | ErrorCode::INVALID_GROUP_ID
        | ErrorCode::INVALID_SESSION_TIMEOUT
        | ErrorCode::GROUP_AUTHORIZATION_FAILED
        | ErrorCode::UNSUPPORTED_VERSION
        | ErrorCode::GROUP_MAX_SIZE_REACHED => Trouble::Refused,
        _ => match code.recovery() {
            Recovery::Retry => Trouble::NotReady,
            Recovery::RefreshMetadata | Recovery::FindCoordinator => Trouble::CoordinatorGone,
            _ => Trouble::Unexpected,
        },
    }
}
