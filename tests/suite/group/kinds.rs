//! Members that keep their place over a restart, a member that nobody polls, and a consumer that is no member.

use std::time::Duration;

use libtest_mimic::Failed;
use ottla_consumer_group::{Consumer, Event, OffsetAndMetadata, StartPosition};
use ottla_kafka_core::{BrokerAddr, Client, ErrorCode, Producer, ProducerRecord, TopicPartition};
use ottla_tests::lane::Needs;
use tokio::time::timeout;

use super::{SOON, members::SESSION_TIMEOUT, next_assigned, produce};
use crate::harness::{Context, Outcome, Suite};

/// Longer than a session, shorter than what hangs.
const IN_TIME: Duration = Duration::from_secs(40);

pub(super) fn tests(suite: &mut Suite) {
    let restarts = a_static_member_that_restarts_moves_nothing;
    suite.test("group::a_static_member_that_restarts_moves_nothing", Needs::ANY, restarts);
    let fenced = the_older_of_two_members_with_one_instance_id_is_fenced;
    suite.test("group::the_older_of_two_members_with_one_instance_id_is_fenced", Needs::ANY, fenced);
    let unpolled = a_member_that_nobody_polls_gives_way_and_comes_back;
    suite.test("group::a_member_that_nobody_polls_gives_way_and_comes_back", Needs::ANY, unpolled);
    let acknowledged = asking_for_the_next_record_acknowledges_the_last;
    suite.test("group::asking_for_the_next_record_acknowledges_the_last", Needs::ANY, acknowledged);
    let ends = consumers_that_are_closed_or_dropped_leave_no_task;
    suite.test("group::consumers_that_are_closed_or_dropped_leave_no_task", Needs::ANY, ends);
    let alone = partitions_are_read_without_a_group_from_any_position;
    suite.test("group::partitions_are_read_without_a_group_from_any_position", Needs::ANY, alone);
}

fn member(client: &Client, group: &str, topic: &str, instance: &str) -> Result<Consumer, Failed> {
    let builder = Consumer::builder(client, group).topics([topic]).instance_id(instance);
    Ok(builder.session_timeout(SESSION_TIMEOUT).heartbeat_interval(SOON).build()?)
}

/// Its partitions, once the group has settled on that many.
async fn settled(consumer: &mut Consumer, count: usize) -> Result<Vec<TopicPartition>, Failed> {
    let settling = async {
        while consumer.handle().assignment().len() != count {
            // A guard that is dropped gives the partitions back.
            drop(consumer.recv().await?);
        }
        Ok::<_, Failed>(())
    };
    timeout(IN_TIME, settling).await.map_err(|_| format!("{} never came", count))??;
    Ok(consumer.handle().assignment())
}

async fn a_static_member_that_restarts_moves_nothing(cx: Context) -> Outcome {
    let client = cx.client()?;
    let topic = cx.topic(&client, "orders", 4).await?;
    let group = cx.unique("group");
    let (mut first, mut second) = (member(&client, &group, &topic, "one")?, member(&client, &group, &topic, "two")?);
    let (one, two) = tokio::join!(Box::pin(settled(&mut first, 2)), Box::pin(settled(&mut second, 2)));
    let (one, _) = (one?, two?);
    let generation = first.handle().generation();
    first.close().await?;
    let mut first = member(&client, &group, &topic, "one")?;
    // The other member is asked for nothing meanwhile.
    let watching = async {
        loop {
            if let event @ (Event::Revoking(_) | Event::Lost(_)) = second.recv().await? {
                return Err::<(), Failed>(format!("{event:?}").into());
            }
        }
    };
    let again = tokio::select! {
        biased;
        moved = Box::pin(watching) => return moved,
        again = Box::pin(settled(&mut first, 2)) => again?,
    };
    assert_eq!((again, first.handle().generation()), (one, generation), "it has what it had, in the same generation");
    first.close().await?;
    Ok(second.close().await?)
}

