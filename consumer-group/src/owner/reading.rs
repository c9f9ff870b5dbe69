//! The fetcher, and what of it the owner keeps in mind.

use std::collections::{BTreeMap, BTreeSet};

use ottla_kafka_core::{Fetched, TopicPartition};
use uuid::Uuid;

use super::outbox::Outbox;
use crate::fetching::Fetching;

/// The partitions that are being read.
pub(crate) struct Reading<F> {
    fetcher: F,
    /// The next offset of each.
    positions: BTreeMap<TopicPartition, i64>,
    /// In which topic of its name the position of each is, was or will be, while this member keeps the partition.
    topics: BTreeMap<TopicPartition, Uuid>,
    /// Those that are not read, and whose topic was gone or another one when they last were.
    doubted: BTreeSet<TopicPartition>,
    /// Those that the fetcher pauses.
    paused: BTreeSet<TopicPartition>,
}

impl<F: Fetching> Reading<F> {
    pub(crate) fn new(fetcher: F) -> Self {
        Self {
            fetcher,
            positions: BTreeMap::new(),
            topics: BTreeMap::new(),
            doubted: BTreeSet::new(),
            paused: BTreeSet::new(),
        }
    }

    /// Reads `tp` from `offset` on, in the topic that it was read in before.
    pub(crate) fn start(&mut self, tp: &TopicPartition, offset: i64) {
        self.stop(tp);
        self.doubted.remove(tp);
        self.fetcher.assign(tp, offset, self.topics.get(tp).copied());
        self.positions.insert(tp.clone(), offset);
    }

    /// Reads `tp` from an `offset` that was just found in the topic there is now.
    pub(crate) fn start_anew(&mut self, tp: &TopicPartition, offset: i64) {
        self.stop(tp);
        self.forget_topic(tp);
        self.start(tp, offset);
    }

    /// Reads `tp` no more; returns where it was.
    pub(crate) fn stop(&mut self, tp: &TopicPartition) -> Option<i64> {
        let position = self.positions.remove(tp)?;
        self.topics.extend(self.fetcher.topic_id(tp).map(|id| (tp.clone(), id)));
        self.paused.remove(tp);
        self.fetcher.unassign(tp);
        Some(position)
    }

    pub(crate) fn stop_all(&mut self) {
        self.doubted.extend(self.fetcher.in_doubt());
        for tp in std::mem::take(&mut self.positions).into_keys() {
            self.topics.extend(self.fetcher.topic_id(&tp).map(|id| (tp.clone(), id)));
            self.fetcher.unassign(&tp);
        }
        self.paused.clear();
    }

    /// `tp` stopped because its topic is gone.
    pub(crate) fn doubt(&mut self, tp: &TopicPartition) {
        self.doubted.insert(tp.clone());
    }

    /// Of these the topic may not be the one any more that was read: what is known of their offsets may be void.
    pub(crate) fn in_doubt(&self) -> BTreeSet<TopicPartition> {
        self.doubted.iter().cloned().chain(self.fetcher.in_doubt()).collect()
    }

    /// What is known of the topic of `tp` does not hold for where it is read next.
    pub(crate) fn forget_topic(&mut self, tp: &TopicPartition) {
        self.topics.remove(tp);
        self.doubted.remove(tp);
    }

    /// The member has these partitions from now on: in between, others may have read those that it had not.
    pub(crate) fn keep_topics(&mut self, partitions: &[TopicPartition]) {
        self.topics.retain(|tp, _| partitions.contains(tp));
        self.doubted.clear();
    }

    /// Makes the fetcher pause what the application wants paused.
    pub(crate) fn reconcile(&mut self, outbox: &Outbox) {
        for tp in self.positions.keys() {
            match (outbox.is_paused(tp), self.paused.contains(tp)) {
                (true, false) => {
                    self.fetcher.pause(tp);
                    self.paused.insert(tp.clone());
                }
                (false, true) => {
                    self.fetcher.resume(tp);
                    self.paused.remove(tp);
                }
                (true, true) | (false, false) => {}
            }
        }
    }

    /// What is read next, if it `can_be_taken`; else it waits without end, while the fetcher reads on within its memory.
    /// Dropping the future loses nothing.
    pub(crate) async fn next(&mut self, can_be_taken: bool) -> Fetched {
        if !can_be_taken || self.positions.is_empty() {
            return std::future::pending().await;
        }
        self.fetcher.next().await
    }

    /// Notes that reading has come to `position`; false if the partition is not read any more.
    pub(crate) fn reached(&mut self, tp: &TopicPartition, position: i64) -> bool {
        self.positions.get_mut(tp).map(|known| *known = position).is_some()
    }
}
