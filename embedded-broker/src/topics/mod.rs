//! The broker's topics: names, ids, settings and logs.

mod config;
mod known;

use std::collections::BTreeMap;

use uuid::Uuid;

pub(crate) use config::{Change, DEFAULT_MAX_MESSAGE_BYTES, Setting, TopicConfig};
pub(crate) use known::Kind;

use crate::log::{PartitionLog, Refusal};

/// The most partitions a topic may have: a typing error must not take all memory.
pub(crate) const MAX_PARTITIONS: i32 = 10_000;

/// A topic.
#[derive(Debug)]
pub(crate) struct Topic {
    id: Uuid,
    config: TopicConfig,
    partitions: Vec<PartitionLog>,
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
        partitions: i32,
        config: TopicConfig,
    ) -> Result<(), (Refusal, String)> {
        self.check_new(name, partitions)?;
        let mut topic = Topic { id, config, partitions: Vec::new() };
        topic.grow_to(partitions);
        self.0.insert(name.to_owned(), topic);
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

    /// Adds partitions until there are `count`; there must be fewer now.
    pub(crate) fn grow(&mut self, name: &str, count: i32, only_check: bool) -> Result<(), (Refusal, String)> {
        let unknown = || (Refusal::UnknownTopicOrPartition, format!("there is no topic {name}"));
        let topic = self.0.get_mut(name).ok_or_else(unknown)?;
        let now = topic.partitions.len();
        if !usize::try_from(count).is_ok_and(|count| count > now) || count > MAX_PARTITIONS {
            let why = format!("topic {name} has {now} partitions and can only grow, to at most {MAX_PARTITIONS}");
            return Err((Refusal::InvalidPartitions, why));
        }
        if !only_check {
            topic.grow_to(count);
        }
        Ok(())
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

    /// Every partition's log, and its topic's settings.
    pub(crate) fn each_log(&mut self, mut act: impl FnMut(&mut PartitionLog, &TopicConfig)) {
        for topic in self.0.values_mut() {
            topic.partitions.iter_mut().for_each(|log| act(log, &topic.config));
        }
    }

    /// A partition's log.
    pub(crate) fn log(&self, topic: &str, partition: i32) -> Result<&PartitionLog, Refusal> {
        let index = usize::try_from(partition).map_err(|_| Refusal::UnknownTopicOrPartition)?;
        self.0.get(topic).and_then(|topic| topic.partitions.get(index)).ok_or(Refusal::UnknownTopicOrPartition)
    }

    /// A partition's log, to be changed, and its topic's settings.
    pub(crate) fn log_mut(
        &mut self,
        topic: &str,
        partition: i32,
    ) -> Result<(&mut PartitionLog, &TopicConfig), Refusal> {
        let index = usize::try_from(partition).map_err(|_| Refusal::UnknownTopicOrPartition)?;
        let topic = self.0.get_mut(topic).ok_or(Refusal::UnknownTopicOrPartition)?;
        let log = topic.partitions.get_mut(index).ok_or(Refusal::UnknownTopicOrPartition)?;
        Ok((log, &topic.config))
    }
}

impl Topic {
    pub(crate) fn id(&self) -> Uuid {
        self.id
    }

    pub(crate) fn config(&self) -> &TopicConfig {
        &self.config
    }

    /// The partitions' logs, in order.
    pub(crate) fn logs(&self) -> impl Iterator<Item = &PartitionLog> {
        self.partitions.iter()
    }

    /// The partitions' numbers.
    pub(crate) fn partitions(&self) -> impl Iterator<Item = i32> + use<> {
        0..i32::try_from(self.partitions.len()).unwrap_or(i32::MAX)
    }

    fn grow_to(&mut self, partitions: i32) {
        self.partitions.resize_with(usize::try_from(partitions).unwrap_or(0), PartitionLog::default);
    }
}

/// Kafka's rule for topic names.
pub(crate) fn is_legal_name(name: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=249).contains(&name.len()) && !matches!(name, "." | "..") && name.bytes().all(legal)
}
