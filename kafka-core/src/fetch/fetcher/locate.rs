//! Offsets that only the cluster knows: where to start, and what the log holds.

use std::collections::BTreeMap;

use crate::{
    admin::OffsetSpec,
    client::Client,
    error::Error,
    fetch::{Isolation, StartPosition, partitions::Asked, position::end, reading::Next},
    topic_partition::TopicPartition,
};

/// What the log holds: its first offset, and the one behind its last.
pub(super) type Held = (i64, i64);

/// Finds the offset that each partition starts at.
pub(super) async fn locate(
    client: &Client,
    asked: &[Asked],
    isolation: Isolation,
) -> BTreeMap<TopicPartition, Result<i64, Error>> {
    let mut found = BTreeMap::new();
    let mut wanted = Vec::new();
    for Asked { topic_partition, next, .. } in asked {
        if let Next::Locate(start) = next {
            match start.spec(isolation) {
                Ok(offset) => drop(found.insert(topic_partition.clone(), Ok(offset))),
                Err(spec) => wanted.push((topic_partition.clone(), spec)),
            }
        }
    }
    found.extend(list(client, &wanted).await);
    // No record is as young as the time that was asked for.
    let none = |(partition, offset): (&TopicPartition, &Result<i64, Error>)| {
        matches!(offset, Ok(-1)).then(|| (partition.clone(), end(isolation)))
    };
    let at_the_end: Vec<_> = found.iter().filter_map(none).collect();
    if !at_the_end.is_empty() {
        found.extend(list(client, &at_the_end).await);
    }
    found
}

/// What the partition's log holds.
pub(super) async fn held(
    client: &Client,
    topic_partition: &TopicPartition,
    isolation: Isolation,
) -> Result<Held, Error> {
    let find = async |start: StartPosition| {
        let next = Next::Locate(start);
        let asked = Asked { topic_partition: topic_partition.clone(), next, token: 0 };
        let mut found = locate(client, &[asked], isolation).await;
        found.remove(topic_partition).unwrap_or_else(|| Err(Error::invalid("no offset was asked for")))
    };
    Ok((find(StartPosition::Earliest).await?, find(StartPosition::Latest).await?))
}

async fn list(
    client: &Client,
    wanted: &[(TopicPartition, OffsetSpec)],
) -> BTreeMap<TopicPartition, Result<i64, Error>> {
    if wanted.is_empty() {
        return BTreeMap::new();
    }
    match client.admin().list_offsets(wanted).await {
        Ok(listed) => {
            listed.into_iter().map(|(partition, listed)| (partition, listed.map(|listed| listed.offset))).collect()
        }
        Err(error) => wanted.iter().map(|(partition, _)| (partition.clone(), Err(error.clone()))).collect(),
    }
}
