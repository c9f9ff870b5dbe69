//! The fetcher against scripted brokers, under paused time.

mod hostile;
mod leaders;
mod log;
mod memory;
mod positions;
mod stalls;
mod wire;

use std::{sync::Arc, time::Duration};

use tokio::time::timeout;

use log::Brokers;

use super::{FetchConfig, Fetched, FetchedRecords, Fetcher};
use crate::{
    client::Client,
    connector::BrokerAddr,
    error::{Error, ErrorKind},
    protocol::ErrorCode,
    topic_partition::TopicPartition,
};

/// Longer than anything that is not a stop.
const STOPPED: Duration = Duration::from_secs(300);

fn orders(partition: i32) -> TopicPartition {
    TopicPartition::new("orders", partition)
}

fn fetcher(brokers: &Brokers, config: FetchConfig) -> Fetcher {
    let client = Client::builder().bootstrap([BrokerAddr::new("sim", 1)]).connector(Arc::new(brokers.clone()));
    Fetcher::new(&client.build().expect("a client"), config)
}

/// A fetcher that reads all partitions from 0 on.
fn reading(brokers: &Brokers, config: FetchConfig) -> Fetcher {
    let mut fetcher = fetcher(brokers, config);
    let partitions: Vec<i32> = brokers.state().logs.keys().copied().collect();
    partitions.into_iter().for_each(|partition| fetcher.assign(orders(partition), 0));
    fetcher
}

async fn next(fetcher: &mut Fetcher) -> Fetched {
    timeout(STOPPED, fetcher.next()).await.expect("it never stops")
}

async fn records(fetcher: &mut Fetcher) -> FetchedRecords {
    match next(fetcher).await {
        Fetched::Records(records) => records,
        other => panic!("{other:?} in place of records"),
    }
}

async fn failure(fetcher: &mut Fetcher) -> Error {
    match next(fetcher).await {
        Fetched::Failed { error, .. } => error,
        other => panic!("{other:?} in place of a failure"),
    }
}

/// Reads until the partition's position is `end`; returns the offsets that were read of it.
async fn read_to(fetcher: &mut Fetcher, partition: i32, end: i64) -> Vec<i64> {
    let mut offsets = Vec::new();
    while fetcher.position(&orders(partition)).is_none_or(|position| position < end) {
        if let Fetched::Records(records) = next(fetcher).await
            && records.topic_partition() == &orders(partition)
        {
            offsets.extend(records.iter().map(|record| record.offset()));
        }
    }
    offsets
}

/// Lets the fetcher's task do all it can do now.
async fn settle() {
    tokio::time::sleep(Duration::from_secs(2)).await;
}
