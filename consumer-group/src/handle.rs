//! The consumer's other hand: commits, pauses and questions while `recv` waits.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use ottla_kafka_core::{Error, ErrorKind, Stall, TopicPartition};
use tokio::{
    sync::{mpsc::error::TrySendError, oneshot},
    time::timeout,
};

use crate::{
    commit::CommitAck,
    offsets::{OffsetAndMetadata, Offsets},
    owner::{Asks, Command, Commit, Outcomes, Shared},
    questions::ClusterSide,
    status::GroupStatus,
};

/// Acts on a [`Consumer`](crate::Consumer) from anywhere. Cloning shares it; it does not keep the consumer alive.
#[derive(Clone, Debug)]
pub struct ConsumerHandle {
    shared: Arc<Shared>,
    asks: Asks,
    limit: Duration,
    pub(crate) cluster: Arc<ClusterSide>,
}

impl ConsumerHandle {
    pub(crate) fn new(shared: Arc<Shared>, asks: Asks, limit: Duration, cluster: ClusterSide) -> Self {
        Self { shared, asks, limit, cluster: Arc::new(cluster) }
    }

    /// Commits these offsets, and says for each partition whether that succeeded.
    ///
    /// Commits are sent in order, one at a time. A coordinator that moves or loads is waited for. What this member
    /// does not own is refused without being sent; so is all that a rebalance overtakes. It counts as a poll.
    ///
    /// # Errors
    /// The consumer is closed, or no outcome came within the default API timeout. Within the result, each partition
    /// has its own: `ILLEGAL_GENERATION` if the partition is not this member's any more.
    ///
    /// # Cancel safety
    /// Dropping the future leaves open whether the offsets are committed.
    pub async fn commit(
        &self,
        offsets: impl IntoIterator<Item = (TopicPartition, OffsetAndMetadata)>,
    ) -> Result<BTreeMap<TopicPartition, Result<(), Error>>, Error> {
        self.commit_of(self.generation(), offsets.into_iter().collect()).await
    }

    /// As [`commit`](Self::commit), but refused unless `generation` is still the group's: what was read in an older
    /// one may have been handled further by another member since.
    ///
    /// # Errors
    /// As [`commit`](Self::commit).
    ///
    /// # Cancel safety
    /// As [`commit`](Self::commit).
    pub async fn commit_in(
        &self,
        generation: i32,
        offsets: impl IntoIterator<Item = (TopicPartition, OffsetAndMetadata)>,
    ) -> Result<BTreeMap<TopicPartition, Result<(), Error>>, Error> {
        self.commit_of(Some(generation), offsets.into_iter().collect()).await
    }

    async fn commit_of(&self, generation: Option<i32>, offsets: Offsets) -> Result<Outcomes, Error> {
        self.shared.touch();
        if offsets.is_empty() {
            return Ok(Outcomes::new());
        }
        let (reply, answer) = oneshot::channel();
        let sent =
            async { self.asks.commits.send(Commit { generation, offsets, reply }).await.map_err(|_| Error::closed()) };
        self.answer("OffsetCommit", sent, answer).await
    }

    /// Commits these offsets without waiting: after the commits that were asked for before it, in the same way. The
    /// outcome is there for who awaits it. It counts as a poll.
    ///
    /// It resolves at once, with [`ErrorKind::Full`], if 64 commits wait already: a coordinator has been away for a
    /// while, and a later commit will carry these offsets.
    pub fn commit_async(&self, offsets: impl IntoIterator<Item = (TopicPartition, OffsetAndMetadata)>) -> CommitAck {
        self.shared.touch();
        let offsets: Offsets = offsets.into_iter().collect();
        if offsets.is_empty() {
            return CommitAck::decided(Ok(Outcomes::new()));
        }
        let (reply, outcomes) = oneshot::channel();
        match self.asks.commits.try_send(Commit { generation: self.generation(), offsets, reply }) {
            Ok(()) => CommitAck::waiting(outcomes),
            Err(TrySendError::Full(_)) => CommitAck::decided(Err(Error::new(ErrorKind::Full))),
            Err(TrySendError::Closed(_)) => CommitAck::decided(Err(Error::closed())),
        }
    }

