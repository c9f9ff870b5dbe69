//! The second reader: its own connection, no group, the store opened anew. It believes nothing the services say.

use std::collections::BTreeMap;

use ottla::{
    Client, Error, TopicPartition,
    delivery::{Store, StoreError},
    kafka::{FetchConfig, Fetched, Fetcher, OffsetSpec},
};
use serde::Deserialize;

use super::{
    DemoError,
    summary::{DeadLetter, Evidence, Stored},
};
use crate::pubsub::{
    rows,
    topics::{ORDERS, ORDERS_DLQ, ORDERS_GROUP},
};

/// Where the logs of a run begin: the ends of the partitions when it started.
#[derive(Clone, Debug, Default)]
pub struct Marks(BTreeMap<TopicPartition, i64>);

/// Notes where `orders` and `orders-dlq` end now.
///
/// # Errors
/// The topics are not there, or the cluster does not answer.
///
/// # Cancel safety
/// Safe: it only reads.
pub async fn mark(client: &Client) -> Result<Marks, DemoError> {
    let mut marks = BTreeMap::new();
    for topic in [ORDERS, ORDERS_DLQ] {
        marks.extend(ends(client, topic).await?);
    }
    Ok(Marks(marks))
}

/// How many records of `orders` the group has not committed yet.
///
/// # Errors
/// The cluster does not answer.
///
/// # Cancel safety
/// Safe: it only reads.
pub async fn uncommitted(client: &Client) -> Result<i64, DemoError> {
    let ends = ends(client, ORDERS).await?;
    let committed = client.admin().group_offsets(ORDERS_GROUP).await?;
    Ok(ends.iter().map(|(partition, end)| end - committed.get(partition).copied().unwrap_or(0).min(*end)).sum())
}

async fn ends(client: &Client, topic: &str) -> Result<BTreeMap<TopicPartition, i64>, Error> {
    let count = client.admin().partition_count(topic).await?;
    let partitions = (0..i32::try_from(count).unwrap_or(0)).map(|index| TopicPartition::new(topic, index));
    let wanted: Vec<_> = partitions.map(|partition| (partition, OffsetSpec::Latest)).collect();
    let listed = client.admin().list_offsets(&wanted).await?;
    listed.into_iter().map(|(partition, found)| Ok((partition, found?.offset))).collect()
}

/// Adds to `evidence` what the logs and the store hold of its run.
///
/// # Errors
/// A log or the store cannot be read.
///
/// # Cancel safety
/// Safe: it only reads.
pub async fn collect(
    client: &Client,
    marks: &Marks,
    store: &dyn Store,
    evidence: &mut Evidence,
) -> Result<(), DemoError> {
    let mut log: Vec<String> = Vec::new();
    read(client, marks, ORDERS, |key, _| log.push(key)).await?;
    for id in log.iter().filter_map(|key| key.parse().ok()).filter(|id| evidence.posted.contains_key(id)) {
        *evidence.log.entry(id).or_default() += 1;
    }
    let mut dead = BTreeMap::new();
    read(client, marks, ORDERS_DLQ, |key, attempts| {
        dead.insert(key, DeadLetter { attempts });
    })
    .await?;
    let ours =
        |key: &String| evidence.poisoned.contains(key) || key.parse().is_ok_and(|id| evidence.posted.contains_key(&id));
    dead.retain(|key, _| ours(key));
    evidence.dead_letters = dead;
    for id in evidence.posted.keys() {
        let Some(row) = store.get(rows::ORDERS, &rows::order_key(*id)).await? else { continue };
        let row: Row = serde_json::from_slice(&row.value)
            .map_err(|error| StoreError::Corrupt { detail: format!("order {id}: {error}") })?;
        evidence.stored.insert(*id, Stored { attempts: row.attempts, handler_runs: row.handler_runs });
    }
    Ok(())
}

/// What the audit wants of a row of the event store.
#[derive(Deserialize)]
struct Row {
    attempts: u32,
    handler_runs: u32,
}

/// Reads `topic` from its marks to its ends and tells `seen` the key and the attempts header of each record.
async fn read(client: &Client, marks: &Marks, topic: &str, mut seen: impl FnMut(String, u32)) -> Result<(), DemoError> {
    let ends = ends(client, topic).await?;
    let from = |partition: &TopicPartition| marks.0.get(partition).copied().unwrap_or(0);
    let mut fetcher = Fetcher::new(client, FetchConfig::default());
    let mut open: BTreeMap<TopicPartition, i64> =
        ends.into_iter().filter(|(partition, end)| from(partition) < *end).collect();
    for partition in open.keys() {
        fetcher.assign(partition.clone(), from(partition));
    }
    while !open.is_empty() {
        match fetcher.next().await {
            Fetched::Records(records) => {
                for record in records.iter() {
                    let key = String::from_utf8_lossy(record.key().unwrap_or_default()).into_owned();
                    let attempts = record.headers().find(|(name, _)| *name == b"ottla-dlq-attempts");
                    let attempts = attempts.and_then(|(_, value)| std::str::from_utf8(value?).ok()?.parse().ok());
                    seen(key, attempts.unwrap_or(0));
                }
            }
            Fetched::Progress { .. } | Fetched::Reset { .. } => {}
            Fetched::Failed { error, .. } => return Err(error.into()),
        }
        open.retain(|partition, end| fetcher.position(partition).is_some_and(|position| position < *end));
    }
    Ok(())
}
