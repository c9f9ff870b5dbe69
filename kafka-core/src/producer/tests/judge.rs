//! What the tests share: a client of the brokers in memory, and the comparison of what was said with what is written.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use super::{brokers::Cluster, seeded::seeded};
use crate::{client::Client, connector::BrokerAddr, error::Error, producer::RecordMetadata};

pub(super) const DELIVERY_TIMEOUT: Duration = Duration::from_secs(8);
pub(super) const REQUEST_TIMEOUT: Duration = Duration::from_secs(2);
/// What an ack may take beyond the delivery timeout: nothing, but the timers' own grain.
pub(super) const GRAIN: Duration = Duration::from_millis(50);

/// What was said of one record.
pub(super) struct Said {
    pub(super) partition: i32,
    pub(super) value: String,
    pub(super) result: Result<RecordMetadata, Error>,
}

pub(super) fn client(cluster: &Cluster, seed: u64) -> Client {
    let client = Client::builder()
        .bootstrap([BrokerAddr::new("sim", 1), BrokerAddr::new("sim", 2)])
        .request_timeout(REQUEST_TIMEOUT)
        .env(seeded(seed))
        .connector(Arc::new(cluster.clone()));
    client.build().expect("the settings are valid")
}

/// Exactly once, in order, and truthfully.
pub(super) fn judge(seed: u64, cluster: &Cluster, said: &[Said]) {
    let mut logs: BTreeMap<i32, Vec<String>> = BTreeMap::new();
    for partition in 0..cluster.partitions() {
        let log = cluster.values(partition);
        assert!(log.is_sorted_by(|a, b| a < b), "seed {seed}: partition {partition} is out of order: {log:?}");
        logs.insert(partition, log);
    }
    for Said { partition, value, result } in said {
        let at = logs[partition].iter().position(|logged| logged == value);
        match (result, at) {
            (Ok(written), Some(at)) => {
                let offset = i64::try_from(at).expect("small");
                assert!(written.offset().is_none_or(|said| said == offset), "seed {seed}: {value} is at {offset}");
            }
            (Ok(_), None) => panic!("seed {seed}: {value} was acknowledged and is in no log"),
            (Err(error), Some(_)) if !error.maybe_applied() => {
                panic!("seed {seed}: {value} is in the log, in spite of: {error:?}")
            }
            (Err(_), _) => {}
        }
    }
}
