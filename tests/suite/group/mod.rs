//! Consumer groups: nothing is skipped and nothing is repeated without need, whoever comes, goes or dies.

mod churn;
mod kinds;
mod members;
mod progress;
mod questions;
mod recreated;

use std::time::Duration;

use libtest_mimic::Failed;
use members::Members;
use ottla_consumer_group::{Assigned, Consumer, Event, OffsetAndMetadata};
use ottla_kafka_core::{Client, ErrorKind, Producer, ProducerRecord, TopicPartition};
use ottla_tests::{
    history::{History, Violation},
    lane::Needs,
};
use progress::Progress;
use tokio::time::{interval, sleep, timeout};

use crate::{
    harness::{Context, Outcome, Suite},
    support::read_log,
};

const PARTITIONS: i32 = 4;
/// A heartbeat interval, and a time between looks at the cluster, for tests that wait for them.
const SOON: Duration = Duration::from_millis(300);
const DRAIN_LIMIT: Duration = Duration::from_secs(40);

pub(crate) fn tests(suite: &mut Suite) {
    let long = Duration::from_secs(180);
    suite.test("group::a_new_member_resumes_where_the_last_committed", Needs::ANY, a_new_member_resumes);
    let comes_and_goes = members_that_come_go_and_die_lose_nothing;
    suite.long_test("group::members_that_come_go_and_die_lose_nothing", Needs::ANY, long, comes_and_goes);
    let restarts = a_restarted_coordinator_loses_nothing;
    suite.long_test("group::a_restarted_coordinator_loses_nothing", Needs::ANY.restart(), long, restarts);
    churn::tests(suite);
    kinds::tests(suite);
    questions::tests(suite);
    recreated::tests(suite);
    suite.test(
        "group::offsets_can_be_committed_while_partitions_are_revoked",
        Needs::ANY,
        offsets_can_be_committed_while_partitions_are_revoked,
    );
    suite.test("group::a_committed_offset_out_of_range_is_an_error", Needs::ANY, a_committed_offset_out_of_range);
    let pattern = a_pattern_finds_topics_that_come_after_the_member;
    suite.test("group::a_pattern_finds_topics_that_come_after_the_member", Needs::ANY, pattern);
    suite.test("group::kafkas_tools_see_the_group", Needs::ANY.tools(), kafkas_tools_see_the_group);
}

async fn a_new_member_resumes(cx: Context) -> Outcome {
    let client = cx.client()?;
    let topic = cx.topic(&client, "orders", PARTITIONS).await?;
    let group = cx.unique("group");
    let history = History::new();
    let progress = Progress::default();
    for round in 1..=3 {
        produce(&client, &topic, &format!("round {round}"), 100).await?;
        let mut members = Members::new(&client, &group, &topic, &history).after(&progress);
        members.join()?;
        drained(&cx, &topic, &history, &mut members).await?;
        members.close().await?;
    }
    let report = history.check_polls().clean()?;
    assert_eq!((report.logged, report.polled), (300, 300), "records were repeated: {report}");
    Ok(())
}

async fn members_that_come_go_and_die_lose_nothing(cx: Context) -> Outcome {
    let client = cx.client()?;
    let topic = cx.topic(&client, "orders", PARTITIONS).await?;
    let history = History::new();
    let mut members = Members::new(&client, &cx.unique("group"), &topic, &history);
    let mut seed = cx.seed();
    let changing = async {
        members.join()?;
        for _ in 0..12 {
            sleep(seed.millis(300..1_500)).await;
            match (members.len(), seed.between(0..4)) {
                (0 | 1, _) | (2..4, 0 | 1) => members.join()?,
                (_, 2) => members.kill(),
                _ => members.leave(),
            }
        }
        if members.len() == 0 {
            members.join()?;
        }
        Ok(())
    };
    let (produced, changed) = tokio::join!(produce_slowly(&client, &topic, 1_500), changing);
    produced.and(changed)?;
    drained(&cx, &topic, &history, &mut members).await?;
    members.close().await?;
    let report = history.check_polls().clean()?;
    assert_eq!(report.logged, 1_500, "{report}");
    Ok(())
}

