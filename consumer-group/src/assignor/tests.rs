use super::*;

/// `topics`: "a:3 b:2".
fn counts(topics: &str) -> PartitionCounts {
    let pairs = topics.split_whitespace().map(|t| t.split_once(':').expect("topic:count"));
    pairs.map(|(topic, count)| (topic.into(), count.parse().expect("a count"))).collect()
}

/// `members`: "m1=a,b m2@instance=a".
fn subscribers(members: &str) -> Vec<Subscriber> {
    let member = |(id, topics): (&str, &str)| Subscriber {
        member_id: id.split('@').next().unwrap_or_default().to_owned(),
        instance_id: id.split_once('@').map(|(_, instance)| instance.to_owned()),
        topics: topics.split(',').filter(|t| !t.is_empty()).map(Arc::from).collect(),
    };
    members.split_whitespace().map(|m| member(m.split_once('=').expect("member=topics"))).collect()
}

/// "m1=a-0,a-1 m2=", in the order of member ids and partitions.
fn words(assignments: Assignments) -> String {
    let share = |(member, mut share): (String, Vec<TopicPartition>)| {
        share.sort();
        let share: Vec<String> = share.iter().map(ToString::to_string).collect();
        format!("{member}={}", share.join(","))
    };
    assignments.into_iter().map(share).collect::<Vec<_>>().join(" ")
}

fn check(assignor: Assignor, topics: &str, members: &str, expected: &str) {
    let got = words(assignor.assign(&counts(topics), &subscribers(members)));
    assert_eq!(got, expected, "{assignor:?} of {topics} among {members}");
}

#[test]
fn assignments_are_those_of_kafkas_own_assignors() {
    let golden = include_str!("golden/assignments.txt");
    assert_eq!(golden.lines().count(), 80);
    for line in golden.lines() {
        let fields: Vec<&str> = line.split('|').map(str::trim).collect();
        let [name, topics, members, expected] = fields[..] else { panic!("four fields: {line}") };
        let assignor = [Assignor::Range, Assignor::RoundRobin].into_iter().find(|assignor| assignor.name() == name);
        // Java orders the lines by UTF-16 units.
        let mut expected: Vec<&str> = expected.split(' ').collect();
        expected.sort_by_key(|share| share.split('=').next().map(str::to_owned));
        check(assignor.expect("a known name"), topics, members, &expected.join(" "));
    }
}

// The cases of Java's RangeAssignorTest, by its names.
#[test]
fn range_assigns_as_java_does() {
    let check = |topics, members, expected| check(Assignor::Range, topics, members, expected);
    check("", "c=", "c="); // testOneConsumerNoTopic
    check("", "c=t", "c="); // testOneConsumerNonexistentTopic
    check("t:3", "c=t", "c=t-0,t-1,t-2"); // testOneConsumerOneTopic
    check("t:3 other:3", "c=t", "c=t-0,t-1,t-2"); // testOnlyAssignsPartitionsFromSubscribedTopics
    check("t1:1 t2:2", "c=t1,t2", "c=t1-0,t2-0,t2-1"); // testOneConsumerMultipleTopics
    check("t:1", "c1=t c2=t", "c1=t-0 c2="); // testTwoConsumersOneTopicOnePartition
    check("t:2", "c1=t c2=t", "c1=t-0 c2=t-1"); // testTwoConsumersOneTopicTwoPartitions
    // testMultipleConsumersMixedTopics
    check("t1:3 t2:2", "c1=t1 c2=t1,t2 c3=t1", "c1=t1-0 c2=t1-1,t2-0,t2-1 c3=t1-2");
    // testTwoConsumersTwoTopicsSixPartitions
    check("t1:3 t2:3", "c1=t1,t2 c2=t1,t2", "c1=t1-0,t1-1,t2-0,t2-1 c2=t1-2,t2-2");
    // testTwoStaticConsumersTwoTopicsSixPartitions: the instance ids order them against the member ids
    check("t1:3 t2:3", "b@i1=t1,t2 a@i2=t1,t2", "a=t1-2,t2-2 b=t1-0,t1-1,t2-0,t2-1");
    // testOneStaticConsumerAndOneDynamicConsumerTwoTopicsSixPartitions: static before dynamic
    check("t1:3 t2:3", "a=t1,t2 b@i=t1,t2", "a=t1-2,t2-2 b=t1-0,t1-1,t2-0,t2-1");
}

// The cases of Java's RoundRobinAssignorTest, by its names.
#[test]
fn round_robin_assigns_as_java_does() {
    let check = |topics, members, expected| check(Assignor::RoundRobin, topics, members, expected);
    check("", "c=", "c="); // testOneConsumerNoTopic
    check("", "c=t", "c="); // testOneConsumerNonexistentTopic
    check("t:3", "c=t", "c=t-0,t-1,t-2"); // testOneConsumerOneTopic
    check("t:3 other:3", "c=t", "c=t-0,t-1,t-2"); // testOnlyAssignsPartitionsFromSubscribedTopics
    check("t:2", "c1=t c2=t", "c1=t-0 c2=t-1"); // testTwoConsumersOneTopicTwoPartitions
    // testMultipleConsumersMixedTopicSubscriptions
    check("t1:3 t2:2", "c1=t1 c2=t1,t2 c3=t1", "c1=t1-0 c2=t1-1,t2-0,t2-1 c3=t1-2");
    // testTwoDynamicConsumersTwoTopicsSixPartitions
    check("t1:3 t2:3", "c1=t1,t2 c2=t1,t2", "c1=t1-0,t1-2,t2-1 c2=t1-1,t2-0,t2-2");
    // testOneStaticConsumerAndOneDynamicConsumerTwoTopicsSixPartitions
    check("t1:3 t2:3", "a=t1,t2 b@i=t1,t2", "a=t1-1,t2-0,t2-2 b=t1-0,t1-2,t2-1");
}

#[test]
fn the_first_members_of_a_range_get_the_rest() {
    check(Assignor::Range, "t:7", "a=t b=t c=t", "a=t-0,t-1,t-2 b=t-3,t-4 c=t-5,t-6");
    check(Assignor::Range, "t:2", "a=t b=t c=t", "a=t-0 b=t-1 c=");
}

#[test]
fn members_are_ordered_by_utf16_units_as_in_java() {
    // U+FF41 sorts behind U+1F600 in UTF-16 and before it in UTF-8.
    check(Assignor::Range, "t:1", "\u{ff41}=t \u{1f600}=t", "\u{ff41}= \u{1f600}=t-0");
}