async fn the_older_of_two_members_with_one_instance_id_is_fenced(cx: Context) -> Outcome {
    let client = cx.client()?;
    let topic = cx.topic(&client, "orders", 1).await?;
    let group = cx.unique("group");
    let mut older = member(&client, &group, &topic, "one")?;
    next_assigned(&mut older).await?;
    let mut younger = member(&client, &group, &topic, "one")?;
    let fenced = async {
        loop {
            if let Err(error) = older.recv().await {
                return error;
            }
        }
    };
    let (error, younger_has) = tokio::join!(Box::pin(timeout(IN_TIME, fenced)), Box::pin(settled(&mut younger, 1)));
    let error = error.map_err(|_| "the older one was never told")?;
    assert_eq!(error.code(), Some(ErrorCode::FENCED_INSTANCE_ID), "{error}");
    assert_eq!(younger_has?.len(), 1);
    older.close().await?;
    Ok(younger.close().await?)
}

async fn a_member_that_nobody_polls_gives_way_and_comes_back(cx: Context) -> Outcome {
    let client = cx.client()?;
    let topic = cx.topic(&client, "orders", 2).await?;
    let group = cx.unique("group");
    let builder = || {
        let builder = Consumer::builder(&client, group.as_str()).topics([topic.as_str()]).heartbeat_interval(SOON);
        builder.max_poll_interval(Duration::from_secs(3)).revoke_drain(Duration::from_secs(1))
    };
    let mut idle = builder().build()?;
    next_assigned(&mut idle).await?;
    let mut other = builder().build()?;
    settled(&mut other, 2).await?;
    let commit = [(TopicPartition::new(topic.as_str(), 0), OffsetAndMetadata::new(0))];
    let outcomes = idle.handle().commit(commit).await?;
    assert!(outcomes.values().all(Result::is_err), "it owns nothing: {outcomes:?}");
    // Asked again, it says what it lost, and joins anew.
    let told = timeout(IN_TIME, idle.recv()).await.map_err(|_| "it says nothing")??;
    assert!(matches!(&told, Event::Lost(lost) if lost.len() == 2) || matches!(&told, Event::Revoking(_)), "{told:?}");
    drop(told);
    let (one, two) = tokio::join!(Box::pin(settled(&mut idle, 1)), Box::pin(settled(&mut other, 1)));
    assert_eq!((one?.len(), two?.len()), (1, 1));
    idle.close().await?;
    Ok(other.close().await?)
}

async fn asking_for_the_next_record_acknowledges_the_last(cx: Context) -> Outcome {
    let client = cx.client()?;
    let topic = cx.topic(&client, "orders", 1).await?;
    let group = cx.unique("group");
    produce(&client, &topic, "record", 10).await?;
    let reader =
        || Ok::<_, Failed>(Consumer::builder(&client, group.as_str()).topics([topic.as_str()]).build()?.records());
    for (offsets, acknowledges) in [(0..4, false), (3..6, true), (6..10, true)] {
        let mut records = reader()?;
        for offset in offsets {
            let record = timeout(IN_TIME, records.next()).await.map_err(|_| format!("no record {offset}"))??;
            assert_eq!((record.offset(), record.value()), (offset, Some(&format!("record {offset}").into())));
        }
        // The last one is acknowledged by nobody unless it is said.
        if acknowledges {
            records.acknowledge();
        }
        records.close().await?;
    }
    // What is acknowledged is committed while nobody asks for more than waits.
    produce(&client, &topic, "late", 1).await?;
    let mut records = reader()?;
    records.next().await?;
    let committed = async {
        tokio::select! {
            biased;
            record = records.next() => Err(Failed::from(format!("there is no {record:?}"))),
            committed = committed_up_to(&client, &group, 11) => committed,
        }
    };
    timeout(IN_TIME, Box::pin(committed)).await.map_err(|_| "not committed")??;
    Ok(records.close().await?)
}

