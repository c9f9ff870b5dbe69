use ottla_kafka_core::{Client, ErrorCode, ListedOffset, OffsetSpec, Producer, ProducerRecord, TopicPartition};
use ottla_tests::lane::Needs;

use super::{Failed, code, only};
use crate::harness::{Context, Outcome, Suite};

pub(super) fn tests(suite: &mut Suite) {
    suite.test("admin::offsets_are_found_by_position_and_time", Needs::ANY, offsets_are_found_by_position_and_time);
    suite.test("admin::records_are_deleted_up_to_an_offset", Needs::ANY, records_are_deleted_up_to_an_offset);
}

/// A topic of one partition with records of these timestamps.
async fn written(cx: &Context, client: &Client, timestamps: &[i64]) -> Result<TopicPartition, Failed> {
    let topic = cx.topic(client, "offsets", 1).await?;
    let producer = Producer::builder(client).build()?;
    for at in timestamps {
        producer.send(ProducerRecord::to(topic.as_str()).value("x").timestamp(*at)).await?;
    }
    producer.close().await;
    Ok(TopicPartition::new(topic, 0))
}

async fn listed(client: &Client, partition: &TopicPartition, spec: OffsetSpec) -> Result<ListedOffset, Failed> {
    Ok(only(client.admin().list_offsets(&[(partition.clone(), spec)]).await?)??)
}

async fn offsets_are_found_by_position_and_time(cx: Context) -> Outcome {
    let client = cx.client()?;
    let partition = written(&cx, &client, &[1_000, 3_000, 2_000]).await?;
    for (spec, offset) in [
        (OffsetSpec::Earliest, 0),
        (OffsetSpec::Latest, 3),
        (OffsetSpec::HighWatermark, 3),
        (OffsetSpec::Timestamp(1_500), 1),
        (OffsetSpec::Timestamp(9_000), -1),
        (OffsetSpec::MaxTimestamp, 1),
    ] {
        assert_eq!(listed(&client, &partition, spec).await?.offset, offset, "{spec:?}");
    }
    assert_eq!(listed(&client, &partition, OffsetSpec::MaxTimestamp).await?.timestamp, 3_000);

    let missing = TopicPartition::new(cx.unique("missing"), 0);
    let beyond = TopicPartition::new(partition.topic_shared(), 7);
    let asked = [&missing, &beyond, &partition].map(|partition| (partition.clone(), OffsetSpec::Latest));
    let mut results = client.admin().list_offsets(&asked).await?;
    assert!(results.remove(&partition).is_some_and(|result| result.is_ok()), "the others do not spoil it");
    for unknown in [missing, beyond] {
        let code = results.remove(&unknown).and_then(code);
        assert_eq!(code, Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION), "{unknown}");
    }
    Ok(())
}

async fn records_are_deleted_up_to_an_offset(cx: Context) -> Outcome {
    let client = cx.client()?;
    let partition = written(&cx, &client, &[1_000, 2_000, 3_000]).await?;
    let low = only(client.admin().delete_records(&[(partition.clone(), 2)]).await?)??;
    assert_eq!((low, listed(&client, &partition, OffsetSpec::Earliest).await?.offset), (2, 2));
    let beyond = only(client.admin().delete_records(&[(partition.clone(), 9)]).await?)?;
    assert_eq!(code(beyond), Some(ErrorCode::OFFSET_OUT_OF_RANGE));
    let all = only(client.admin().delete_records(&[(partition.clone(), -1)]).await?)??;
    assert_eq!((all, listed(&client, &partition, OffsetSpec::Latest).await?.offset), (3, 3));
    Ok(())
}
