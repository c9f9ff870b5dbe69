//! What is written is read once and in order, within the memory that was given, from where it was asked for.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use libtest_mimic::Failed;
use ottla_kafka_core::{
    Client, ErrorKind, FetchConfig, Fetched, FetchedRecords, Fetcher, OffsetReset, Producer, ProducerRecord,
    StartPosition, TopicPartition,
};
use ottla_tests::lane::Needs;
use tokio::time::{sleep, timeout};

use crate::harness::{Context, Outcome, Suite};

const PARTITIONS: i32 = 6;
const MIB: usize = 1 << 20;

pub(crate) fn tests(suite: &mut Suite) {
    let limit = Duration::from_secs(240);
    let slow = a_slow_reader_stays_within_its_memory_and_loses_nothing;
    suite.long_test("fetch::a_slow_reader_stays_within_its_memory_and_loses_nothing", Needs::ANY, limit, slow);
    let killed = a_killed_broker_costs_a_reader_nothing;
    suite.long_test("fetch::a_killed_broker_costs_a_reader_nothing", Needs::ANY.restart(), limit, killed);
    suite.test("fetch::reading_starts_where_it_is_told_to", Needs::ANY, reading_starts_where_it_is_told_to);
}

/// Records of 1 KiB that the partitions share.
async fn fill(client: &Client, topic: &str, records: i64) -> Outcome {
    let producer = Producer::builder(client).build()?;
    let mut acks = VecDeque::new();
    for number in 0..records {
        let mut value = number.to_string().into_bytes();
        value.resize(1024, b'.');
        let partition = i32::try_from(number % i64::from(PARTITIONS))?;
        acks.push_back(producer.enqueue(ProducerRecord::to(topic).partition(partition).value(value)).await?);
        if acks.len() > 2_000
            && let Some(ack) = acks.pop_front()
        {
            ack.await?;
        }
    }
    for ack in acks {
        ack.await?;
    }
    producer.close().await;
    Ok(())
}

fn reader(client: &Client, topic: &str, config: FetchConfig) -> Fetcher {
    let mut fetcher = Fetcher::new(client, config);
    for partition in 0..PARTITIONS {
        fetcher.assign(TopicPartition::new(topic, partition), StartPosition::Earliest);
    }
    fetcher
}

/// How far each partition was read; every offset once.
#[derive(Default)]
struct Progress(BTreeMap<i32, i64>);

impl Progress {
    fn take(&mut self, records: &FetchedRecords) -> Outcome {
        let next = self.0.entry(records.topic_partition().partition()).or_default();
        for record in records.iter() {
            if record.offset() != *next {
                return Err(
                    format!("{}: offset {} in place of {next}", records.topic_partition(), record.offset()).into()
                );
            }
            *next += 1;
        }
        Ok(())
    }

    fn count(&self) -> i64 {
        self.0.values().sum()
    }
}

async fn records(fetcher: &mut Fetcher) -> Result<FetchedRecords, Failed> {
    loop {
        match timeout(Duration::from_secs(60), fetcher.next()).await.map_err(|_| "reading stopped")? {
            Fetched::Records(records) => return Ok(records),
            Fetched::Progress { .. } | Fetched::Reset { .. } => {}
            Fetched::Failed { error, .. } => return Err(error.into()),
        }
    }
}

async fn a_slow_reader_stays_within_its_memory_and_loses_nothing(cx: Context) -> Outcome {
    let client = cx.client()?;
    let topic = cx.topic(&client, "large", PARTITIONS).await?;
    let total = 16 * 1024;
    fill(&client, &topic, total).await?;
    // Sixteen times less than there is. A broker's answer may be longer than asked for by one batch.
    let bound = 2 * MIB * cx.fixture().offers().nodes;
    let mut fetcher = reader(&client, &topic, FetchConfig::default().fetch_memory(MIB).partition_bytes(128 << 10));
    let mut progress = Progress::default();
    let mut held = VecDeque::new();
    // Somebody who keeps all that he is given is given no more.
    while let Ok(fetched) = timeout(Duration::from_secs(3), records(&mut fetcher)).await {
        held.push_back(fetched?);
        assert!(fetcher.memory_used() <= bound, "{} bytes", fetcher.memory_used());
    }
    let kept: usize = held.iter().map(FetchedRecords::len).sum();
    assert!((256..4096).contains(&kept), "{kept} records of 1 KiB fit into 1 MiB");
    held.iter().try_for_each(|records| progress.take(records))?;
    held.clear();
    let mut most = 0;
    while progress.count() < total {
        let fetched = records(&mut fetcher).await?;
        progress.take(&fetched)?;
        held.push_back(fetched);
        most = most.max(fetcher.memory_used());
        if held.len() > 2 {
            held.pop_front();
        }
    }
    cx.figure(&format!("16 MiB read within {} KiB of 1024 KiB", most >> 10));
    assert!(most <= bound, "{most} bytes");
    Ok(())
}