async fn a_restarted_coordinator_loses_nothing(cx: Context) -> Outcome {
    let client = cx.client()?;
    let topic = cx.topic(&client, "orders", PARTITIONS).await?;
    let history = History::new();
    let mut members = Members::new(&client, &cx.unique("group"), &topic, &history);
    members.join()?;
    members.join()?;
    produce(&client, &topic, "before", 200).await?;
    drained(&cx, &topic, &history, &mut members).await?;
    // Each node in turn: one of them is the coordinator.
    let restarting = async {
        for node in 1..=cx.fixture().offers().nodes {
            cx.fixture().kill(node).await?;
            cx.fixture().restart(node).await?;
        }
        Ok(())
    };
    let (produced, restarted) = tokio::join!(produce_slowly(&client, &topic, 600), restarting);
    produced.and(restarted)?;
    drained(&cx, &topic, &history, &mut members).await?;
    members.close().await?;
    history.check_polls().clean()?;
    Ok(())
}

async fn offsets_can_be_committed_while_partitions_are_revoked(cx: Context) -> Outcome {
    let client = cx.client()?;
    let topic = cx.topic(&client, "orders", 1).await?;
    let group = cx.unique("group");
    produce(&client, &topic, "record", 10).await?;
    let builder = || Consumer::builder(&client, group.as_str()).topics([topic.as_str()]);
    let partition = TopicPartition::new(topic.as_str(), 0);
    let mut first = builder().heartbeat_interval(Duration::from_millis(200)).build()?;
    next_assigned(&mut first).await?;
    // A second member makes the group want the partition back; the first commits only then.
    let mut second = builder().build()?;
    let revoked = async {
        loop {
            if let Event::Revoking(guard) = first.recv().await? {
                let offset = OffsetAndMetadata::new(7).with_metadata("half done");
                let committed = first.handle().commit([(partition.clone(), offset)]).await?;
                committed.into_values().try_for_each(|result| result.map(drop))?;
                guard.release();
                break;
            }
        }
        Ok::<_, Failed>(first.close().await?)
    };
    let assigned = async {
        loop {
            let assigned = next_assigned(&mut second).await?;
            if let Some(assigned) = assigned.into_iter().next() {
                return Ok::<_, Failed>(assigned);
            }
        }
    };
    let (revoked, assigned) = tokio::join!(Box::pin(revoked), Box::pin(assigned));
    revoked?;
    let assigned = assigned?;
    assert_eq!(assigned.position, 7);
    assert_eq!(assigned.committed.as_ref().map(OffsetAndMetadata::metadata), Some("half done"));
    Ok(second.close().await?)
}

async fn a_committed_offset_out_of_range(cx: Context) -> Outcome {
    let client = cx.client()?;
    let topic = cx.topic(&client, "orders", 1).await?;
    let group = cx.unique("group");
    produce(&client, &topic, "record", 10).await?;
    let builder = || Consumer::builder(&client, group.as_str()).topics([topic.as_str()]);
    let mut consumer = builder().build()?;
    next_assigned(&mut consumer).await?;
    let partition = TopicPartition::new(topic.as_str(), 0);
    consumer.handle().commit([(partition.clone(), OffsetAndMetadata::new(1_000))]).await?;
    consumer.close().await?;
    let mut consumer = builder().build()?;
    let error = loop {
        match consumer.recv().await {
            Ok(Event::Records(_)) => return Err("records are read from an offset that does not exist".into()),
            Ok(_) => {}
            Err(error) => break error,
        }
    };
    match error.kind() {
        ErrorKind::OffsetOutOfRange { topic_partition, offset, log_start, high_watermark } => {
            assert_eq!((topic_partition, *offset), (&partition, 1_000));
            assert_eq!((*log_start, *high_watermark), (Some(0), Some(10)), "the gap is named");
        }
        _ => return Err(error.into()),
    }
    Ok(consumer.close().await?)
}

