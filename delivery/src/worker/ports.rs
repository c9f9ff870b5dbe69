//! What a worker needs of a consumer and of a producer: no more than this, so that its pipeline runs in tests without
//! a network.

use std::{any::Any, collections::BTreeMap, fmt, sync::Arc, time::Duration};

use ottla_kafka_core::{BoxFuture, Error, TopicPartition};

use crate::{outgoing::OutgoingRecord, record::DeliveryRecord, settlement::Acked};

/// Where records come from.
pub(crate) trait Source: Send {
    /// The next event. Cancel-safe. After an error that is no [`SourceEvent::Failed`] it may be asked again.
    fn recv(&mut self) -> BoxFuture<'_, Result<SourceEvent, Error>>;

    /// The group's side, which works while `recv` waits.
    fn group(&self) -> Box<dyn Group>;

    /// Leaves the group.
    fn close(self: Box<Self>) -> BoxFuture<'static, Result<(), Error>>;
}

/// Commits and flow control.
pub(crate) trait Group: Send + Sync {
    /// Commits offsets.
    fn commit(&self, offsets: Vec<(TopicPartition, i64)>) -> BoxFuture<'static, CommitAnswer>;

    /// Stops fetching the partition until it is resumed; kept over a rebalance.
    fn pause(&self, topic_partition: &TopicPartition);

    /// Fetches the partition again.
    fn resume(&self, topic_partition: &TopicPartition);

    /// The offset behind the last record of each partition that the consumer may read.
    fn end_offsets(&self, partitions: Vec<TopicPartition>) -> BoxFuture<'static, EndsAnswer>;

    /// Whether the consumer is a member of its group and has its assignment.
    fn is_stable(&self) -> bool;

    /// The settings that the start checks compare with the worker's.
    fn facts(&self) -> GroupFacts;
}

/// What became of each partition's commit, or of all.
pub(crate) type CommitAnswer = Result<BTreeMap<TopicPartition, Result<(), Error>>, Error>;

/// The end of each partition, or why it is not known.
pub(crate) type EndsAnswer = Result<BTreeMap<TopicPartition, Result<i64, Error>>, Error>;

/// A group's settings.
#[derive(Clone, Debug)]
pub(crate) struct GroupFacts {
    pub(crate) group_id: Arc<str>,
    pub(crate) topics: Vec<Arc<str>>,
    pub(crate) rebalance_timeout: Duration,
    pub(crate) revoke_drain: Duration,
}

/// What a consumer reports.
#[derive(Debug)]
pub(crate) enum SourceEvent {
    Records(SourceRecords),
    Assigned(Vec<AssignedPartition>),
    Revoking(Revocation),
    Lost(Vec<TopicPartition>),
    Position {
        topic_partition: TopicPartition,
        offset: i64,
    },
    /// One partition cannot be read on; the others can. It moves again with its next event.
    Failed {
        topic_partition: TopicPartition,
        error: Error,
    },
}

/// Records of one partition, in order.
#[derive(Debug)]
pub(crate) struct SourceRecords {
    pub(crate) topic_partition: TopicPartition,
    pub(crate) records: Vec<DeliveryRecord>,
    /// The offset behind the last record, and behind what followed it without records.
    pub(crate) next_offset: i64,
    pub(crate) high_watermark: i64,
}

/// A new partition. Attempt counts will come with it, from the metadata of its committed offset.
#[derive(Debug)]
pub(crate) struct AssignedPartition {
    pub(crate) topic_partition: TopicPartition,
    pub(crate) position: i64,
    pub(crate) committed: Option<i64>,
}

/// Partitions that go to another member once `hold` is dropped.
pub(crate) struct Revocation {
    pub(crate) partitions: Vec<TopicPartition>,
    pub(crate) hold: Box<dyn Any + Send>,
}

impl fmt::Debug for Revocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Revocation").field("partitions", &self.partitions).finish_non_exhaustive()
    }
}

/// Where records go.
pub(crate) trait Sink: Send + Sync {
    /// Publishes a record and waits until all in-sync replicas have it.
    fn publish(&self, record: OutgoingRecord) -> BoxFuture<'_, Result<Acked, Error>>;
}
