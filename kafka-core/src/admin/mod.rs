//! Administration: topics, offsets, groups.

mod groups;
mod offsets;
mod topics;

pub use offsets::{ListedOffset, OffsetSpec};
pub use topics::NewTopic;

use std::collections::BTreeMap;

use crate::{client::Client, error::Error, topic_partition::TopicPartition};

/// Administrative requests of a client. They are retried within the client's default API timeout.
#[derive(Clone, Copy, Debug)]
pub struct Admin<'a> {
    client: &'a Client,
}

impl Client {
    /// Administrative requests.
    pub fn admin(&self) -> Admin<'_> {
        Admin { client: self }
    }
}

impl Admin<'_> {
    /// Creates topics; one result each, in their order. A topic that exists is the error `TOPIC_ALREADY_EXISTS`.
    ///
    /// # Errors
    /// No broker answered in time; [`Error::maybe_applied`] says whether topics may have been created.
    ///
    /// # Cancel safety
    /// Dropping it may create the topics or not.
    pub async fn create_topics(&self, topics: &[NewTopic]) -> Result<Vec<(String, Result<(), Error>)>, Error> {
        topics::create(self.client, topics).await
    }

    /// The number of partitions of `topic`.
    ///
    /// # Errors
    /// The topic does not exist, or no broker answered in time.
    ///
    /// # Cancel safety
    /// Safe: it only reads.
    pub async fn partition_count(&self, topic: &str) -> Result<usize, Error> {
        topics::partition_count(self.client, topic).await
    }

    /// Finds offsets in partitions by position or time, each with a result of its own.
    ///
    /// # Errors
    /// No metadata could be had in time.
    ///
    /// # Cancel safety
    /// Safe: it only reads.
    pub async fn list_offsets(
        &self,
        wanted: &[(TopicPartition, OffsetSpec)],
    ) -> Result<BTreeMap<TopicPartition, Result<ListedOffset, Error>>, Error> {
        offsets::list(self.client, wanted).await
    }

    /// The offsets that `group` has committed, by partition; empty for a group that has committed nothing.
    ///
    /// # Errors
    /// The coordinator did not answer in time, or refuses.
    ///
    /// # Cancel safety
    /// Safe: it only reads.
    pub async fn group_offsets(&self, group: &str) -> Result<BTreeMap<TopicPartition, i64>, Error> {
        groups::offsets(self.client, group).await
    }
}
