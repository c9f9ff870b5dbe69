//! Administrative requests mean the same on every broker.

use ottla_kafka_core::{ErrorCode, NewTopic, OffsetSpec, Producer, ProducerRecord, TopicPartition};
use ottla_tests::lane::Needs;

use crate::harness::{Context, Outcome, Suite};

pub(crate) fn tests(suite: &mut Suite) {
    suite.test("admin::a_topic_is_created_once_and_as_asked", Needs::ANY, a_topic_is_created_once_and_as_asked);
    suite.test("admin::offsets_are_found_by_position_and_time", Needs::ANY, offsets_are_found_by_position_and_time);
}

async fn a_topic_is_created_once_and_as_asked(cx: Context) -> Outcome {
    let client = cx.client()?;
    let name = cx.topic(&client, "created", 2).await?;
    assert_eq!(client.admin().partition_count(&name).await?, 2);
    let topics = [NewTopic::new(&name, 1, 1), NewTopic::new("no/such name", 1, 1)];
    let results = client.admin().create_topics(&topics).await?;
    let codes: Vec<_> = results.values().map(|result| result.as_ref().err().and_then(|error| error.code())).collect();
    assert_eq!(codes, [Some(ErrorCode::TOPIC_ALREADY_EXISTS), Some(ErrorCode::INVALID_TOPIC_EXCEPTION)]);
    assert_eq!(client.admin().partition_count(&name).await?, 2, "it is as it was");
    let missing = client.admin().partition_count(&cx.unique("missing")).await;
    assert_eq!(missing.err().and_then(|error| error.code()), Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION));
    assert!(client.admin().group_offsets(&cx.unique("nobody")).await?.is_empty());
    Ok(())
}

async fn offsets_are_found_by_position_and_time(cx: Context) -> Outcome {
    let client = cx.client()?;
    let name = cx.topic(&client, "offsets", 1).await?;
    let producer = Producer::builder(&client).build()?;
    for at in [1_000_i64, 2_000, 3_000] {
        producer.send(ProducerRecord::to(name.as_str()).value("x").timestamp(at)).await?;
    }
    let partition = TopicPartition::new(name.as_str(), 0);
    for (spec, offset) in [
        (OffsetSpec::Earliest, 0),
        (OffsetSpec::Latest, 3),
        (OffsetSpec::Timestamp(1_500), 1),
        (OffsetSpec::Timestamp(9_000), -1),
    ] {
        let mut listed = client.admin().list_offsets(&[(partition.clone(), spec)]).await?;
        let found = listed.remove(&partition).ok_or("the partition is missing")??;
        assert_eq!(found.offset, offset, "{spec:?}");
    }
    producer.close().await;
    Ok(())
}
