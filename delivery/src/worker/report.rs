//! What a worker leaves behind.

use std::{collections::BTreeMap, fmt};

use ottla_kafka_core::{Error, TopicPartition};

use crate::ledger::Ledger;

/// What a worker did, told when it ends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WorkerReport {
    pub(super) ledger: Ledger,
    pub(super) committed: BTreeMap<TopicPartition, i64>,
    pub(super) commits: u64,
    pub(super) commit_failures: u64,
    pub(super) drained: bool,
}

impl WorkerReport {
    /// The books of all partitions it ever had, summed. What was released was given to a later owner.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// The last committed offset of every partition for which it committed one.
    pub fn committed(&self) -> &BTreeMap<TopicPartition, i64> {
        &self.committed
    }

    /// Commits that the group took.
    pub fn commits(&self) -> u64 {
        self.commits
    }

    /// Commits that failed. A later one covered them, or their records come again.
    pub fn commit_failures(&self) -> u64 {
        self.commit_failures
    }

    /// Whether everything delivered was settled and committed before the end.
    pub fn drained(&self) -> bool {
        self.drained
    }
}

/// Why a worker ended by itself.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum WorkerError {
    /// A handler said that the service cannot go on. Its record is not settled and comes again.
    Fatal {
        /// The record's partition.
        topic_partition: TopicPartition,
        /// The record's offset.
        offset: i64,
        /// The handler's words.
        error: String,
        /// What was done until then.
        report: Box<WorkerReport>,
    },
    /// The consumer failed for good.
    Consumer {
        /// What it said.
        error: Error,
        /// What was done until then.
        report: Box<WorkerReport>,
    },
}

impl WorkerError {
    /// What was done until the end.
    pub fn report(&self) -> &WorkerReport {
        match self {
            Self::Fatal { report, .. } | Self::Consumer { report, .. } => report,
        }
    }
}

impl fmt::Display for WorkerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fatal { topic_partition, offset, error, .. } => {
                write!(f, "the handler gave up at offset {offset} of {topic_partition}: {error}")
            }
            Self::Consumer { error, .. } => write!(f, "the consumer failed: {error}"),
        }
    }
}

impl std::error::Error for WorkerError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Fatal { .. } => None,
            Self::Consumer { error, .. } => Some(error),
        }
    }
}
