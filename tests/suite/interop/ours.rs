//! Our side.

use std::collections::BTreeSet;

use libtest_mimic::Failed;
use ottla_kafka_core::{
    Client, Codec, FetchConfig, Fetched, Fetcher, Isolation, Producer, ProducerRecord, TopicPartition, record::Header,
};

use crate::support::{Logged, logged};

/// Writes the records in one codec.
pub(super) async fn write(client: &Client, topic: &str, codec: Codec, records: &[Logged]) -> Result<(), Failed> {
    let producer = Producer::builder(client).compression(codec).build()?;
    let mut acks = Vec::new();
    for record in records {
        acks.push(producer.enqueue(to_send(topic, record)).await?);
    }
    for ack in acks {
        ack.await?;
    }
    producer.close().await;
    Ok(())
}

fn to_send(topic: &str, record: &Logged) -> ProducerRecord {
    let headers = record.headers.iter();
    let headers = headers.map(|(name, value)| Header { key: name.clone().into(), value: value.clone() }).collect();
    let mut sent = ProducerRecord::to(topic).timestamp(record.timestamp).headers(headers);
    if record.partition >= 0 {
        sent = sent.partition(record.partition);
    }
    if let Some(key) = &record.key {
        sent = sent.key(key.clone());
    }
    match &record.value {
        Some(value) => sent.value(value.clone()),
        None => sent,
    }
}

/// What was read, and how it was compressed.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) records: Vec<Logged>,
    pub(super) codecs: BTreeSet<Codec>,
}

/// Reads a partition from its first offset up to `end`.
pub(super) async fn read(
    client: &Client,
    partition: &TopicPartition,
    end: i64,
    isolation: Isolation,
) -> Result<Found, Failed> {
    let mut fetcher = Fetcher::new(client, FetchConfig::default().isolation(isolation));
    fetcher.assign(partition.clone(), 0);
    let mut found = Found::default();
    while fetcher.position(partition).is_none_or(|position| position < end) {
        match fetcher.next().await {
            Fetched::Records(records) => {
                found.codecs.extend(records.batches().map(|batch| batch.codec()));
                found.records.extend(records.iter().map(|record| logged(partition.partition(), &record)));
            }
            Fetched::Failed { error, .. } => return Err(error.into()),
            _ => {}
        }
    }
    Ok(found)
}
