//! Which partitions are read, from where, and which may be asked for now. Pure.

use std::{collections::BTreeMap, time::Duration};

use tokio::time::Instant;

use crate::topic_partition::TopicPartition;

/// The partitions of one fetcher.
#[derive(Debug, Default)]
pub(super) struct Partitions {
    partitions: BTreeMap<TopicPartition, Reading>,
    next_token: u64,
    next_turn: u64,
}

#[derive(Debug)]
struct Reading {
    position: i64,
    /// Tells this assignment or seek from an earlier one: an answer to an older question is dropped.
    token: u64,
    state: State,
    paused: bool,
    failures: u32,
    /// Partitions are asked for in the order of their turns, so that a full answer starves none.
    turn: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// May be asked for.
    Idle,
    /// Asked for, or its answer waits to be taken.
    Busy,
    /// May be asked for later.
    Waiting { until: Instant },
    /// Failed for good, until a seek.
    Failed,
}

/// A partition that may be asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) topic_partition: TopicPartition,
    pub(super) offset: i64,
    pub(super) token: u64,
}

impl Partitions {
    /// Reads the partition from `position` on. An assigned partition is thereby sought, and stays paused if it is.
    pub(super) fn assign(&mut self, topic_partition: TopicPartition, position: i64) {
        self.next_token = self.next_token.saturating_add(1);
        let paused = self.partitions.get(&topic_partition).is_some_and(|reading| reading.paused);
        let token = self.next_token;
        let reading = Reading { position, token, state: State::Idle, paused, failures: 0, turn: 0 };
        self.partitions.insert(topic_partition, reading);
    }

    pub(super) fn unassign(&mut self, topic_partition: &TopicPartition) {
        self.partitions.remove(topic_partition);
    }

    pub(super) fn pause(&mut self, topic_partition: &TopicPartition, paused: bool) {
        if let Some(reading) = self.partitions.get_mut(topic_partition) {
            reading.paused = paused;
        }
    }

    pub(super) fn assigned(&self) -> impl Iterator<Item = &TopicPartition> {
        self.partitions.keys()
    }

    pub(super) fn position(&self, topic_partition: &TopicPartition) -> Option<i64> {
        self.partitions.get(topic_partition).map(|reading| reading.position)
    }

    /// Whether an answer to the question with `token` is still wanted.
    pub(super) fn is_current(&self, topic_partition: &TopicPartition, token: u64) -> bool {
        self.partitions.get(topic_partition).is_some_and(|reading| reading.token == token)
    }

    /// Whether its records may be handed out now.
    pub(super) fn is_paused(&self, topic_partition: &TopicPartition) -> bool {
        self.partitions.get(topic_partition).is_some_and(|reading| reading.paused)
    }

    /// The partitions that may be asked for now, those that waited longest first.
    pub(super) fn askable(&self, now: Instant) -> Vec<Asked> {
        let ready = |reading: &Reading| match reading.state {
            State::Idle => true,
            State::Waiting { until } => until <= now,
            State::Busy | State::Failed => false,
        };
        let mut askable: Vec<_> =
            self.partitions.iter().filter(|(_, reading)| !reading.paused && ready(reading)).collect();
        askable.sort_by_key(|(_, reading)| reading.turn);
        let asked = |(partition, reading): (&TopicPartition, &Reading)| Asked {
            topic_partition: partition.clone(),
            offset: reading.position,
            token: reading.token,
        };
        askable.into_iter().map(asked).collect()
    }

    /// The partition was asked for.
    pub(super) fn busy(&mut self, topic_partition: &TopicPartition) {
        self.next_turn = self.next_turn.saturating_add(1);
        let turn = self.next_turn;
        if let Some(reading) = self.partitions.get_mut(topic_partition) {
            reading.state = State::Busy;
            reading.turn = turn;
        }
    }

    /// Its answer was taken: the next question begins at `position`.
    pub(super) fn advance(&mut self, topic_partition: &TopicPartition, position: i64) {
        if let Some(reading) = self.partitions.get_mut(topic_partition) {
            reading.position = reading.position.max(position);
            reading.state = State::Idle;
            reading.failures = 0;
        }
    }

    /// It may be asked for again after `wait`, which depends on how often it failed in a row: that is returned.
    pub(super) fn retry(&mut self, topic_partition: &TopicPartition, wait: impl FnOnce(u32) -> Duration) -> u32 {
        let Some(reading) = self.partitions.get_mut(topic_partition) else { return 0 };
        reading.failures = reading.failures.saturating_add(1);
        reading.state = State::Waiting { until: Instant::now() + wait(reading.failures) };
        reading.failures
    }

    /// It is not asked for again until it is sought.
    pub(super) fn fail(&mut self, topic_partition: &TopicPartition) {
        if let Some(reading) = self.partitions.get_mut(topic_partition) {
            reading.state = State::Failed;
        }
    }

    /// When the next waiting partition may be asked for.
    pub(super) fn next_look(&self) -> Option<Instant> {
        let until = |reading: &Reading| match reading.state {
            State::Waiting { until } if !reading.paused => Some(until),
            _ => None,
        };
        self.partitions.values().filter_map(until).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn orders(partition: i32) -> TopicPartition {
        TopicPartition::new("orders", partition)
    }

    fn askable(partitions: &Partitions) -> Vec<(i32, i64)> {
        let asked = partitions.askable(Instant::now());
        asked.into_iter().map(|asked| (asked.topic_partition.partition(), asked.offset)).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn a_partition_is_asked_for_once_at_a_time_and_in_turn() {
        let mut partitions = Partitions::default();
        partitions.assign(orders(0), 10);
        partitions.assign(orders(1), 20);
        assert_eq!(askable(&partitions), [(0, 10), (1, 20)]);
        partitions.busy(&orders(0));
        assert_eq!(askable(&partitions), [(1, 20)]);
        partitions.advance(&orders(0), 15);
        assert_eq!(askable(&partitions), [(1, 20), (0, 15)], "the one that was just served comes last");
        partitions.retry(&orders(1), |_| Duration::from_secs(1));
        assert_eq!(askable(&partitions), [(0, 15)]);
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(askable(&partitions), [(1, 20), (0, 15)]);
        partitions.pause(&orders(1), true);
        partitions.fail(&orders(0));
        assert_eq!(askable(&partitions), []);
        partitions.assign(orders(0), 3);
        assert_eq!(askable(&partitions), [(0, 3)], "a seek heals");
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_from_before_a_seek_is_not_wanted() {
        let mut partitions = Partitions::default();
        partitions.assign(orders(0), 10);
        let before = partitions.askable(Instant::now()).remove(0).token;
        partitions.assign(orders(0), 50);
        assert!(!partitions.is_current(&orders(0), before));
        let after = partitions.askable(Instant::now()).remove(0).token;
        assert!(partitions.is_current(&orders(0), after));
        partitions.unassign(&orders(0));
        assert!(!partitions.is_current(&orders(0), after));
    }
}
