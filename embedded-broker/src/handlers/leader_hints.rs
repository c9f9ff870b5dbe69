//! Leader hints (KIP-951): who asks the wrong node learns the right one with the error.

use kafka_protocol::messages::{BrokerId, fetch_response, produce_response};
use ottla_kafka_core::BrokerAddr;

use super::text;
use crate::{cluster::Cluster, log::Refusal, topics::Topics};

/// From these versions on, answers have hints.
const FIRST_IN_PRODUCE: i16 = 10;
const FIRST_IN_FETCH: i16 = 16;

/// The leaders of partitions that were asked for in vain.
#[derive(Debug, Default)]
pub(super) struct Hints(Vec<Hint>);

/// A partition's leader.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hint {
    leader: i32,
    epoch: i32,
}

impl Hints {
    /// The hint that goes with an error, if a hint helps with it.
    pub(super) fn find(&mut self, refusal: Refusal, topics: &Topics, topic: &str, partition: i32) -> Option<Hint> {
        if !matches!(refusal, Refusal::NotLeaderOrFollower | Refusal::FencedLeaderEpoch) {
            return None;
        }
        let partition = topics.partition(topic, partition).ok()?;
        let hint = Hint { leader: partition.leader()?, epoch: partition.log.leader_epoch() };
        self.0.push(hint);
        Some(hint)
    }

    /// The addresses of the leaders hinted at.
    pub(super) fn in_produce(self, cluster: &Cluster, version: i16) -> Vec<produce_response::NodeEndpoint> {
        let endpoint = |(node, addr): (i32, BrokerAddr)| {
            produce_response::NodeEndpoint::default()
                .with_node_id(BrokerId(node))
                .with_host(text(addr.host()))
                .with_port(i32::from(addr.port()))
        };
        if version < FIRST_IN_PRODUCE { Vec::new() } else { self.leaders(cluster).map(endpoint).collect() }
    }

    /// The addresses of the leaders hinted at.
    pub(super) fn in_fetch(self, cluster: &Cluster, version: i16) -> Vec<fetch_response::NodeEndpoint> {
        let endpoint = |(node, addr): (i32, BrokerAddr)| {
            fetch_response::NodeEndpoint::default()
                .with_node_id(BrokerId(node))
                .with_host(text(addr.host()))
                .with_port(i32::from(addr.port()))
        };
        if version < FIRST_IN_FETCH { Vec::new() } else { self.leaders(cluster).map(endpoint).collect() }
    }

    fn leaders(mut self, cluster: &Cluster) -> impl Iterator<Item = (i32, BrokerAddr)> {
        self.0.sort_by_key(|hint| hint.leader);
        self.0.dedup_by_key(|hint| hint.leader);
        self.0.into_iter().filter_map(|hint| Some((hint.leader, cluster.nodes().addr(hint.leader)?.clone())))
    }
}

impl Hint {
    pub(super) fn in_produce(self, version: i16) -> produce_response::LeaderIdAndEpoch {
        if version < FIRST_IN_PRODUCE {
            return produce_response::LeaderIdAndEpoch::default();
        }
        produce_response::LeaderIdAndEpoch::default()
            .with_leader_id(BrokerId(self.leader))
            .with_leader_epoch(self.epoch)
    }

    pub(super) fn in_fetch(self, version: i16) -> fetch_response::LeaderIdAndEpoch {
        if version < FIRST_IN_FETCH {
            return fetch_response::LeaderIdAndEpoch::default();
        }
        fetch_response::LeaderIdAndEpoch::default().with_leader_id(BrokerId(self.leader)).with_leader_epoch(self.epoch)
    }
}
