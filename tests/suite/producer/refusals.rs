//! What a broker refuses, and what it takes: sizes, replicas, topics, codecs.

use std::time::Duration;

use ottla_kafka_core::{Client, Codec, Compression, ErrorCode, ErrorKind, Producer, ProducerRecord, TopicPartition};
use ottla_tests::lane::Needs;
use tokio::time::{Instant, sleep, timeout};

use crate::{
    harness::{Context, Outcome, Suite},
    support::read_log,
};

pub(super) fn tests(suite: &mut Suite) {
    let sizes = a_record_too_large_names_both_settings;
    suite.test("producer::a_record_too_large_names_both_settings", Needs::ANY, sizes);
    let missing = a_missing_topic_is_named_within_max_block;
    suite.test("producer::a_missing_topic_is_named_within_max_block", Needs::ANY, missing);
    let replicas = too_few_replicas_are_waited_for_and_nothing_is_applied;
    let (needs, limit) = (Needs::ANY.nodes(3).restart(), Duration::from_secs(240));
    suite.long_test("producer::too_few_replicas_are_waited_for_and_nothing_is_applied", needs, limit, replicas);
    let quota = a_quota_slows_down_and_writes_nothing_twice;
    let needs = Needs::ANY.real_kafka().tools();
    suite.long_test("producer::a_quota_slows_down_and_writes_nothing_twice", needs, limit, quota);
    let codecs = every_codec_and_level_is_read_back;
    suite.test("producer::every_codec_and_level_is_read_back", Needs::ANY, codecs);
}

async fn a_record_too_large_names_both_settings(cx: Context) -> Outcome {
    let client = cx.client()?;
    let topic = cx.unique("orders");
    cx.create_topic(&client, &topic, 1, &[("max.message.bytes", "2000")]).await?;
    let producer = Producer::builder(&client).max_request_size(20_000).build()?;
    let record = |bytes| ProducerRecord::to(topic.as_str()).value(vec![b'x'; bytes]);
    let ours = producer.send(record(30_000)).await.err().ok_or("larger than max.request.size")?;
    assert!(matches!(ours.kind(), ErrorKind::RecordTooLarge { limit: 20_000, .. }), "{ours}");
    let theirs = producer.send(record(5_000)).await.err().ok_or("larger than max.message.bytes")?;
    assert_eq!(theirs.code(), Some(ErrorCode::MESSAGE_TOO_LARGE));
    for error in [ours, theirs] {
        assert!(!error.maybe_applied(), "{error}");
        let text = error.to_string();
        assert!(text.contains("max.request.size") && text.contains("max.message.bytes"), "{text}");
    }
    producer.send(record(1_000)).await?;
    producer.close().await;
    assert_eq!(read_log(&cx, &topic).await?.len(), 1);
    Ok(())
}

async fn a_missing_topic_is_named_within_max_block(cx: Context) -> Outcome {
    let client = cx.client()?;
    let topic = cx.unique("missing");
    let producer = Producer::builder(&client).max_block(Duration::from_secs(2)).build()?;
    let started = Instant::now();
    let error = producer.send(ProducerRecord::to(topic.as_str()).value("x")).await.err().ok_or("there is none")?;
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
    assert_eq!((error.code(), error.maybe_applied()), (Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION), false), "{error}");
    assert!(error.to_string().contains(&topic), "{error}");
    Ok(())
}

async fn too_few_replicas_are_waited_for_and_nothing_is_applied(cx: Context) -> Outcome {
    let client = cx.client()?;
    let topic = cx.unique("orders");
    cx.create_topic(&client, &topic, 1, &[("min.insync.replicas", "3")]).await?;
    let patient = Producer::builder(&client).build()?;
    let hasty = Producer::builder(&client).delivery_timeout(Duration::from_secs(3)).build()?;
    let record = |value| ProducerRecord::to(topic.as_str()).partition(0).value(value);
    patient.send(record("before")).await?;
    cx.fixture().kill(3).await?;
    await_in_sync(&client, &topic, 2).await?;
    let waits = patient.enqueue(record("waits")).await?;
    let error = hasty.send(record("not applied")).await.err().ok_or("two replicas are too few")?;
    assert!(!error.maybe_applied(), "{error:?}");
    cx.fixture().restart(3).await?;
    waits.await?;
    patient.close().await;
    let log: Vec<String> = read_log(&cx, &topic).await?.iter().map(|record| record.text()).collect();
    assert_eq!(log, ["before", "waits"]);
    Ok(())
}

/// Waits until the partition has this many replicas in sync, and a leader.
async fn await_in_sync(client: &Client, topic: &str, count: usize) -> Outcome {
    let waiting = async {
        loop {
            let cluster = client.metadata().topics(&[topic]).await?;
            let partition = cluster.partition(&TopicPartition::new(topic, 0));
            if partition.is_some_and(|partition| partition.leader.is_some() && partition.isr.len() == count) {
                return Ok(());
            }
            client.metadata().refresh_after(cluster.generation()).await?;
            sleep(Duration::from_millis(100)).await;
        }
    };
    timeout(Duration::from_secs(90), waiting).await.map_err(|_| format!("there are never {count} in sync"))?
}

/// A broker over its quota writes, answers, and asks for silence: who sends again then, sends twice.
async fn a_quota_slows_down_and_writes_nothing_twice(cx: Context) -> Outcome {
    let name = cx.unique("client");
    let client = Client::builder().bootstrap(cx.bootstrap()?).client_id(name.as_str()).build()?;
    let topic = cx.topic(&client, "orders", 1).await?;
    let address = cx.fixture().addresses().join(",");
    let quota = ["--alter", "--add-config", "producer_byte_rate=20000", "--entity-type", "clients", "--entity-name"];
    let command = [&["--bootstrap-server", &address], &quota[..], &[&name]].concat();
    cx.fixture().tools()?.run("kafka.admin.ConfigCommand", &command).await?;
    let producer = Producer::builder(&client).batch_size(10_000).build()?;
    let started = Instant::now();
    let mut sent = Vec::new();
    for number in 0..60_u32 {
        let value = format!("{number:04}{}", "x".repeat(6_000));
        drop(producer.enqueue(ProducerRecord::to(topic.as_str()).value(value.clone())).await?);
        sent.push(value);
    }
    producer.close().await;
    let took = started.elapsed();
    assert!(took > Duration::from_secs(2), "360 kB were not slowed down: {took:?}");
    let read: Vec<String> = read_log(&cx, &topic).await?.iter().map(|record| record.text()).collect();
    assert!(read == sent, "{} records are in the log, not {}", read.len(), sent.len());
    Ok(())
}

async fn every_codec_and_level_is_read_back(cx: Context) -> Outcome {
    let client = cx.client()?;
    let topic = cx.topic(&client, "orders", 1).await?;
    let mut sent = Vec::new();
    let plain = [Codec::None, Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd].map(Compression::from);
    let levels = [Compression::gzip(1), Compression::gzip(9), Compression::zstd(1), Compression::zstd(9)];
    for compression in plain.into_iter().chain(levels) {
        let producer = Producer::builder(&client).compression(compression).batch_size(40_000).build()?;
        for number in 0..300 {
            let value = format!("{compression:?} {number} {}", "the same again ".repeat(20));
            drop(producer.enqueue(ProducerRecord::to(topic.as_str()).value(value.clone())).await?);
            sent.push(value);
        }
        producer.close().await;
    }
    let read: Vec<String> = read_log(&cx, &topic).await?.iter().map(|record| record.text()).collect();
    assert_eq!(read, sent);
    Ok(())
}
