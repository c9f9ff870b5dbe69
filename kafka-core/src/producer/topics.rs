//! What the producer has learnt of its topics, so that most records need no look at the metadata.

use std::{collections::BTreeMap, sync::Arc};

use super::partitioner::Sticky;
use crate::{
    error::Error,
    metadata::{Cluster, Topic},
    protocol::ErrorCode,
};

/// The topics that records were sent to.
#[derive(Debug, Default)]
pub(super) struct Topics {
    places: BTreeMap<Arc<str>, usize>,
    topics: Vec<Known>,
    /// The topic of the last record, under the name that the caller holds: most are for the same.
    last: Option<(Arc<str>, usize)>,
    /// The metadata that they were learnt from.
    generation: u64,
}

/// A topic that records were sent to.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) name: Arc<str>,
    pub(super) partitions: Vec<Place>,
    pub(super) sticky: Sticky,
}

/// A partition of a topic.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Place {
    /// Its queue, once it has one.
    pub(super) slot: Option<usize>,
    pub(super) has_leader: bool,
}

impl Topics {
    /// The topic, if its partitions are known.
    pub(super) fn find(&mut self, name: &Arc<str>) -> Option<&mut Known> {
        let place = match &self.last {
            Some((last, place)) if Arc::ptr_eq(last, name) => *place,
            _ => {
                let place = *self.places.get(name)?;
                self.last = Some((Arc::clone(name), place));
                place
            }
        };
        self.topics.get_mut(place).filter(|topic| !topic.partitions.is_empty())
    }

    /// Takes the topic's partitions from `cluster`; false if they are not known there.
    ///
    /// # Errors
    /// The topic cannot be written to.
    pub(super) fn learn(&mut self, name: &Arc<str>, cluster: &Cluster) -> Result<bool, Error> {
        let Some(topic) = usable(cluster.topic(name))? else { return Ok(false) };
        let place = *self.places.entry(Arc::clone(name)).or_insert_with(|| {
            self.topics.push(Known { name: Arc::clone(name), partitions: Vec::new(), sticky: Sticky::default() });
            self.topics.len().saturating_sub(1)
        });
        if let Some(known) = self.topics.get_mut(place) {
            known.update(topic);
        }
        Ok(true)
    }

    /// Takes in what a later `cluster` says of the topics that are known. One that it does not have any more has to be
    /// asked for again.
    pub(super) fn update(&mut self, cluster: &Cluster) {
        if self.generation == cluster.generation() {
            return;
        }
        self.generation = cluster.generation();
        for known in &mut self.topics {
            match usable(cluster.topic(&known.name)) {
                Ok(Some(topic)) => known.update(topic),
                Ok(None) | Err(_) => known.partitions.clear(),
            }
        }
    }
}

impl Known {
    fn update(&mut self, topic: &Topic) {
        self.partitions.resize(topic.partitions().len(), Place::default());
        for (place, partition) in self.partitions.iter_mut().zip(topic.partitions()) {
            place.has_leader = partition.leader.is_some();
        }
    }
}

/// The topic, if its partitions are known.
fn usable(topic: Option<&Topic>) -> Result<Option<&Topic>, Error> {
    let Some(topic) = topic else { return Ok(None) };
    match topic.error() {
        None => Ok(Some(topic).filter(|topic| !topic.partitions().is_empty())),
        Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION) => Ok(None),
        Some(code) if Error::broker(code, "Metadata").is_retriable() => Ok(None),
        Some(code) => Err(Error::broker(code, "Metadata")),
    }
}
