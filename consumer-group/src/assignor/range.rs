//! Java's `RangeAssignor`: per topic, consecutive partitions to the members in order.

use std::{cmp::Ordering, sync::Arc};

use ottla_kafka_core::TopicPartition;

use super::{Assignments, Assignor, PartitionCounts, Subscriber};

/// Gives each subscriber of a topic a consecutive range; the first ones get one more if it does not divide.
///
/// Topics with the same number of partitions and the same subscribers are co-partitioned: partition `n` of each
/// goes to the same member.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Range;

impl Assignor for Range {
    fn name(&self) -> &'static str {
        "range"
    }

    fn assign(&self, partitions: &PartitionCounts, members: &[Subscriber]) -> Assignments {
        let mut ordered: Vec<&Subscriber> = members.iter().collect();
        ordered.sort_by(|a, b| member_order(a, b));
        let mut assignments: Assignments = members.iter().map(|m| (m.member_id.clone(), Vec::new())).collect();
        for (topic, count) in partitions {
            let subscribers = ordered.iter().filter(|m| m.topics.contains(topic)).map(|m| m.member_id.as_str());
            for (member, range) in ranges(*count, subscribers.collect()) {
                let share = range.map(|partition| TopicPartition::new(Arc::clone(topic), partition));
                assignments.entry(member.to_owned()).or_default().extend(share);
            }
        }
        assignments
    }
}

/// Cuts `0..count` into one range a member, the longer ones first.
fn ranges(count: i32, members: Vec<&str>) -> impl Iterator<Item = (&str, std::ops::Range<i32>)> {
    let among = i32::try_from(members.len()).unwrap_or(i32::MAX).max(1);
    let (each, extra) = (count.max(0) / among, count.max(0) % among);
    let mut start = 0;
    members.into_iter().zip(0..).map(move |(member, index)| {
        let range = start..start + each + i32::from(index < extra);
        start = range.end;
        (member, range)
    })
}

/// Java's order: static members first, by instance id; then dynamic ones, by member id.
fn member_order(a: &Subscriber, b: &Subscriber) -> Ordering {
    match (&a.instance_id, &b.instance_id) {
        (Some(a), Some(b)) => java_order(a, b),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => java_order(&a.member_id, &b.member_id),
    }
}

/// Java compares UTF-16 units: a mixed group must agree on the order whoever leads it.
fn java_order(a: &str, b: &str) -> Ordering {
    a.encode_utf16().cmp(b.encode_utf16())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `topics`: "a:3 b:2"; `members`: "m1=a,b m2@instance=a"; expected: "m1: a-0 a-1; m2@…".
    fn check(topics: &str, members: &str, expected: &str) {
        let partitions: PartitionCounts = topics
            .split_whitespace()
            .map(|t| t.split_once(':').expect("topic:count"))
            .map(|(topic, count)| (topic.into(), count.parse().expect("a count")))
            .collect();
        let members: Vec<Subscriber> = members
            .split_whitespace()
            .map(|m| m.split_once('=').expect("member=topics"))
            .map(|(id, topics)| Subscriber {
                member_id: id.split('@').next().unwrap_or_default().to_owned(),
                instance_id: id.split_once('@').map(|(_, instance)| instance.to_owned()),
                topics: topics.split(',').filter(|t| !t.is_empty()).map(Arc::from).collect(),
            })
            .collect();
        let got: Vec<String> = Range
            .assign(&partitions, &members)
            .into_iter()
            .map(|(member, share)| {
                let share: Vec<String> = share.iter().map(ToString::to_string).collect();
                format!("{member}: {}", share.join(" "))
            })
            .collect();
        assert_eq!(got.join("; "), expected, "{topics} among {members:?}");
    }

    // The cases of Java's RangeAssignorTest, by its names.
    #[test]
    fn assigns_as_java_does() {
        check("", "c=", "c: "); // testOneConsumerNoTopic
        check("", "c=t", "c: "); // testOneConsumerNonexistentTopic
        check("t:3", "c=t", "c: t-0 t-1 t-2"); // testOneConsumerOneTopic
        check("t:3 other:3", "c=t", "c: t-0 t-1 t-2"); // testOnlyAssignsPartitionsFromSubscribedTopics
        check("t1:1 t2:2", "c=t1,t2", "c: t1-0 t2-0 t2-1"); // testOneConsumerMultipleTopics
        check("t:1", "c1=t c2=t", "c1: t-0; c2: "); // testTwoConsumersOneTopicOnePartition
        check("t:2", "c1=t c2=t", "c1: t-0; c2: t-1"); // testTwoConsumersOneTopicTwoPartitions
        // testMultipleConsumersMixedTopics
        check("t1:3 t2:2", "c1=t1 c2=t1,t2 c3=t1", "c1: t1-0; c2: t1-1 t2-0 t2-1; c3: t1-2");
        // testTwoConsumersTwoTopicsSixPartitions
        check("t1:3 t2:3", "c1=t1,t2 c2=t1,t2", "c1: t1-0 t1-1 t2-0 t2-1; c2: t1-2 t2-2");
        // testTwoStaticConsumersTwoTopicsSixPartitions: the instance ids order them against the member ids
        check("t1:3 t2:3", "b@i1=t1,t2 a@i2=t1,t2", "a: t1-2 t2-2; b: t1-0 t1-1 t2-0 t2-1");
        // testOneStaticConsumerAndOneDynamicConsumerTwoTopicsSixPartitions: static before dynamic
        check("t1:3 t2:3", "a=t1,t2 b@i=t1,t2", "a: t1-2 t2-2; b: t1-0 t1-1 t2-0 t2-1");
    }

    #[test]
    fn the_first_members_get_the_rest() {
        check("t:7", "a=t b=t c=t", "a: t-0 t-1 t-2; b: t-3 t-4; c: t-5 t-6");
        check("t:2", "a=t b=t c=t", "a: t-0; b: t-1; c: ");
    }

    #[test]
    fn members_are_ordered_by_utf16_units_as_in_java() {
        // U+FF41 sorts behind U+1F600 in UTF-16 and before it in UTF-8.
        check("t:1", "\u{ff41}=t \u{1f600}=t", "\u{ff41}: ; \u{1f600}: t-0");
    }
}
