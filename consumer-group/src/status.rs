//! How a member is doing, for health checks.

use ottla_kafka_core::Error;

/// Where a member stands in its group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum GroupState {
    /// Not a member: nobody has called `recv` yet, or not for `max.poll.interval.ms`, or the group refused it.
    #[default]
    Outside,
    /// Joining, or waiting for the others to join.
    Joining,
    /// A member with its assignment.
    Stable,
    /// Giving partitions back, so that the group can rebalance.
    Revoking,
    /// Closed, or fenced by another member with its instance id.
    Closed,
}

/// A member's state, and its trouble.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct GroupStatus {
    /// Where it stands.
    pub state: GroupState,
    /// The last request of the group that failed, since it last became stable.
    pub last_error: Option<Error>,
}
