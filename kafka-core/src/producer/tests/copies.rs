//! Records that are copies of what was read: each in the codec that it came in, whatever its size.

use std::time::Duration;

use futures_util::future::join_all;

use super::{
    brokers::{Cluster, Fate, Lot},
    judge::{DELIVERY_TIMEOUT, client},
};
use crate::{
    error::ErrorKind,
    producer::{Producer, ProducerBuilder, ProducerRecord},
    record::{Codec, Compression},
};

/// A producer whose limits are far below a megabyte.
fn settings(cluster: &Cluster) -> ProducerBuilder {
    let builder = Producer::builder(&client(cluster, 1)).delivery_timeout(DELIVERY_TIMEOUT);
    builder.buffer_memory(4_000).batch_size(1_000).max_request_size(2_000)
}

fn record(value: impl Into<String>) -> ProducerRecord {
    ProducerRecord::to("orders").partition(0).value(value.into())
}

#[tokio::test(start_paused = true)]
async fn records_of_another_codec_have_batches_of_their_own_in_the_same_order() {
    let cluster = Cluster::scripted(1, []);
    let producer = settings(&cluster).linger(Duration::from_millis(400)).compression(Codec::Lz4).build();
    let producer = producer.expect("valid");
    let as_told = |value: &str| producer.enqueue(record(value));
    let told_apart = |value: &str, codec| producer.enqueue(record(value).compression(codec));
    let mut acks = vec![as_told("a").await, as_told("b").await, told_apart("c", Codec::Gzip).await];
    acks.extend([told_apart("d", Codec::Gzip).await, told_apart("e", Codec::None).await]);
    acks.extend([told_apart("f", Codec::Lz4).await, as_told("g").await]);
    producer.flush().await;
    let mut offsets = Vec::new();
    for ack in acks {
        offsets.push(ack.expect("there is room").await.expect("written").offset());
    }
    assert_eq!(offsets, (0..7).map(Some).collect::<Vec<_>>());
    assert_eq!(cluster.values(0).concat(), "abcdefg");
    assert_eq!(cluster.codecs(0), [Codec::Lz4, Codec::Gzip, Codec::None, Codec::Lz4]);
}

#[tokio::test(start_paused = true)]
async fn a_copy_may_be_larger_than_a_request_and_than_the_memory() {
    let cluster = Cluster::scripted(1, []);
    let producer = settings(&cluster).build().expect("valid");
    let long = "x".repeat(300 << 10);
    let refused = producer.send(record(long.clone())).await.expect_err("it is larger than a request");
    assert!(matches!(refused.kind(), ErrorKind::RecordTooLarge { limit: 2_000, .. }), "{refused}");
    // One that the sender compresses, and one that is compressed before it comes there.
    let copies = ["y".repeat(10_000), long].map(|value| record(value).compression(Codec::Zstd).any_size());
    let [middle, long] = copies.clone();
    let sent = join_all([record("first"), middle, record("second"), long].map(|record| producer.send(record))).await;
    assert!(sent.iter().all(Result::is_ok), "{sent:?}");
    // All of the memory came back: a copy takes as much as there is.
    let again = join_all(copies.map(|copy| producer.send(copy))).await;
    assert!(again.iter().all(Result::is_ok), "{again:?}");
    let mut lengths: Vec<usize> = cluster.values(0).iter().map(String::len).collect();
    lengths.sort_unstable();
    assert_eq!(lengths, [5, 6, 10_000, 10_000, 300 << 10, 300 << 10]);
    assert_eq!(cluster.codecs(0).iter().filter(|codec| **codec == Codec::Zstd).count(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_long_copy_is_written_once_however_often_it_is_sent() {
    let lost = (Fate::Silent { applied: true }, Lot::Truth);
    let cluster = Cluster::scripted(1, [(Fate::Fine, Lot::Truth), lost]);
    let producer = settings(&cluster).build().expect("valid");
    producer.send(record("first")).await.expect("written");
    let copy = record("x".repeat(300 << 10)).compression(Codec::Gzip).any_size().timestamp(7);
    let written = producer.send(copy).await.expect("written");
    assert_eq!((written.timestamp(), cluster.codecs(0)), (7, vec![Codec::None, Codec::Gzip]));
    assert_eq!(cluster.seen().lost_answers, 1);
    assert_eq!(written.offset(), Some(1));
    producer.send(record("last")).await.expect("written");
    assert_eq!(cluster.values(0).iter().map(String::len).collect::<Vec<_>>(), [5, 300 << 10, 4]);
}

#[tokio::test(start_paused = true)]
async fn a_codec_that_cannot_be_is_refused_before_anything_is_sent() {
    let cluster = Cluster::scripted(1, []);
    let producer = settings(&cluster).build().expect("valid");
    let refused = producer.send(record("x").compression(Compression::gzip(77))).await.expect_err("no such level");
    assert!(matches!(refused.kind(), ErrorKind::Invalid { .. }) && refused.to_string().contains("gzip"), "{refused}");
    assert!(!refused.maybe_applied());
}
