//! The seam to the fetcher: a small trait, so that the owner is tested without a network.

use std::future::Future;

use ottla_kafka_core::{Fetched, Fetcher, TopicPartition};
use uuid::Uuid;

/// Reads assigned partitions. What is buffered of a partition is dropped when it is unassigned.
pub(crate) trait Fetching: Send + 'static {
    /// `topic_id` says in which topic of that name the offset is, if it is known.
    fn assign(&mut self, tp: &TopicPartition, offset: i64, topic_id: Option<Uuid>);
    fn unassign(&mut self, tp: &TopicPartition);
    fn pause(&mut self, tp: &TopicPartition);
    fn resume(&mut self, tp: &TopicPartition);

    /// The topic that the partition's position is in, once it is known.
    fn topic_id(&self, tp: &TopicPartition) -> Option<Uuid>;

    /// The partitions whose topic is gone, or is another one by now.
    fn in_doubt(&self) -> Vec<TopicPartition>;

    /// What is read next; waits while nothing is. Dropping the future loses nothing.
    fn next(&mut self) -> impl Future<Output = Fetched> + Send;
}

impl Fetching for Fetcher {
    fn assign(&mut self, tp: &TopicPartition, offset: i64, topic_id: Option<Uuid>) {
        self.assign_in(tp.clone(), offset, topic_id.unwrap_or_default());
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

    fn topic_id(&self, tp: &TopicPartition) -> Option<Uuid> {
        self.topic_id(tp)
    }

    fn in_doubt(&self) -> Vec<TopicPartition> {
        self.in_doubt()
    }

    async fn next(&mut self) -> Fetched {
        self.next().await
    }
}
