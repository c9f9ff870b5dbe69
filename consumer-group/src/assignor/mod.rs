//! Which member reads which partition: decided by the group's leader, in pure code.
//!
//! Sticky and cooperative sticky will stand here as siblings of [`range`] and [`round_robin`]: an assignor is a name
//! that all members of the group offer, and a function.

mod order;
mod range;
mod round_robin;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use ottla_kafka_core::TopicPartition;

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

/// How the group's leader spreads partitions over members. Kafka: `partition.assignment.strategy`.
///
/// The group takes one that all its members offer, so a group changes over by offering both for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Assignor {
    /// Each topic by itself: consecutive partitions to the members in order, the first ones get one more if it does
    /// not divide. Partition `n` of topics with as many partitions goes to the same member.
    Range,
    /// All partitions of all topics in turn: members differ by one partition at most if all subscribe to the same.
    RoundRobin,
}

impl Assignor {
    /// The name on the wire, as `kafka-consumer-groups.sh` shows it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Range => "range",
            Self::RoundRobin => "roundrobin",
        }
    }

    /// Spreads the partitions over the subscribers.
    pub(crate) fn assign(self, partitions: &PartitionCounts, members: &[Subscriber]) -> Assignments {
        let mut ordered: Vec<&Subscriber> = members.iter().collect();
        ordered.sort_by(|a, b| order::members(a, b));
        let mut assignments: Assignments = members.iter().map(|m| (m.member_id.clone(), Vec::new())).collect();
        let mut give = |member: &Subscriber, tp: TopicPartition| {
            assignments.entry(member.member_id.clone()).or_default().push(tp);
        };
        match self {
            Self::Range => range::assign(partitions, &ordered, &mut give),
            Self::RoundRobin => round_robin::assign(partitions, &ordered, &mut give),
        }
        assignments
    }
}
