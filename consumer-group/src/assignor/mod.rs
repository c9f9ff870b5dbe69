//! Which member reads which partition: decided by the group's leader, in pure code.
//!
//! Round robin, sticky and cooperative sticky will stand here as siblings of [`range`]: an assignor is a name that
//! all members of the group offer, and a function.

mod range;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use ottla_kafka_core::TopicPartition;

pub(crate) use range::Range;

/// Partitions of each topic; a topic that does not exist (yet) is absent.
pub(crate) type PartitionCounts = BTreeMap<Arc<str>, i32>;

/// Member id → its partitions. Every member has an entry, if only an empty one.
pub(crate) type Assignments = BTreeMap<String, Vec<TopicPartition>>;

/// A member and what it subscribes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Subscriber {
    pub(crate) member_id: String,
    pub(crate) instance_id: Option<String>,
    pub(crate) topics: BTreeSet<Arc<str>>,
}

/// A strategy that the members of a group agree on by its name.
pub(crate) trait Assignor: Send + Sync {
    /// The name on the wire, as `kafka-consumer-groups.sh` shows it.
    fn name(&self) -> &'static str;

    /// Spreads the partitions over the subscribers.
    fn assign(&self, partitions: &PartitionCounts, members: &[Subscriber]) -> Assignments;
}