async fn committed_up_to(client: &Client, group: &str, offset: i64) -> Outcome {
    while client.admin().group_offsets(group).await?.into_values().ne([offset]) {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(())
}

async fn consumers_that_are_closed_or_dropped_leave_no_task(cx: Context) -> Outcome {
    let topic = cx.topic(&cx.client()?, "orders", 1).await?;
    let (group, brokers) = (cx.unique("group"), cx.bootstrap()?);
    let (done, outcome) = tokio::sync::oneshot::channel();
    // A runtime of its own: the tasks of other tests do not count.
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let left = runtime.map(|runtime| runtime.block_on(tasks_left(brokers, &topic, &group)));
        // Who does not wait any more has failed for another reason.
        let _ = done.send(left.map_err(Failed::from).and_then(|left| left));
    });
    assert_eq!(outcome.await??, 0, "tasks are left");
    Ok(())
}

/// The tasks that are left of twenty consumers, in pairs: one is closed, one is dropped while it reads.
async fn tasks_left(brokers: Vec<BrokerAddr>, topic: &str, group: &str) -> Result<usize, Failed> {
    for round in 0..10 {
        let client = Client::builder().bootstrap(brokers.clone()).build()?;
        let group = format!("{group}-{round}");
        let builder = Consumer::builder(&client, group.as_str()).topics([topic]);
        let (mut closed, mut dropped) =
            (builder.build()?, Consumer::builder(&client, group.as_str()).topics([topic]).build()?);
        next_assigned(&mut closed).await?;
        // It has asked to join, and waits.
        drop(timeout(SOON, dropped.recv()).await);
        drop(dropped);
        closed.close().await?;
        client.close().await;
    }
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let ending = async {
        while tasks() > 0 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    // How many is the answer; that time is up is not.
    let _ = timeout(IN_TIME, ending).await;
    Ok(tasks())
}

async fn partitions_are_read_without_a_group_from_any_position(cx: Context) -> Outcome {
    let client = cx.client()?;
    let topic = cx.topic(&client, "orders", 3).await?;
    let producer = Producer::builder(&client).build()?;
    for number in 0..30 {
        let record = ProducerRecord::to(topic.as_str()).partition(number % 3).timestamp(1_000 + i64::from(number));
        producer.send(record.value(format!("{number}"))).await?;
    }
    let group = cx.unique("group");
    let of = |partition| TopicPartition::new(topic.as_str(), partition);
    let starts = [
        (of(0), StartPosition::Offset(4)),
        (of(1), StartPosition::Latest),
        // Record 17 is the fifth of partition 2.
        (of(2), StartPosition::Timestamp(1_016)),
    ];
    let mut consumer = Consumer::assign(&client, starts).group_id(group.as_str()).build()?;
    let positions: Vec<i64> = next_assigned(&mut consumer).await?.iter().map(|assigned| assigned.position).collect();
    assert_eq!(positions, [4, 10, 5]);
    producer.send(ProducerRecord::to(topic.as_str()).partition(1).value("late")).await?;
    let mut read = [0, 0, 0];
    while read != [6, 1, 5] {
        let event = timeout(IN_TIME, consumer.recv()).await.map_err(|_| format!("read only {read:?}"))??;
        if let Event::Records(records) = event {
            read[usize::try_from(records.topic_partition().partition())?] += records.len();
        }
    }
    let outcomes = consumer.handle().commit((0..3).map(|partition| (of(partition), OffsetAndMetadata::new(9)))).await?;
    outcomes.into_values().try_for_each(|outcome| outcome)?;
    let committed = client.admin().group_offsets(&group).await?;
    assert_eq!(committed.into_iter().collect::<Vec<_>>(), [(of(0), 9), (of(1), 9), (of(2), 9)]);
    consumer.close().await?;
    producer.close().await;
    Ok(())
}
