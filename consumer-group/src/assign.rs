//! A consumer without a group: the application says which partitions it reads.

use std::collections::BTreeMap;

use ottla_kafka_core::{Client, Error, FetchConfig, OffsetReset, StartPosition, TopicPartition};

use crate::{config::GroupConfig, consumer::Consumer};

/// The settings of a consumer that reads the partitions it is told to, checked together by [`build`](Self::build).
#[derive(Debug)]
#[must_use]
pub struct AssignBuilder {
    client: Client,
    config: GroupConfig,
    fetch: FetchConfig,
}

impl AssignBuilder {
    pub(crate) fn new(client: &Client, partitions: BTreeMap<TopicPartition, StartPosition>) -> Self {
        let mut config = GroupConfig::new(String::new());
        config.commit_timeout = client.default_api_timeout();
        config.assigned = Some(partitions);
        Self { client: client.clone(), config, fetch: FetchConfig::default() }
    }

    /// The group that offsets are committed for, without being a member of it; default: none, and every commit is
    /// refused. A group with members refuses them too. Kafka: `group.id`.
    pub fn group_id(mut self, group_id: impl Into<String>) -> Self {
        self.config.group_id = group_id.into();
        self
    }

    /// What to do when a position is out of its log's range; default [`OffsetReset::Error`].
    pub fn offset_reset(mut self, reset: OffsetReset) -> Self {
        self.config.offset_reset = reset;
        self
    }

    /// How records are fetched; what happens out of range is said here, by [`offset_reset`](Self::offset_reset).
    pub fn fetch(mut self, fetch: FetchConfig) -> Self {
        self.fetch = fetch;
        self
    }

    /// The consumer. It looks for its positions when [`recv`](Consumer::recv) is first called, and tells them in an
    /// [`Event::Assigned`](crate::Event::Assigned). Nothing takes its partitions away.
    ///
    /// # Errors
    /// Every setting that is not valid, named together.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn build(self) -> Result<Consumer, Error> {
        Consumer::start(&self.client, self.config, self.fetch)
    }
}
