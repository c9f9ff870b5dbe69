//! What a consumer tells its application.

use ottla_kafka_core::TopicPartition;

use crate::{offsets::OffsetAndMetadata, records::Records, revoke::RevokeGuard};

/// What [`Consumer::recv`](crate::Consumer::recv) returns.
///
/// Events of a partition arrive in order: `Assigned`, its records and positions, then `Revoking` or `Lost`.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// Records of one partition, in order.
    Records(Records),
    /// These partitions are this member's, in addition to those it has. Empty if the group has none for it.
    Assigned(Vec<Assigned>),
    /// A rebalance wants these partitions back, and waits until the guard is released or dropped, at most
    /// `revoke.drain`. Until then their offsets can be committed.
    Revoking(RevokeGuard),
    /// These partitions are gone: another member may have them, and nothing of them can be committed.
    Lost(Vec<TopicPartition>),
    /// The partition's position moved without a record, past transaction markers or compacted records. Committing it
    /// lets the lag reach 0.
    Position {
        /// The partition.
        topic_partition: TopicPartition,
        /// The next offset to read.
        offset: i64,
    },
}

/// A partition that was assigned to this member.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Assigned {
    /// The partition.
    pub topic_partition: TopicPartition,
    /// The offset that reading starts at.
    pub position: i64,
    /// What was committed for it, if anything.
    pub committed: Option<OffsetAndMetadata>,
}
