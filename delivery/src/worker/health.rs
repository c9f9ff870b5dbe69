//! What a worker says about itself.

use std::{fmt, sync::Arc, time::Duration};

use ottla_kafka_core::{Error, TopicPartition};
use tokio::sync::watch;

use crate::{ledger::LedgerViolation, store::StoreError};

/// A worker's health at one moment.
#[derive(Clone, Debug, Default)]
pub struct WorkerHealth {
    pub(super) live: bool,
    pub(super) joined: bool,
    pub(super) stopping: bool,
    pub(super) assigned: Vec<TopicPartition>,
    pub(super) stalled: Vec<StalledPartition>,
    pub(super) trouble: Option<Error>,
}

impl WorkerHealth {
    /// Whether the worker runs; once false, it stays so. A stalled partition does not end it.
    pub fn live(&self) -> bool {
        self.live
    }

    /// Whether it makes progress: it is in its group, every partition moves, and it is not shutting down.
    pub fn ready(&self) -> bool {
        self.live && self.joined && !self.stopping && self.stalled.is_empty() && self.trouble.is_none()
    }

    /// Whether it is a member of its group.
    pub fn joined(&self) -> bool {
        self.live && self.joined
    }

    /// Its partitions.
    pub fn assigned(&self) -> &[TopicPartition] {
        &self.assigned
    }

    /// The partitions that stand still, and why. None of their records is lost: they wait.
    pub fn stalled(&self) -> &[StalledPartition] {
        &self.stalled
    }

    /// What the consumer last complained about, until it works again.
    pub fn trouble(&self) -> Option<&Error> {
        self.trouble.as_ref()
    }
}

/// A partition that stands still.
#[derive(Clone, Debug)]
pub struct StalledPartition {
    pub(super) topic_partition: TopicPartition,
    pub(super) reason: StallReason,
    pub(super) since_ms: i64,
}

impl StalledPartition {
    /// The partition.
    pub fn topic_partition(&self) -> &TopicPartition {
        &self.topic_partition
    }

    /// Why it stands still.
    pub fn reason(&self) -> &StallReason {
        &self.reason
    }

    /// Since when, in milliseconds since 1970.
    pub fn since_ms(&self) -> i64 {
        self.since_ms
    }
}

/// Why a partition stands still.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum StallReason {
    /// A dead letter cannot be written. It is tried again until it can.
    DeadLetter {
        /// The dead letter topic.
        topic: Arc<str>,
        /// What the producer said.
        error: Error,
    },
    /// What a handler published cannot be written. The handler is run again until it can.
    Publish {
        /// The topic.
        topic: Arc<str>,
        /// What the producer said.
        error: Error,
    },
    /// The store fails. The handler is run again until it works.
    Store {
        /// What the store said.
        error: StoreError,
    },
    /// Nothing was settled for long although records are in hand: the handler is stuck, or far too slow.
    Stuck {
        /// The lowest offset that is not settled.
        offset: i64,
        /// For how long, when it was found.
        after: Duration,
    },
    /// The consumer cannot go on in this partition, as when its offset is out of range.
    Consumer {
        /// What the consumer said.
        error: Error,
    },
    /// The worker has no route for the topic. It stands until the worker is built with one.
    NoRoute,
    /// A handler ended the worker with a fatal error.
    Fatal {
        /// The handler's words.
        error: String,
    },
    /// The ledger does not add up. Nothing more is committed.
    Ledger {
        /// The books.
        violation: LedgerViolation,
    },
    /// The partition's task ended by itself, which is a fault of this crate.
    TaskEnded,
}

impl fmt::Display for StallReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DeadLetter { topic, error } => write!(f, "a dead letter cannot be written to {topic}: {error}"),
            Self::Publish { topic, error } => write!(f, "a handler's record cannot be written to {topic}: {error}"),
            Self::Store { error } => error.fmt(f),
            Self::Consumer { error } => error.fmt(f),
            Self::Stuck { offset, after } => write!(f, "offset {offset} has not been settled for {after:?}"),
            Self::NoRoute => f.write_str("the worker has no route for this topic"),
            Self::Fatal { error } => write!(f, "the handler gave up: {error}"),
            Self::Ledger { violation } => write!(f, "the ledger does not add up: {violation}"),
            Self::TaskEnded => f.write_str("the partition's task has ended unexpectedly"),
        }
    }
}

/// A view of a worker's health that outlives it. Cloning shares it.
#[derive(Clone, Debug)]
pub struct HealthHandle(pub(super) watch::Receiver<WorkerHealth>);

impl HealthHandle {
    /// The health now.
    pub fn current(&self) -> WorkerHealth {
        let mut health = self.0.borrow().clone();
        // A worker that was dropped cannot say so itself.
        health.live &= self.0.has_changed().is_ok();
        health
    }

    /// Waits until `holds` is true of the health; false if the worker ended before.
    ///
    /// # Cancel safety
    /// Cancel-safe: it only watches.
    pub async fn wait_until(&mut self, holds: impl FnMut(&WorkerHealth) -> bool) -> bool {
        self.0.wait_for(holds).await.is_ok()
    }
}