async fn a_pattern_finds_topics_that_come_after_the_member(cx: Context) -> Outcome {
    let client = cx.client()?;
    let prefix = cx.unique("matched");
    let builder = Consumer::builder(&client, cx.unique("group")).pattern(format!("{prefix}-.*"));
    let mut consumer = builder.heartbeat_interval(SOON).metadata_max_age(SOON).build()?;
    assert_eq!(next_assigned(&mut consumer).await?, [], "nothing matches yet");
    let topics = [format!("{prefix}-one"), format!("{prefix}-two")];
    cx.create_topic(&client, &format!("other-{prefix}-one"), 1, &[]).await?;
    for topic in &topics {
        cx.create_topic(&client, topic, 1, &[]).await?;
        produce(&client, topic, "record", 5).await?;
        let mut read = 0;
        while read < 5 {
            if let Event::Records(records) = consumer.recv().await? {
                // What nobody commits is read again after each rebalance.
                read = if records.topic_partition().topic() == topic { read + records.len() } else { read };
            }
        }
    }
    let assigned: Vec<String> = consumer.handle().assignment().iter().map(|of| of.topic().to_owned()).collect();
    assert_eq!(assigned, topics, "both match, and nothing else");
    Ok(consumer.close().await?)
}

async fn kafkas_tools_see_the_group(cx: Context) -> Outcome {
    let client = cx.client()?;
    let topic = cx.topic(&client, "orders", 2).await?;
    let group = cx.unique("group");
    produce(&client, &topic, "record", 10).await?;
    let history = History::new();
    let mut members = Members::new(&client, &group, &topic, &history);
    members.join()?;
    drained(&cx, &topic, &history, &mut members).await?;
    let address = cx.fixture().addresses().join(",");
    let class = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand";
    let arguments = ["--bootstrap-server", &address, "--describe", "--group", &group];
    let described = cx.fixture().tools()?.run(class, &arguments).await?;
    members.close().await?;
    // GROUP TOPIC PARTITION CURRENT-OFFSET LOG-END-OFFSET LAG CONSUMER-ID HOST CLIENT-ID
    let rows: Vec<Vec<&str>> = described
        .lines()
        .map(|line| line.split_whitespace().collect())
        .filter(|columns: &Vec<&str>| columns.first() == Some(&group.as_str()))
        .collect();
    assert_eq!(rows.len(), 2, "{described}");
    for columns in rows {
        assert_eq!(columns.get(5), Some(&"0"), "lag: {described}");
        assert!(columns.get(6).is_some_and(|member| member.starts_with("ottla")), "member: {described}");
    }
    Ok(())
}

async fn next_assigned(consumer: &mut Consumer) -> Result<Vec<Assigned>, Failed> {
    loop {
        if let Event::Assigned(assigned) = consumer.recv().await? {
            return Ok(assigned);
        }
    }
}

async fn produce(client: &Client, topic: &str, what: &str, records: u32) -> Outcome {
    let producer = Producer::builder(client).build()?;
    let mut acks = Vec::new();
    for number in 0..records {
        let record = ProducerRecord::to(topic).key(format!("key-{number}")).value(format!("{what} {number}"));
        acks.push(producer.enqueue(record).await?);
    }
    for ack in acks {
        ack.await?;
    }
    producer.close().await;
    Ok(())
}

/// A record every ten milliseconds.
async fn produce_slowly(client: &Client, topic: &str, records: u32) -> Outcome {
    let producer = Producer::builder(client).build()?;
    let mut pace = interval(Duration::from_millis(10));
    let mut acks = Vec::new();
    for number in 0..records {
        pace.tick().await;
        let record = ProducerRecord::to(topic).key(format!("key-{number}")).value(format!("slow {number}"));
        acks.push(producer.enqueue(record).await?);
    }
    for ack in acks {
        ack.await?;
    }
    producer.close().await;
    Ok(())
}

/// Waits until everything that the log holds now was given to some member.
async fn drained(cx: &Context, topic: &str, history: &History, members: &mut Members) -> Outcome {
    for record in read_log(cx, topic).await? {
        history.logged(record.partition, record.offset, record.text());
    }
    let unread = || {
        let violations = history.check_polls().violations;
        violations.into_iter().filter(|violation| matches!(violation, Violation::Unread(_))).count()
    };
    let draining = async {
        while unread() > 0 {
            members.check()?;
            sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    };
    let drained = timeout(DRAIN_LIMIT, draining).await;
    let late = |_| format!("{} records are read by nobody within {DRAIN_LIMIT:?}{}", unread(), members.describe());
    drained.map_err(late)?
}
