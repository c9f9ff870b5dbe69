//! Positions that move as the log grows.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use ottla_kafka_core::{Fetched, TopicPartition};
use tokio::time::sleep;
use uuid::Uuid;

use super::coordinator::Coordinator;
use crate::fetching::Fetching;

pub(super) struct SimFetcher {
    coordinator: Arc<Coordinator>,
    positions: BTreeMap<TopicPartition, i64>,
}

impl SimFetcher {
    pub(super) fn new(coordinator: Arc<Coordinator>) -> Self {
        Self { coordinator, positions: BTreeMap::new() }
    }
}

impl Fetching for SimFetcher {
    fn assign(&mut self, tp: &TopicPartition, offset: i64, _: Option<Uuid>) {
        self.positions.insert(tp.clone(), offset);
    }

    fn unassign(&mut self, tp: &TopicPartition) {
        self.positions.remove(tp);
    }

    fn pause(&mut self, _: &TopicPartition) {}

    fn resume(&mut self, _: &TopicPartition) {}

    fn topic_id(&self, _: &TopicPartition) -> Option<Uuid> {
        None
    }

    fn in_doubt(&self) -> Vec<TopicPartition> {
        Vec::new()
    }

    async fn next(&mut self) -> Fetched {
        loop {
            sleep(Duration::from_millis(self.coordinator.between(10, 200))).await;
            let end = self.coordinator.log_end();
            let behind = self.positions.iter_mut().filter(|(_, position)| **position < end).min_by_key(|(_, at)| **at);
            if let Some((tp, position)) = behind {
                let step = i64::try_from(self.coordinator.between(1, 200)).unwrap_or(1);
                *position = position.saturating_add(step).min(end);
                return Fetched::Progress { topic_partition: tp.clone(), offset: *position };
            }
        }
    }
}
