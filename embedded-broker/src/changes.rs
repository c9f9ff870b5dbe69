//! Changes that outlive the process where there is a data directory: written down, then made.

use std::sync::atomic::Ordering;

use uuid::Uuid;

use crate::{
    cluster::Cluster,
    log::Refusal,
    storage::Event,
    topics::{Partition, Topic, TopicConfig, Topics},
};

/// Producer ids are written down this many at a time.
const PRODUCER_IDS: i64 = 1000;

type Outcome<T> = Result<T, (Refusal, String)>;

impl Cluster {
    /// Creates a topic.
    pub(crate) fn create_topic(
        &self,
        topics: &mut Topics,
        name: &str,
        partitions: Vec<Partition>,
        config: TopicConfig,
    ) -> Outcome<Uuid> {
        topics.check_new(name, i32::try_from(partitions.len()).unwrap_or(i32::MAX))?;
        let id = self.env().uuid();
        self.write_topic(name, id, partitions.iter(), &config)?;
        topics.create(name, id, self.with_segments(id, 0, partitions), config)?;
        Ok(id)
    }

    /// Adds partitions to a topic that there is.
    pub(crate) fn grow_topic(&self, topics: &mut Topics, name: &str, more: Vec<Partition>) -> Outcome<()> {
        let unknown = || (Refusal::UnknownTopicOrPartition, String::new());
        let topic = topics.get(name).ok_or_else(unknown)?;
        let (id, now) = (topic.id(), topic.partitions().count());
        let all = topic.partitions().map(|(_, partition)| partition).chain(&more);
        self.write_topic(name, id, all, topic.config())?;
        topics.grow(name, self.with_segments(id, now, more));
        Ok(())
    }

    /// Sets a topic's configuration.
    pub(crate) fn configure_topic(&self, topics: &mut Topics, name: &str, config: TopicConfig) -> Outcome<()> {
        if let Some(topic) = topics.get(name) {
            self.write_topic(name, topic.id(), topic.partitions().map(|(_, partition)| partition), &config)?;
        }
        topics.configure(name, config);
        Ok(())
    }

    /// Deletes a topic, and what groups have committed in it.
    pub(crate) fn delete_topic(&self, topics: &mut Topics, name: &str) -> Result<Topic, Refusal> {
        if topics.get(name).is_none() {
            return Err(Refusal::UnknownTopicOrPartition);
        }
        self.record(&Event::TopicDeleted { name: name.to_owned() })?;
        let topic = topics.remove(name).ok_or(Refusal::UnknownTopicOrPartition)?;
        self.coordinator().for_each(|_, group| group.offsets_mut().forget_topic(name));
        if let Some(storage) = self.storage() {
            storage.remove_topic(topic.id());
        }
        Ok(topic)
    }

    /// A producer id nobody had before.
    pub(crate) fn new_producer_id(&self) -> Result<i64, Refusal> {
        let id = self.next_producer_id.fetch_add(1, Ordering::Relaxed);
        if id % PRODUCER_IDS == 0 {
            self.record(&Event::ProducerIds { below: id.saturating_add(PRODUCER_IDS) })?;
        }
        Ok(id)
    }

    /// Writes down where logs start and in which epochs, as far as that has changed.
    pub(crate) fn write_partitions(&self) {
        let mut topics = self.topics();
        for event in topics.changed_partitions() {
            // It is told where it fails; what is lost is that records are gone, not records.
            let _ = self.record(&event);
        }
    }

    /// Writes a change down.
    pub(crate) fn record(&self, event: &Event) -> Result<(), Refusal> {
        self.storage().map_or(Ok(()), |storage| storage.record(event))
    }

    fn write_topic<'a>(
        &self,
        name: &str,
        id: Uuid,
        partitions: impl Iterator<Item = &'a Partition>,
        config: &TopicConfig,
    ) -> Outcome<()> {
        let event = Event::Topic {
            name: name.to_owned(),
            id,
            replicas: partitions.map(|partition| partition.replicas().to_vec()).collect(),
            config: config.given().iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
        };
        self.record(&event).map_err(|refusal| (refusal, "the topic cannot be written down".to_owned()))
    }

    fn with_segments(&self, id: Uuid, first: usize, partitions: Vec<Partition>) -> Vec<Partition> {
        let with = |(index, partition): (usize, Partition)| match self.storage() {
            Some(storage) => partition.stored_in(storage.segments(id, index)),
            None => partition,
        };
        (first..).zip(partitions).map(with).collect()
    }
}
