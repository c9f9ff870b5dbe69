//! What a consumer is told of the log and of its group without reading, and partitions that come while a broker holds its
//! request.

use std::time::Duration;

use ottla_consumer_group::{Consumer, Event, OffsetAndMetadata};
use ottla_kafka_core::{FetchConfig, Producer, ProducerRecord, TopicPartition};
use ottla_tests::lane::Needs;
use tokio::time::{Instant, timeout};

use super::{SOON, next_assigned};
use crate::harness::{Context, Outcome, Suite};

/// How long a broker may hold a request that brings nothing.
const LONG: Duration = Duration::from_secs(30);

pub(super) fn tests(suite: &mut Suite) {
    let told = the_offsets_of_the_log_and_of_the_group_are_told;
    suite.test("group::the_offsets_of_the_log_and_of_the_group_are_told", Needs::ANY, told);
    let held = a_new_partition_does_not_wait_for_a_request_that_a_broker_holds;
    suite.test("group::a_new_partition_does_not_wait_for_a_request_that_a_broker_holds", Needs::ANY, held);
}

async fn the_offsets_of_the_log_and_of_the_group_are_told(cx: Context) -> Outcome {
    let client = cx.client()?;
    let topic = cx.topic(&client, "orders", 2).await?;
    let [of, empty] = [0, 1].map(|partition| TopicPartition::new(topic.as_str(), partition));
    let producer = Producer::builder(&client).build()?;
    for number in 0..10 {
        let record = ProducerRecord::to(topic.as_str()).partition(0).timestamp(1_000 * (1 + number)).value("x");
        producer.send(record).await?;
    }
    producer.close().await;

    let group = cx.unique("group");
    let mut member = Consumer::builder(&client, group.as_str()).topics([topic.as_str()]).build()?;
    next_assigned(&mut member).await?;
    let committed = OffsetAndMetadata::new(4).with_metadata("so far");
    member.handle().commit([(of.clone(), committed.clone())]).await?.into_values().try_for_each(|outcome| outcome)?;

    // One who is no member asks as well as one who is.
    let stranger = Consumer::builder(&client, group.as_str()).topics([topic.as_str()]).build()?;
    for handle in [member.handle(), stranger.handle()] {
        let mut found = handle.committed_offsets([of.clone(), empty.clone()]).await?;
        let found_of = found.remove(&of).ok_or("no answer")??.ok_or("nothing is committed")?;
        assert_eq!((found_of.offset(), found_of.metadata()), (4, "so far"));
        assert_eq!(found.remove(&empty).ok_or("no answer")??, None);
        let mut first = handle.beginning_offsets([of.clone(), empty.clone()]).await?;
        assert_eq!((first.remove(&of).ok_or("no answer")??, first.remove(&empty).ok_or("no answer")??), (0, 0));
        let mut end = handle.end_offsets([of.clone(), empty.clone()]).await?;
        assert_eq!((end.remove(&of).ok_or("no answer")??, end.remove(&empty).ok_or("no answer")??), (10, 0));
        for (at_ms, offset) in [(0, Some(0)), (5_000, Some(4)), (5_001, Some(5)), (10_001, None)] {
            let mut found = handle.offsets_for_times([(of.clone(), at_ms)]).await?;
            assert_eq!(found.remove(&of).ok_or("no answer")??, offset, "at {at_ms} ms");
        }
    }
    stranger.close().await?;
    member.close().await?;
    client.close().await;
    Ok(())
}

async fn a_new_partition_does_not_wait_for_a_request_that_a_broker_holds(cx: Context) -> Outcome {
    let client = cx.client()?;
    let topic = cx.topic(&client, "orders", 1).await?;
    let mut member = Consumer::builder(&client, cx.unique("group"))
        .topics([topic.as_str()])
        .heartbeat_interval(SOON)
        .metadata_max_age(SOON)
        .fetch(FetchConfig::default().max_wait(LONG))
        .build()?;
    next_assigned(&mut member).await?;
    let begun = Instant::now();
    client.admin().create_partitions(&[(topic.as_str(), 2)]).await?.into_values().try_for_each(|grown| grown)?;
    let producing = async {
        let producer = Producer::builder(&client).build()?;
        let record = || ProducerRecord::to(topic.as_str()).partition(1).value("new");
        // The client learns of the partition in a while.
        while producer.send(record()).await.is_err() && begun.elapsed() < LONG {
            let generation = client.metadata().cluster().generation();
            client.metadata().refresh_after(generation).await?;
        }
        producer.close().await;
        Outcome::Ok(())
    };
    let reading = async {
        loop {
            if let Event::Records(records) = member.recv().await? {
                assert_eq!(records.topic_partition().partition(), 1);
                return Outcome::Ok(());
            }
        }
    };
    let (produced, read) = tokio::join!(producing, timeout(LONG, reading));
    produced?;
    read.map_err(|_| "the new partition waits for the old one's request")??;
    let took = begun.elapsed();
    cx.figure(&format!("a record of a new partition was read {took:?} after the partition was made"));
    assert!(took < LONG * 2 / 3, "it took {took:?}");
    member.close().await?;
    client.close().await;
    Ok(())
}
