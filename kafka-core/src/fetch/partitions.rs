//! Which partitions are read, from where, and what of them waits to be handed out. Pure.

use std::collections::{BTreeMap, VecDeque};

use tokio::time::Instant;
use uuid::Uuid;

use super::{
    StartPosition,
    reading::{Next, Reading, State, Waiting},
};
use crate::topic_partition::TopicPartition;

/// The partitions of one fetcher.
#[derive(Debug, Default)]
pub(super) struct Partitions {
    readings: BTreeMap<TopicPartition, Reading>,
    /// Those of which something may wait, in the order in which they are handed out; each at most once.
    ready: VecDeque<TopicPartition>,
    next_token: u64,
    next_turn: u64,
}

/// A partition that is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) topic_partition: TopicPartition,
    pub(super) next: Next,
    pub(super) token: u64,
}

impl Partitions {
    /// Reads the partition from `start` on. An assigned partition is thereby sought, and stays paused if it is.
    /// `topic_id` says in which topic of that name an offset is; nil if nobody knows.
    pub(super) fn assign(&mut self, topic_partition: TopicPartition, start: StartPosition, topic_id: Uuid) {
        self.next_token = self.next_token.saturating_add(1);
        let mut reading = Reading::new(start, self.next_token);
        reading.topic_id = topic_id;
        reading.paused = self.is_paused(&topic_partition);
        self.ready.retain(|ready| *ready != topic_partition);
        self.readings.insert(topic_partition, reading);
    }

    pub(super) fn unassign(&mut self, topic_partition: &TopicPartition) {
        self.ready.retain(|ready| ready != topic_partition);
        self.readings.remove(topic_partition);
    }

    pub(super) fn pause(&mut self, topic_partition: &TopicPartition, paused: bool) {
        if let Some(reading) = self.readings.get_mut(topic_partition) {
            reading.paused = paused;
            // Whatever it was, nothing is asked for now.
            reading.stall = None;
        }
    }

    pub(super) fn assigned(&self) -> impl Iterator<Item = &TopicPartition> {
        self.readings.keys()
    }

    /// Those whose topic may not be the one any more in which their position is.
    pub(super) fn in_doubt(&self) -> impl Iterator<Item = &TopicPartition> {
        self.readings.iter().filter(|(_, reading)| reading.is_in_doubt()).map(|(partition, _)| partition)
    }

    pub(super) fn get(&self, topic_partition: &TopicPartition) -> Option<&Reading> {
        self.readings.get(topic_partition)
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (&TopicPartition, &mut Reading)> {
        self.readings.iter_mut()
    }

    /// Changes the partition and has the application look at what then waits.
    pub(super) fn with(&mut self, topic_partition: &TopicPartition, change: impl FnOnce(&mut Reading)) {
        if let Some(reading) = self.readings.get_mut(topic_partition) {
            change(reading);
            if !reading.waiting.is_empty() && !self.ready.contains(topic_partition) {
                self.ready.push_back(topic_partition.clone());
            }
        }
    }

    /// The same, unless the partition was sought or unassigned since it was asked for.
    pub(super) fn with_asked(&mut self, asked: &Asked, change: impl FnOnce(&mut Reading)) {
        if self.is_current(&asked.topic_partition, asked.token) {
            self.with(&asked.topic_partition, change);
        }
    }

    /// Whether an answer to the question with `token` is still wanted.
    pub(super) fn is_current(&self, topic_partition: &TopicPartition, token: u64) -> bool {
        self.readings.get(topic_partition).is_some_and(|reading| reading.token == token)
    }

    fn is_paused(&self, topic_partition: &TopicPartition) -> bool {
        self.readings.get(topic_partition).is_some_and(|reading| reading.paused)
    }

    /// The partitions that may be asked for now, those that waited longest first.
    pub(super) fn askable(&self, now: Instant) -> Vec<Asked> {
        let mut askable: Vec<_> = self.readings.iter().filter(|(_, reading)| reading.is_askable(now)).collect();
        askable.sort_by_key(|(_, reading)| reading.turn);
        let asked = |(partition, reading): (&TopicPartition, &Reading)| Asked {
            topic_partition: partition.clone(),
            next: reading.next,
            token: reading.token,
        };
        askable.into_iter().map(asked).collect()
    }

    /// The partitions of which no more is asked for until the application has taken something.
    pub(super) fn full(&self) -> impl Iterator<Item = &TopicPartition> {
        self.readings.iter().filter(|(_, reading)| reading.is_full() && !reading.paused).map(|(partition, _)| partition)
    }

    /// The partition is asked for, in a topic of this id.
    pub(super) fn busy(&mut self, topic_partition: &TopicPartition, topic_id: Uuid) {
        if let Some(reading) = self.readings.get_mut(topic_partition) {
            reading.state = State::Busy;
            if topic_id != Uuid::nil() {
                reading.topic_id = topic_id;
            }
        }
    }

    /// The partition got its share: others come first now.
    pub(super) fn served(&mut self, topic_partition: &TopicPartition) {
        self.next_turn = self.next_turn.saturating_add(1);
        let turn = self.next_turn;
        if let Some(reading) = self.readings.get_mut(topic_partition) {
            reading.turn = turn;
        }
    }

    /// What the application gets next; the partition goes to the end of the line.
    pub(super) fn take(&mut self) -> Option<(TopicPartition, Waiting)> {
        let at = self.ready.iter().position(|ready| !self.is_paused(ready))?;
        let topic_partition = self.ready.remove(at)?;
        let reading = self.readings.get_mut(&topic_partition)?;
        let waiting = reading.waiting.pop_front()?;
        if !reading.waiting.is_empty() {
            self.ready.push_back(topic_partition.clone());
        }
        Some((topic_partition, waiting))
    }

    /// Puts back what was taken and not used up.
    pub(super) fn put_back(&mut self, topic_partition: &TopicPartition, waiting: Waiting) {
        self.with(topic_partition, |reading| reading.waiting.push_front(waiting));
    }

    /// Whether something waits that may be handed out.
    pub(super) fn has_ready(&self) -> bool {
        self.ready.iter().any(|ready| !self.is_paused(ready))
    }

    /// Drops what waits of paused partitions, so that its memory serves those that are read. Whether there was any.
    pub(super) fn evict_paused(&mut self) -> bool {
        let paused = self.readings.iter_mut().filter(|(_, reading)| reading.paused);
        let evicted: Vec<_> = paused.filter_map(|(partition, reading)| reading.evict().then_some(partition)).collect();
        self.ready.retain(|ready| !evicted.contains(&ready));
        !evicted.is_empty()
    }

    /// When the next partition that waits may be asked for. One that might be already waits for something else.
    pub(super) fn next_look(&self, now: Instant) -> Option<Instant> {
        let until = |reading: &Reading| match reading.state {
            State::Backoff { until } if !reading.paused && until > now => Some(until),
            _ => None,
        };
        self.readings.values().filter_map(until).min()
    }
}
