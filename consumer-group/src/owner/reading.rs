//! The fetcher, and what of it the owner keeps in mind.

use std::collections::{BTreeMap, BTreeSet};

use ottla_kafka_core::{Fetched, TopicPartition};

use super::outbox::Outbox;
use crate::fetching::Fetching;

/// The partitions that are being read.
pub(crate) struct Reading<F> {
    fetcher: F,
    /// The next offset of each.
    positions: BTreeMap<TopicPartition, i64>,
    /// Those that the fetcher pauses.
    paused: BTreeSet<TopicPartition>,
}

impl<F: Fetching> Reading<F> {
    pub(crate) fn new(fetcher: F) -> Self {
        Self { fetcher, positions: BTreeMap::new(), paused: BTreeSet::new() }
    }

    /// Reads `tp` from `offset` on.
    pub(crate) fn start(&mut self, tp: &TopicPartition, offset: i64) {
        self.stop(tp);
        self.fetcher.assign(tp, offset);
        self.positions.insert(tp.clone(), offset);
    }

    /// Reads `tp` no more; returns where it was.
    pub(crate) fn stop(&mut self, tp: &TopicPartition) -> Option<i64> {
        let position = self.positions.remove(tp)?;
        self.paused.remove(tp);
        self.fetcher.unassign(tp);
        Some(position)
    }

    pub(crate) fn stop_all(&mut self) {
        for tp in std::mem::take(&mut self.positions).into_keys() {
            self.fetcher.unassign(&tp);
        }
        self.paused.clear();
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
