//! What a member's state is made of.

use std::time::Duration;

use ottla_kafka_core::{BrokerAddr, TopicPartition};

use super::action::Attempt;

/// What of the consumer's configuration the protocol needs.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) session_timeout: Duration,
    pub(crate) heartbeat_interval: Duration,
    pub(crate) max_poll_interval: Duration,
    pub(crate) revoke_drain: Duration,
    /// Whether it has a `group.instance.id`.
    pub(crate) is_static: bool,
    /// Set for a consumer that is no member: the protocol is then to find the coordinator, and nothing else.
    pub(crate) alone: Option<Alone>,
}

/// A consumer without a group.
#[derive(Clone, Debug)]
pub(crate) struct Alone {
    pub(crate) partitions: Vec<TopicPartition>,
    /// Whether it commits, and so needs a coordinator.
    pub(crate) commits: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Not a member: not asked for yet, or left because nobody polled.
    Outside,
    /// On the way in; `request` is the JoinGroup in flight.
    Joining { request: Option<Attempt>, not_before: Duration },
    /// Joined; waits for its assignment.
    Syncing { request: Attempt },
    /// Has its assignment.
    Stable,
    /// The application gives its partitions back before a rebalance.
    Revoking { until: Duration },
    /// No member, and has the partitions that it was told to read.
    Alone,
    /// The coordinator refused for a reason that time does not heal; the application knows.
    Refused,
    /// Closed, or another member took over the instance id.
    Ended,
}

impl Phase {
    pub(super) fn is_in_group(&self) -> bool {
        !matches!(self, Self::Outside | Self::Alone | Self::Refused | Self::Ended)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Coordinator {
    Unknown { not_before: Duration },
    Finding(Attempt),
    Known(BrokerAddr),
}

/// The heartbeat.
#[derive(Clone, Debug, Default)]
pub(super) struct Pulse {
    /// When the next is due.
    pub(super) due: Duration,
    /// The one without an answer yet.
    pub(super) in_flight: Option<Beat>,
    /// The last moment at which the coordinator is known to have believed in this member.
    pub(super) confirmed_at: Duration,
}

#[derive(Clone, Debug)]
pub(super) struct Beat {
    pub(super) attempt: Attempt,
    pub(super) generation: i32,
    pub(super) sent_at: Duration,
}
