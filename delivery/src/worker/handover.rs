//! Giving partitions up: revoked, lost, or all of them at the end.

use std::time::Duration;

use ottla_kafka_core::TopicPartition;
use tokio::time::Instant;

use super::{
    engine::{End, Engine, timed_out},
    lane::Mode,
    partition::AssignedState,
    ports::Revocation,
    report::WorkerReport,
};

/// How long an aborted lane may take to end. A handler that blocks its thread would otherwise hold everything.
const ABORT_LIMIT: Duration = Duration::from_secs(1);

impl Engine {
    /// Lets the attempts that run end, commits what is settled, and only then lets the rebalance go on.
    pub(super) async fn on_revoking(&mut self, revocation: Revocation) {
        let Revocation { partitions, hold } = revocation;
        // Some of the drain is the commit's: an attempt that ends too late to be committed is made twice.
        let drain = self.group.facts().revoke_drain.mul_f64(0.8);
        self.stop_lanes(&partitions, Mode::Finish, Instant::now() + drain).await;
        self.commit_now(Some(&partitions)).await;
        self.forget(&partitions);
        drop(hold);
    }

    /// Ends everything at once: what these partitions' records do from now on is another member's business.
    pub(super) async fn on_lost(&mut self, lost: &[TopicPartition]) {
        self.stop_lanes(lost, Mode::Finish, Instant::now()).await;
        self.forget(lost);
    }

    /// Drains, commits, leaves the group.
    pub(super) async fn finish(mut self, end: &End) -> WorkerReport {
        self.health.send_modify(|health| health.stopping = true);
        let all: Vec<_> = self.partitions.keys().cloned().collect();
        let mode = if matches!(end, End::Shutdown) { Mode::Drain } else { Mode::Finish };
        self.stop_lanes(&all, mode, Instant::now() + self.settings.shutdown_grace).await;
        self.commit_now(None).await;
        let clean = self.partitions.values().all(AssignedState::is_clean);
        self.forget(&all);
        let limit = self.settings.commit_timeout;
        let left = tokio::time::timeout(limit, self.source.close()).await;
        if let Err(error) = left.unwrap_or_else(|_| Err(timed_out("leaving the group", limit))) {
            // The group notices by itself, when the session times out.
            tracing::warn!(%error, "the group was not left in order");
        }
        self.health.send_modify(|health| health.live = false);
        WorkerReport { drained: clean, ..self.report }
    }

    /// Asks lanes to end, waits until the deadline, aborts those that did not, and releases what they did not settle.
    async fn stop_lanes(&mut self, partitions: &[TopicPartition], mode: Mode, deadline: Instant) {
        for partition in partitions {
            if let Some(lane) = self.partitions.get_mut(partition).and_then(|state| state.lane.as_mut()) {
                lane.stop(mode);
            }
        }
        while self.some_run(partitions) {
            tokio::select! {
                biased;
                Some(message) = self.messages.recv() => self.on_lane(message),
                () = tokio::time::sleep_until(deadline) => break,
            }
        }
        for partition in partitions {
            self.end_lane(partition).await;
        }
        while let Ok(message) = self.messages.try_recv() {
            self.on_lane(message);
        }
        for partition in partitions {
            if let Some(state) = self.partitions.get_mut(partition) {
                state.release();
            }
        }
    }

    fn some_run(&self, partitions: &[TopicPartition]) -> bool {
        partitions
            .iter()
            .filter_map(|partition| self.partitions.get(partition)?.lane.as_ref())
            .any(|lane| !lane.ended && !lane.task.is_finished())
    }

    /// Aborts a lane and waits for its end. What it said before is still among the messages.
    async fn end_lane(&mut self, partition: &TopicPartition) {
        let Some(mut lane) = self.partitions.get_mut(partition).and_then(|state| state.lane.take()) else { return };
        lane.task.abort();
        let ended = tokio::time::timeout(ABORT_LIMIT, &mut lane.task).await;
        if ended.is_err() {
            tracing::error!(topic_partition = %partition, "a handler blocks its thread and cannot be ended");
        }
        if let Some(state) = self.partitions.get_mut(partition) {
            state.lane = Some(lane);
        }
    }

    /// Closes the books of partitions that are given up.
    fn forget(&mut self, partitions: &[TopicPartition]) {
        let had: Vec<_> =
            partitions.iter().filter(|partition| self.partitions.contains_key(partition)).cloned().collect();
        self.observer.released(&had);
        for partition in partitions {
            if let Some(state) = self.partitions.remove(partition) {
                if state.is_paused() {
                    // A pause outlives the assignment, and the reason for this one is gone with it.
                    self.group.resume(partition);
                }
                self.report.ledger.add(state.ledger());
            }
        }
        self.publish_health();
    }
}
