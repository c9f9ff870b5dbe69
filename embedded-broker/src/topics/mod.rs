//! The broker's topics: names, ids, settings and logs.

mod config;
mod known;
mod partition;

use std::collections::BTreeMap;

use uuid::Uuid;

pub(crate) use config::{Change, DEFAULT_MAX_MESSAGE_BYTES, Setting, TopicConfig};
pub(crate) use known::Kind;
pub(crate) use partition::Partition;

use crate::{
    log::{PartitionLog, Refusal},
    storage::Event,
};

/// The most partitions a topic may have: a typing error must not take all memory.
pub(crate) const MAX_PARTITIONS: i32 = 10_000;

/// A topic.
#[derive(Debug)]
pub(crate) struct Topic {
    id: Uuid,
    config: TopicConfig,
    partitions: Vec<Partition>,
}

/// All topics by name.
#[derive(Debug, Default)]
pub(crate) struct Topics(BTreeMap<String, Topic>);

impl Topics {
    /// Creates a topic, or says why not.
    pub(crate) fn create(
        &mut self,
        name: &str,
        id: Uuid,
        partitions: Vec<Partition>,
        config: TopicConfig,
    ) -> Result<(), (Refusal, String)> {
        self.check_new(name, i32::try_from(partitions.len()).unwrap_or(i32::MAX))?;
        self.0.insert(name.to_owned(), Topic { id, config, partitions });
        Ok(())
    }

    /// Whether a topic could be created.
    pub(crate) fn check_new(&self, name: &str, partitions: i32) -> Result<(), (Refusal, String)> {
        if !is_legal_name(name) {
            let why = "a topic's name is 1 to 249 of the characters a-z, A-Z, 0-9, '.', '_' and '-'".to_owned();
            return Err((Refusal::InvalidTopicException, why));
        }
        if self.0.contains_key(name) {
            return Err((Refusal::TopicAlreadyExists, format!("topic {name} already exists")));
        }
        if !(1..=MAX_PARTITIONS).contains(&partitions) {
            let why = format!("a topic has 1 to {MAX_PARTITIONS} partitions, not {partitions}");
            return Err((Refusal::InvalidPartitions, why));
        }
        Ok(())
    }

    /// How many partitions a topic has that shall have `count`, which must be more.
    pub(crate) fn check_growth(&self, name: &str, count: i32) -> Result<usize, (Refusal, String)> {
        let unknown = || (Refusal::UnknownTopicOrPartition, format!("there is no topic {}", name.escape_debug()));
        let now = self.0.get(name).ok_or_else(unknown)?.partitions.len();
        if !usize::try_from(count).is_ok_and(|count| count > now) || count > MAX_PARTITIONS {
            let why = format!("topic {name} has {now} partitions and can only grow, to at most {MAX_PARTITIONS}");
            return Err((Refusal::InvalidPartitions, why));
        }
        Ok(now)
    }

    /// Adds partitions to a topic.
    pub(crate) fn grow(&mut self, name: &str, more: Vec<Partition>) {
        if let Some(topic) = self.0.get_mut(name) {
            topic.partitions.extend(more);
        }
    }

    /// Sets a topic's configuration, which was made from its own.
    pub(crate) fn configure(&mut self, name: &str, config: TopicConfig) {
        if let Some(topic) = self.0.get_mut(name) {
            topic.config = config;
        }
    }

    pub(crate) fn remove(&mut self, name: &str) -> Option<Topic> {
        self.0.remove(name)
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Topic> {
        self.0.get(name)
    }

    pub(crate) fn name_of(&self, id: Uuid) -> Option<&str> {
        self.0.iter().find(|(_, topic)| topic.id == id).map(|(name, _)| name.as_str())
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Forgets the oldest batches of the longest logs until all logs together keep at most this many bytes. Each keeps
    /// its newest batch.
    pub(crate) fn keep_within(&mut self, bytes: usize) {
        let mut logs: Vec<&mut Partition> = self.0.values_mut().flat_map(|topic| &mut topic.partitions).collect();
        let mut excess = logs.iter().map(|partition| partition.log.size()).sum::<usize>().saturating_sub(bytes);
        logs.sort_by_key(|partition| std::cmp::Reverse(partition.log.size()));
        for partition in logs {
            if excess == 0 {
                return;
            }
            let before = partition.log.size();
            // Not all of one while others are as long: half of it, and the next time another is the longest.
            partition.log.forget_beyond((before / 2).max(before.saturating_sub(excess)));
            excess = excess.saturating_sub(before - partition.log.size());
        }
    }

    /// Where logs start and in which epochs, as far as that is not written down.
    pub(crate) fn changed_partitions(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        for (name, topic) in &mut self.0 {
            for (partition, stored) in (0..).zip(&mut topic.partitions) {
                let event = |(start, epoch)| Event::Partition { topic: name.clone(), partition, start, epoch };
                events.extend(stored.changed().map(event));
            }
        }
        events
    }

    /// Every partition, and its topic's settings.
    pub(crate) fn each_partition(&mut self, mut act: impl FnMut(&mut Partition, &TopicConfig)) {
        for topic in self.0.values_mut() {
            topic.partitions.iter_mut().for_each(|partition| act(partition, &topic.config));
        }
    }

    pub(crate) fn partition(&self, topic: &str, partition: i32) -> Result<&Partition, Refusal> {
        let index = usize::try_from(partition).map_err(|_| Refusal::UnknownTopicOrPartition)?;
        self.0.get(topic).and_then(|topic| topic.partitions.get(index)).ok_or(Refusal::UnknownTopicOrPartition)
    }

    /// A partition, to be changed, and its topic's settings.
    pub(crate) fn partition_mut(
        &mut self,
        topic: &str,
        partition: i32,
    ) -> Result<(&mut Partition, &TopicConfig), Refusal> {
        let index = usize::try_from(partition).map_err(|_| Refusal::UnknownTopicOrPartition)?;
        let topic = self.0.get_mut(topic).ok_or(Refusal::UnknownTopicOrPartition)?;
        let partition = topic.partitions.get_mut(index).ok_or(Refusal::UnknownTopicOrPartition)?;
        Ok((partition, &topic.config))
    }

    /// The log of a partition that `node` leads.
    pub(crate) fn log(&self, node: i32, topic: &str, partition: i32) -> Result<&PartitionLog, Refusal> {
        let partition = self.partition(topic, partition)?;
        partition.check_leader(node)?;
        Ok(&partition.log)
    }
}

impl Topic {
    pub(crate) fn id(&self) -> Uuid {
        self.id
    }

    pub(crate) fn config(&self) -> &TopicConfig {
        &self.config
    }

    /// The partitions with their numbers.
    pub(crate) fn partitions(&self) -> impl Iterator<Item = (i32, &Partition)> {
        (0..).zip(&self.partitions)
    }
}

/// Kafka's rule for topic names.
pub(crate) fn is_legal_name(name: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=249).contains(&name.len()) && !matches!(name, "." | "..") && name.bytes().all(legal)
}
