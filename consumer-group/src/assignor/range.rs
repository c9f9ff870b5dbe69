//! Java's `RangeAssignor`, without racks: per topic, consecutive partitions to the members in order.

use std::sync::Arc;

use ottla_kafka_core::TopicPartition;

use super::{PartitionCounts, Subscriber};

/// Topics with the same number of partitions and the same subscribers come out co-partitioned.
pub(super) fn assign(
    partitions: &PartitionCounts,
    members: &[&Subscriber],
    give: &mut impl FnMut(&Subscriber, TopicPartition),
) {
    for (topic, count) in partitions {
        let subscribers: Vec<&Subscriber> = members.iter().copied().filter(|m| m.topics.contains(topic)).collect();
        for (member, range) in ranges(*count, subscribers) {
            range.for_each(|partition| give(member, TopicPartition::new(Arc::clone(topic), partition)));
        }
    }
}

/// Cuts `0..count` into one range a member, the longer ones first.
fn ranges(count: i32, members: Vec<&Subscriber>) -> impl Iterator<Item = (&Subscriber, std::ops::Range<i32>)> {
    let among = i32::try_from(members.len()).unwrap_or(i32::MAX).max(1);
    let (each, extra) = (count.max(0) / among, count.max(0) % among);
    let mut start = 0;
    members.into_iter().zip(0..).map(move |(member, index)| {
        let range = start..start + each + i32::from(index < extra);
        start = range.end;
        (member, range)
    })
}
