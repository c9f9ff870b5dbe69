//! Commits: one at a time, of what is settled, and never of what another member owns by then.
//!
//! Attempt counts and settled offsets above the commit will travel in the metadata of the committed offset; they come
//! back with [`AssignedPartition`](super::ports::AssignedPartition). Until then a rebalance starts the count anew.

use std::time::Duration;

use ottla_kafka_core::{BoxFuture, Error, TopicPartition};
use tokio::sync::oneshot;

use super::{
    engine::{Engine, timed_out},
    health::StallReason,
    partition::Hold,
    ports::{CommitAnswer, Group},
};

/// An offset to commit, and the lane that settled everything before it.
type CommitPoint = (TopicPartition, i64, Option<u64>);

/// A commit on its way.
pub(super) struct Commit {
    points: Vec<CommitPoint>,
    waiting: Vec<oneshot::Sender<()>>,
    answer: BoxFuture<'static, CommitAnswer>,
}

/// A commit that has ended.
pub(super) struct Answered {
    points: Vec<CommitPoint>,
    waiting: Vec<oneshot::Sender<()>>,
    answer: CommitAnswer,
}

impl Commit {
    fn start(group: &dyn Group, points: Vec<CommitPoint>, waiting: Vec<oneshot::Sender<()>>, limit: Duration) -> Self {
        let call = group.commit(points.iter().map(|(partition, offset, _)| (partition.clone(), *offset)).collect());
        let answer = Box::pin(async move {
            tokio::time::timeout(limit, call).await.unwrap_or_else(|_| Err(timed_out("commit", limit)))
        });
        Self { points, waiting, answer }
    }

    /// Waits for the commit's end; for ever if there is none. Cancel-safe: the commit stays in its place until then.
    pub(super) async fn answer(commit: &mut Option<Self>) -> Answered {
        let Some(current) = commit.as_mut() else { return std::future::pending().await };
        let answer = (&mut current.answer).await;
        let (points, waiting) = commit.take().map(|commit| (commit.points, commit.waiting)).unwrap_or_default();
        Answered { points, waiting, answer }
    }
}

impl Engine {
    /// Starts a commit if one is due and none is on its way.
    pub(super) fn commit_if_due(&mut self) {
        if !self.commit_due || self.commit.is_some() {
            return;
        }
        self.commit_due = false;
        let points = self.commit_points(None);
        let waiting = std::mem::take(&mut self.awaiting_commit);
        if points.is_empty() {
            // Nothing was settled since the last commit, so it records all there is.
            answer_all(waiting);
            return;
        }
        self.commit = Some(Commit::start(&*self.group, points, waiting, self.settings.commit_timeout));
    }

    /// Commits these partitions (or all) and waits for the answer.
    pub(super) async fn commit_now(&mut self, only: Option<&[TopicPartition]>) {
        self.commit_settles().await;
        let points = self.commit_points(only);
        if !points.is_empty() {
            self.commit = Some(Commit::start(&*self.group, points, Vec::new(), self.settings.commit_timeout));
            self.commit_settles().await;
        }
    }

    /// Waits for the commit on its way, if there is one.
    pub(super) async fn commit_settles(&mut self) {
        if self.commit.is_some() {
            let answered = Commit::answer(&mut self.commit).await;
            self.commit_answered(answered);
        }
    }

    /// What there is to commit. A partition whose books do not add up stops here.
    fn commit_points(&mut self, only: Option<&[TopicPartition]>) -> Vec<CommitPoint> {
        let (mut points, mut violations) = (Vec::new(), Vec::new());
        for (topic_partition, partition) in &mut self.partitions {
            if only.is_some_and(|only| !only.contains(topic_partition)) {
                continue;
            }
            match partition.commit_point() {
                Ok(Some(offset)) => points.push((topic_partition.clone(), offset, partition.lane_id())),
                Ok(None) => {}
                Err(violation) => violations.push((topic_partition.clone(), violation)),
            }
        }
        for (topic_partition, violation) in violations {
            tracing::error!(%topic_partition, %violation, "the ledger does not add up: nothing more is committed");
            self.stall(&topic_partition, StallReason::Ledger { violation }, Hold::Broken);
        }
        points
    }

    pub(super) fn commit_answered(&mut self, answered: Answered) {
        let Answered { points, waiting, answer } = answered;
        match answer {
            Ok(mut answers) => {
                for (topic_partition, offset, lane) in points {
                    match answers.remove(&topic_partition) {
                        Some(Err(error)) => self.commit_failed(&error),
                        Some(Ok(())) | None => self.commit_succeeded(&topic_partition, offset, lane),
                    }
                }
                self.report.commits = self.report.commits.saturating_add(1);
            }
            Err(error) => self.commit_failed(&error),
        }
        // A failed commit holds no attempt back: its records may come again, which handlers must bear anyway.
        answer_all(waiting);
    }

    fn commit_succeeded(&mut self, topic_partition: &TopicPartition, offset: i64, lane: Option<u64>) {
        self.report.committed.insert(topic_partition.clone(), offset);
        self.observer.committed(topic_partition, offset);
        if let Some(partition) = self.partitions.get_mut(topic_partition).filter(|state| state.lane_id() == lane) {
            partition.committed(offset);
        }
        self.observe_lag(topic_partition);
    }

    /// The offsets stay uncommitted, and the next commit takes them with it.
    fn commit_failed(&mut self, error: &Error) {
        tracing::warn!(%error, "a commit failed");
        self.report.commit_failures = self.report.commit_failures.saturating_add(1);
        self.observer.commit_failed(error);
    }
}

fn answer_all(waiting: Vec<oneshot::Sender<()>>) {
    for committed in waiting {
        // A lane that waits no longer has ended.
        let _ = committed.send(());
    }
}