    /// Reads on at `offset`; what waits of the partition is dropped.
    ///
    /// # Errors
    /// The partition is not assigned, `offset` is negative, or the consumer is closed.
    ///
    /// # Cancel safety
    /// Dropping the future leaves open whether the position has moved.
    pub async fn seek(&self, topic_partition: &TopicPartition, offset: i64) -> Result<(), Error> {
        if offset < 0 {
            return Err(Error::invalid(format!("offset {offset} is negative")));
        }
        let topic_partition = topic_partition.clone();
        let name = topic_partition.to_string();
        match self.ask("seek", |reply| Command::Seek { topic_partition, offset, reply }).await? {
            true => Ok(()),
            false => Err(Error::invalid(format!("{name} is not assigned to this member"))),
        }
    }

    /// Gives the owner a command and waits for its reply.
    async fn ask<T>(&self, what: &str, command: impl FnOnce(oneshot::Sender<T>) -> Command) -> Result<T, Error> {
        let (reply, answer) = oneshot::channel();
        let sent = async { self.asks.commands.send(command(reply)).await.map_err(|_| Error::closed()) };
        self.answer(what, sent, answer).await
    }

    async fn answer<T>(
        &self,
        what: &str,
        sent: impl Future<Output = Result<(), Error>>,
        answer: oneshot::Receiver<T>,
    ) -> Result<T, Error> {
        let asked = async {
            sent.await?;
            answer.await.map_err(|_| Error::closed().with_maybe_applied(true))
        };
        // The owner keeps its own limit; this one is for the time in the queue before.
        let limit = self.limit.saturating_mul(2);
        let late = || Error::new(ErrorKind::Timeout { what: what.to_owned(), after: limit }).with_maybe_applied(true);
        timeout(limit, asked).await.unwrap_or_else(|_| Err(late()))
    }

    /// Fetches no more of these partitions, and holds back what waits of them. It is a wish that survives rebalances:
    /// a partition that comes back is still paused.
    pub fn pause(&self, partitions: impl IntoIterator<Item = TopicPartition>) {
        self.shared.ask(|outbox| outbox.pause(partitions));
    }

    /// Fetches these partitions again.
    pub fn resume(&self, partitions: impl IntoIterator<Item = TopicPartition>) {
        self.shared.ask(|outbox| outbox.resume(partitions));
    }

    /// Says that the application makes progress, as a `recv` or a commit does. Kafka: `max.poll.interval.ms`.
    pub fn touch(&self) {
        self.shared.touch();
    }

    /// The offset that `recv` yields next of this partition, if it is assigned and known.
    pub fn position(&self, topic_partition: &TopicPartition) -> Option<i64> {
        self.shared.outbox().partitions().get(topic_partition)?.position
    }

    /// The last offset known to be committed for this partition, while it is assigned.
    pub fn committed(&self, topic_partition: &TopicPartition) -> Option<OffsetAndMetadata> {
        self.shared.outbox().partitions().get(topic_partition)?.committed.clone()
    }

    /// How far the position is behind the log's end, as far as known.
    pub fn lag(&self, topic_partition: &TopicPartition) -> Option<i64> {
        let outbox = self.shared.outbox();
        let held = outbox.partitions().get(topic_partition)?;
        Some(held.high_watermark?.saturating_sub(held.position?).max(0))
    }

    /// The group's generation, while this member has an assignment.
    pub fn generation(&self) -> Option<i32> {
        self.shared.outbox().generation()
    }

    /// The partitions that are this member's.
    pub fn assignment(&self) -> Vec<TopicPartition> {
        self.shared.outbox().partitions().keys().cloned().collect()
    }

    /// Where the member stands, and its trouble.
    pub fn status(&self) -> GroupStatus {
        self.shared.outbox().status().clone()
    }

    /// The partitions that bring nothing although they are read, each with the reason and for how long: for health
    /// checks.
    pub fn stalled(&self) -> BTreeMap<TopicPartition, Stall> {
        self.cluster.monitor.stalled()
    }

    /// Asks the owner to end, and waits until it has.
    pub(crate) async fn close(&self, limit: Duration) {
        let (reply, ended) = oneshot::channel();
        let closed = async {
            if self.asks.commands.send(Command::Close { reply }).await.is_ok() {
                let _ = ended.await;
            }
        };
        let _ = timeout(limit, closed).await;
    }
}
