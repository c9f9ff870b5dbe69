//! What stands still, and how it is told: to the log, the observer and the health.

use std::mem::discriminant;

use ottla_kafka_core::{Error, TopicPartition};

use super::{
    engine::Engine,
    health::{StallReason, StalledPartition},
    partition::{AssignedState, Hold},
};

impl Engine {
    /// What nobody tells. A lane that ended without a word has panicked: a fault of this crate, which must not look
    /// like an idle partition. And a consumer that has recovered may have nothing to say for long.
    pub(super) fn look_around(&mut self) {
        if self.group.is_stable() {
            self.trouble(None);
        }
        let dead = |state: &AssignedState| {
            !state.is_broken() && state.lane.as_ref().is_some_and(|lane| !lane.ended && lane.task.is_finished())
        };
        let dead: Vec<_> = self.partitions.iter().filter(|(_, state)| dead(state)).map(|(tp, _)| tp.clone()).collect();
        for topic_partition in dead {
            self.stall(&topic_partition, StallReason::TaskEnded, Hold::Broken);
        }
        let limit = self.settings.stall_after;
        let stuck = |(tp, state): (&TopicPartition, &AssignedState)| Some((tp.clone(), state.stuck(limit)?));
        for (topic_partition, (offset, reason)) in self.partitions.iter().filter_map(stuck).collect::<Vec<_>>() {
            self.stall_record(&topic_partition, offset, reason);
        }
    }

    /// Makes a partition's standstill visible, and holds it in this way.
    pub(super) fn stall(
        &mut self,
        topic_partition: &TopicPartition,
        reason: StallReason,
        hold: impl FnOnce(StalledPartition) -> Hold,
    ) {
        let Some(partition) = self.partitions.get_mut(topic_partition) else { return };
        // The standstill began when it first stood still, whatever the reason is by now.
        let since_ms = partition.stalled().map_or_else(|| self.env.now_ms(), StalledPartition::since_ms);
        let stalled = StalledPartition { topic_partition: topic_partition.clone(), reason: reason.clone(), since_ms };
        partition.hold(hold(stalled));
        self.stalled(topic_partition, &reason);
    }

    /// Makes the standstill of one record visible, which holds what its order binds to it.
    pub(super) fn stall_record(&mut self, topic_partition: &TopicPartition, offset: i64, reason: StallReason) {
        let Some(partition) = self.partitions.get_mut(topic_partition) else { return };
        let shown = partition.stalled().map(|stalled| discriminant(&stalled.reason));
        let since_ms = self.env.now_ms();
        let stalled = StalledPartition { topic_partition: topic_partition.clone(), reason: reason.clone(), since_ms };
        partition.record_stalled(offset, stalled);
        if shown == Some(discriminant(&reason)) && partition.first_stalled() != Some(offset) {
            // An outage meets all that are handled at once: one of them tells.
            tracing::debug!(%topic_partition, offset, %reason, "another record stands still");
            self.apply_pause(topic_partition);
            return;
        }
        self.stalled(topic_partition, &reason);
    }

    fn stalled(&mut self, topic_partition: &TopicPartition, reason: &StallReason) {
        tracing::warn!(%topic_partition, %reason, "the partition stands still");
        self.observer.stalled(topic_partition, reason);
        self.apply_pause(topic_partition);
        self.publish_health();
    }

    /// A record that stood still moves; another one may not yet.
    pub(super) fn record_moves(&mut self, topic_partition: &TopicPartition) {
        if self.partitions.get(topic_partition).is_some_and(|partition| partition.stalled().is_none()) {
            self.resumed(topic_partition);
        } else {
            self.publish_health();
        }
    }

    pub(super) fn resumed(&mut self, topic_partition: &TopicPartition) {
        tracing::info!(%topic_partition, "the partition moves again");
        self.observer.resumed(topic_partition);
        self.publish_health();
    }

    /// Notes or forgets the consumer's trouble.
    pub(super) fn trouble(&self, error: Option<Error>) {
        self.health.send_if_modified(|health| {
            let changed = error.is_some() || health.trouble.is_some();
            health.trouble = error;
            changed
        });
    }

    pub(super) fn publish_health(&self) {
        self.health.send_modify(|health| {
            health.assigned = self.partitions.keys().cloned().collect();
            health.stalled = self.partitions.values().filter_map(AssignedState::stalled).cloned().collect();
        });
    }
}
