//! Where keys land, and what is left of them.

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use libtest_mimic::Failed;
use ottla_kafka_core::{Client, Codec, Isolation, OffsetSpec, TopicPartition};
use tokio::time::sleep;

use super::{
    Foreign, ours, records, same,
    text::{self, Mode},
};
use crate::{
    harness::{Context, Outcome},
    support::{Logged, read_log},
};

pub(super) async fn keys_land_where_java_puts_them(cx: Context) -> Outcome {
    let client = cx.client()?;
    let (theirs, our) = (cx.topic(&client, "java", 7).await?, cx.topic(&client, "ottla", 7).await?);
    // Every length up to 63, with bytes of both signs.
    let keys = (0..500_u32).map(|number| {
        let bytes = number.wrapping_mul(2_654_435_761).to_be_bytes();
        bytes.into_iter().cycle().take(usize::try_from(number % 64).unwrap_or_default()).collect::<Vec<u8>>()
    });
    let records: Vec<Logged> = keys.map(|key| records::record(-1, Some(&key), Some(b"value"))).collect();
    let mut input = String::new();
    text::section(&mut input, &theirs, Codec::None, Mode::Plain, &records);
    Foreign::Java.run(&cx, "write", input).await?;
    ours::write(&client, &our, Codec::Lz4, &records).await?;
    let (theirs, our) = (places(&cx, &theirs).await?, places(&cx, &our).await?);
    assert_eq!(theirs, our);
    assert!(theirs.len() > 400 && theirs.values().copied().max() == Some(6), "all partitions are in use");
    Ok(())
}

/// The partition of each key.
async fn places(cx: &Context, topic: &str) -> Result<BTreeMap<Bytes, i32>, Failed> {
    let log = read_log(cx, topic).await?;
    Ok(log.into_iter().filter_map(|record| Some((record.key?, record.partition))).collect())
}

pub(super) async fn a_compacted_topic_is_read_as_java_reads_it(cx: Context) -> Outcome {
    let client = cx.client()?;
    let topic = cx.unique("compacted");
    let settings = [
        ("cleanup.policy", "compact"),
        ("min.cleanable.dirty.ratio", "0.001"),
        ("delete.retention.ms", "0"),
        ("segment.ms", "200"),
        ("max.compaction.lag.ms", "200"),
    ];
    cx.create_topic(&client, &topic, 1, &settings).await?;
    let partition = TopicPartition::new(topic.as_str(), 0);
    // Overwritten again and again, and some deleted, in batches of every codec.
    let mut written = 0;
    for round in 0..3_i64 {
        let mut input = String::new();
        for codec in Codec::ALL {
            let record = |number: i32| {
                let value = format!("{codec} {round} {number}");
                let value = (number % 5 > 0 || round == 0).then_some(value.as_bytes());
                let record = records::record(0, Some(format!("{codec}-{}", number % 50).as_bytes()), value);
                // Segments go by the records' own time.
                Logged { timestamp: record.timestamp + 10_000 * round, ..record }
            };
            let records: Vec<Logged> = (0..200).map(record).collect();
            written += records.len();
            text::section(&mut input, &topic, codec, Mode::Plain, &records);
        }
        Foreign::Java.run(&cx, "write", input).await?;
    }
    let end = end(&client, &partition).await?;
    assert_eq!(usize::try_from(end)?, written, "offsets stay as they were");
    // The cleaner comes every 15 s, perhaps between our reading and Java's.
    loop {
        let read = || ours::read(&client, &partition, end, Isolation::ReadCommitted);
        let ours = read().await?.records;
        if ours.len() > written / 2 {
            sleep(Duration::from_millis(500)).await;
            continue;
        }
        let java = text::read(&Foreign::Java.run(&cx, "read", format!("{topic}\n")).await?, &topic)?;
        if ours == read().await?.records {
            return same(Codec::None, &java, &ours);
        }
    }
}

async fn end(client: &Client, partition: &TopicPartition) -> Result<i64, Failed> {
    let mut listed = client.admin().list_offsets(&[(partition.clone(), OffsetSpec::Latest)]).await?;
    Ok(listed.remove(partition).ok_or("the partition is missing")??.offset)
}
