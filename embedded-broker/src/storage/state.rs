//! What the journal amounts to.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::Event;
use crate::group::Committed;

/// A topic.
#[derive(Clone, Debug)]
pub(super) struct StoredTopic {
    pub(super) id: Uuid,
    pub(super) replicas: Vec<Vec<i32>>,
    pub(super) config: Vec<(String, String)>,
    /// Starts and epochs by partition.
    pub(super) starts: BTreeMap<i32, (i64, i32)>,
}

/// All changes together.
#[derive(Clone, Debug, Default)]
pub(crate) struct State {
    pub(super) topics: BTreeMap<String, StoredTopic>,
    /// Commits by group, topic and partition.
    pub(crate) offsets: BTreeMap<(String, String, i32), Committed>,
    pub(crate) next_producer_id: Option<i64>,
}

impl State {
    pub(super) fn apply(&mut self, event: Event) {
        match event {
            Event::Topic { name, id, replicas, config } => {
                let starts = self.topics.remove(&name).filter(|old| old.id == id).map(|old| old.starts);
                let starts = starts.unwrap_or_default();
                self.topics.insert(name, StoredTopic { id, replicas, config, starts });
            }
            Event::TopicDeleted { name } => {
                self.topics.remove(&name);
                self.offsets.retain(|(_, topic, _), _| *topic != name);
            }
            Event::Partition { topic, partition, start, epoch } => {
                if let Some(stored) = self.topics.get_mut(&topic) {
                    stored.starts.insert(partition, (start, epoch));
                }
            }
            Event::Offset { group, topic, partition, offset, epoch, metadata } => {
                let committed = Committed { offset, leader_epoch: epoch, metadata };
                self.offsets.insert((group, topic, partition), committed);
            }
            Event::OffsetDeleted { group, topic, partition } => {
                self.offsets.remove(&(group, topic, partition));
            }
            Event::GroupDeleted { group } => self.offsets.retain(|(of, _, _), _| *of != group),
            Event::ProducerIds { below } => self.next_producer_id = Some(below),
        }
    }

    /// The shortest way to write all this down.
    pub(super) fn events(&self) -> Vec<Event> {
        let mut events: Vec<Event> =
            self.next_producer_id.map(|below| Event::ProducerIds { below }).into_iter().collect();
        for (name, stored) in &self.topics {
            events.push(Event::Topic {
                name: name.clone(),
                id: stored.id,
                replicas: stored.replicas.clone(),
                config: stored.config.clone(),
            });
            events.extend(stored.starts.iter().map(|(partition, (start, epoch))| Event::Partition {
                topic: name.clone(),
                partition: *partition,
                start: *start,
                epoch: *epoch,
            }));
        }
        events.extend(self.offsets.iter().map(|((group, topic, partition), committed)| Event::Offset {
            group: group.clone(),
            topic: topic.clone(),
            partition: *partition,
            offset: committed.offset,
            epoch: committed.leader_epoch,
            metadata: committed.metadata.clone(),
        }));
        events
    }
}
