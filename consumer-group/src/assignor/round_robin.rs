//! Java's `RoundRobinAssignor`: all partitions of all topics to the members in turn.

use std::sync::Arc;

use ottla_kafka_core::TopicPartition;

use super::{PartitionCounts, Subscriber};

/// Members that do not subscribe to a partition's topic are passed over: their turn is lost, not kept.
pub(super) fn assign(
    partitions: &PartitionCounts,
    members: &[&Subscriber],
    give: &mut impl FnMut(&Subscriber, TopicPartition),
) {
    let mut turns = members.iter().cycle().peekable();
    for (topic, count) in partitions {
        // Without a subscriber the turn would go round for ever.
        if !members.iter().any(|member| member.topics.contains(topic)) {
            continue;
        }
        for partition in 0..*count {
            while turns.next_if(|member| !member.topics.contains(topic)).is_some() {}
            if let Some(member) = turns.next() {
                give(member, TopicPartition::new(Arc::clone(topic), partition));
            }
        }
    }
}