async fn a_killed_broker_costs_a_reader_nothing(cx: Context) -> Outcome {
    let client = cx.client()?;
    let topic = cx.topic(&client, "orders", PARTITIONS).await?;
    let total = 6_000;
    fill(&client, &topic, total).await?;
    let mut fetcher = reader(&client, &topic, FetchConfig::default().partition_bytes(64 << 10));
    let mut progress = Progress::default();
    for kill in 0..3 {
        while progress.count() < total * (kill + 1) / 4 {
            progress.take(&records(&mut fetcher).await?)?;
        }
        let node = usize::try_from(kill)? % cx.fixture().offers().nodes + 1;
        cx.fixture().kill(node).await?;
        sleep(Duration::from_millis(500)).await;
        cx.fixture().restart(node).await?;
    }
    fill(&client, &topic, 600).await?;
    while progress.count() < total + 600 {
        progress.take(&records(&mut fetcher).await?)?;
    }
    Ok(())
}

async fn reading_starts_where_it_is_told_to(cx: Context) -> Outcome {
    use StartPosition::{Earliest, Latest, Offset, Timestamp};
    let client = cx.client()?;
    let topic = cx.topic(&client, "orders", 1).await?;
    let partition = TopicPartition::new(topic.as_str(), 0);
    let producer = Producer::builder(&client).build()?;
    for number in 0..20_i64 {
        let record = ProducerRecord::to(topic.as_str()).value(number.to_string()).timestamp(1_000_000 + number * 1000);
        producer.send(record).await?;
    }
    for (start, first) in
        [(Earliest, 0), (Offset(7), 7), (Timestamp(1_004_500), 5), (Latest, 20), (Timestamp(i64::MAX), 21)]
    {
        let mut fetcher = Fetcher::new(&client, FetchConfig::default());
        fetcher.assign(partition.clone(), start);
        while fetcher.position(&partition).is_none() {
            sleep(Duration::from_millis(20)).await;
        }
        if first >= 20 {
            producer.send(ProducerRecord::to(topic.as_str()).value("later").timestamp(5_000_000)).await?;
        }
        let fetched = records(&mut fetcher).await?;
        let read = fetched.iter().next().map(|record| record.offset());
        assert_eq!(read, Some(first), "{start:?}");
    }
    producer.close().await;
    gaps(&client, &partition).await
}

/// The log holds 0 to 22.
async fn gaps(client: &Client, partition: &TopicPartition) -> Outcome {
    for (policy, to) in [(OffsetReset::Error, None), (OffsetReset::Earliest, Some(0)), (OffsetReset::Latest, Some(22))]
    {
        let mut fetcher = Fetcher::new(client, FetchConfig::default().offset_reset(policy));
        fetcher.assign(partition.clone(), 100);
        match (timeout(Duration::from_secs(60), fetcher.next()).await?, to) {
            (Fetched::Failed { error, .. }, None) => {
                let gap = ErrorKind::OffsetOutOfRange {
                    topic_partition: partition.clone(),
                    offset: 100,
                    log_start: Some(0),
                    high_watermark: Some(22),
                };
                assert_eq!(error.kind(), &gap);
            }
            (Fetched::Reset { from: 100, to: is, .. }, Some(to)) => assert_eq!(is, to, "{policy:?}"),
            (other, _) => return Err(format!("{other:?} under {policy:?}").into()),
        }
    }
    Ok(())
}
