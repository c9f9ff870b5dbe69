//! A group's committed offsets.

use std::collections::BTreeMap;

use crate::log::Refusal;

/// The longest metadata of a commit in bytes. Kafka: `offset.metadata.max.bytes`.
const MAX_METADATA: usize = 4096;

/// A committed offset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Committed {
    pub(crate) offset: i64,
    pub(crate) leader_epoch: i32,
    pub(crate) metadata: String,
}

/// Committed offsets by topic and partition.
#[derive(Debug, Default)]
pub(crate) struct Offsets(BTreeMap<String, BTreeMap<i32, Committed>>);

impl Offsets {
    pub(crate) fn commit(&mut self, topic: &str, partition: i32, committed: Committed) -> Result<(), Refusal> {
        if committed.metadata.len() > MAX_METADATA {
            return Err(Refusal::OffsetMetadataTooLarge);
        }
        self.0.entry(topic.to_owned()).or_default().insert(partition, committed);
        Ok(())
    }

    pub(crate) fn get(&self, topic: &str, partition: i32) -> Option<&Committed> {
        self.0.get(topic)?.get(&partition)
    }

    /// Every partition with an offset, by topic.
    pub(crate) fn partitions(&self) -> impl Iterator<Item = (&str, Vec<i32>)> {
        self.0.iter().map(|(topic, partitions)| (topic.as_str(), partitions.keys().copied().collect()))
    }

    pub(crate) fn forget(&mut self, topic: &str, partition: i32) {
        if let Some(partitions) = self.0.get_mut(topic) {
            partitions.remove(&partition);
            if partitions.is_empty() {
                self.0.remove(topic);
            }
        }
    }

    /// A deleted topic's offsets mean nothing for one that takes its name.
    pub(crate) fn forget_topic(&mut self, topic: &str) {
        self.0.remove(topic);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
