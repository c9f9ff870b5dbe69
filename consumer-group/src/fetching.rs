//! The seam to the fetcher: a small trait, so that the owner is tested without a network.

use std::future::Future;

use ottla_kafka_core::{Fetched, Fetcher, TopicPartition};

/// Reads assigned partitions. What is buffered of a partition is dropped when it is unassigned.
pub(crate) trait Fetching: Send + 'static {
    fn assign(&mut self, tp: &TopicPartition, offset: i64);
    fn unassign(&mut self, tp: &TopicPartition);
    fn pause(&mut self, tp: &TopicPartition);
    fn resume(&mut self, tp: &TopicPartition);

    /// What is read next; waits while nothing is. Dropping the future loses nothing.
    fn next(&mut self) -> impl Future<Output = Fetched> + Send;
}

impl Fetching for Fetcher {
    fn assign(&mut self, tp: &TopicPartition, offset: i64) {
        self.assign(tp.clone(), offset);
    }

    fn unassign(&mut self, tp: &TopicPartition) {
        self.unassign(tp);
    }

    fn pause(&mut self, tp: &TopicPartition) {
        self.pause(tp);
    }

    fn resume(&mut self, tp: &TopicPartition) {
        self.resume(tp);
    }

    async fn next(&mut self) -> Fetched {
        self.next().await
    }
}
