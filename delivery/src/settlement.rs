//! Settlement as a typed proof: an offset becomes committable only by a value that shows what became of its record.
//!
//! ```
//! use ottla_delivery::{Acked, Pending, Settled};
//! // A dead letter settles its record with the broker's ack of the copy in hand …
//! fn settle(pending: Pending, copy: Acked) -> Settled {
//!     pending.dead_lettered(copy)
//! }
//! ```
//! … and without it this does not compile:
//! ```compile_fail,E0061
//! use ottla_delivery::{Acked, Pending, Settled};
//! fn settle(pending: Pending) -> Settled {
//!     pending.dead_lettered()
//! }
//! ```
//! Nobody makes the ack up:
//! ```compile_fail,E0423
//! let ack = ottla_delivery::Acked(());
//! ```
//! ```compile_fail,E0599
//! let ack = ottla_delivery::Acked::default();
//! ```
//! Nobody settles a record that was not delivered, or one twice:
//! ```compile_fail,E0451
//! use ottla_delivery::{Pending, TopicPartition};
//! let pending = Pending { topic_partition: TopicPartition::new("orders", 0), offset: 1 };
//! ```
//! ```compile_fail,E0382
//! use ottla_delivery::{Pending, Settled};
//! fn twice(pending: Pending) -> (Settled, Settled) {
//!     (pending.handled(), pending.handled())
//! }
//! ```
//! A released record has no settlement:
//! ```compile_fail,E0308
//! use ottla_delivery::{Released, Settled};
//! fn commit(released: Released) -> Settled {
//!     released
//! }
//! ```

use ottla_kafka_core::TopicPartition;

/// A broker's promise that a copy is in all in-sync replicas (acks=all). Only the pipeline makes one, from the
/// producer's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acked {
    topic_partition: TopicPartition,
    offset: Option<i64>,
}

impl Acked {
    pub(crate) fn new(topic_partition: TopicPartition, offset: Option<i64>) -> Self {
        Self { topic_partition, offset }
    }

    /// Where the copy is.
    pub fn topic_partition(&self) -> &TopicPartition {
        &self.topic_partition
    }

    /// The copy's offset; unknown if the broker recognised a repeat of a batch it no longer remembers in detail.
    pub fn offset(&self) -> Option<i64> {
        self.offset
    }
}

/// A delivered record that nobody has settled yet. It is consumed by what becomes of it.
#[derive(Debug)]
#[must_use = "an unsettled record holds its partition's offset"]
pub struct Pending {
    topic_partition: TopicPartition,
    offset: i64,
}

impl Pending {
    pub(crate) fn new(topic_partition: TopicPartition, offset: i64) -> Self {
        Self { topic_partition, offset }
    }

    /// Its partition.
    pub fn topic_partition(&self) -> &TopicPartition {
        &self.topic_partition
    }

    /// Its offset.
    pub fn offset(&self) -> i64 {
        self.offset
    }

    /// The handler succeeded, and what it published and stored is safe.
    pub fn handled(self) -> Settled {
        self.settled(Settlement::Handled)
    }

    /// The route's filter does not want it.
    pub fn filtered(self) -> Settled {
        self.settled(Settlement::Filtered)
    }

    /// The inbox has seen it before.
    pub fn deduplicated(self) -> Settled {
        self.settled(Settlement::Deduplicated)
    }

    /// Its copy is in the dead letter topic.
    pub fn dead_lettered(self, copy: Acked) -> Settled {
        self.settled(Settlement::DeadLettered(copy))
    }

    /// Its copy is in the retry topic.
    pub fn parked(self, copy: Acked) -> Settled {
        self.settled(Settlement::Parked(copy))
    }

    fn settled(self, settlement: Settlement) -> Settled {
        Settled { topic_partition: self.topic_partition, offset: self.offset, settlement }
    }
}

/// The proof that a record is settled: the only thing that lets its offset be committed.
#[derive(Debug)]
#[must_use = "a proof that is not recorded settles nothing"]
pub struct Settled {
    topic_partition: TopicPartition,
    offset: i64,
    settlement: Settlement,
}

impl Settled {
    /// The record's partition.
    pub fn topic_partition(&self) -> &TopicPartition {
        &self.topic_partition
    }

    /// The record's offset.
    pub fn offset(&self) -> i64 {
        self.offset
    }

    /// What became of the record.
    pub fn settlement(&self) -> &Settlement {
        &self.settlement
    }
}

/// A record that went back unsettled: its offset is not committed, and whoever owns the partition next is given it
/// again.
#[derive(Debug)]
#[must_use = "the ledger counts what went back"]
pub struct Released {
    offset: i64,
}

impl Released {
    pub(crate) fn new(offset: i64) -> Self {
        Self { offset }
    }

    /// The record's offset.
    pub fn offset(&self) -> i64 {
        self.offset
    }
}

/// What became of a record. A settlement alone commits nothing; a [`Settled`] does.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Settlement {
    /// The handler succeeded.
    Handled,
    /// The route's filter did not want it.
    Filtered,
    /// The inbox had seen it before.
    Deduplicated,
    /// Its copy is in the dead letter topic.
    DeadLettered(Acked),
    /// Its copy is in the retry topic.
    Parked(Acked),
}

impl Settlement {
    /// Its name in metrics.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Handled => "handled",
            Self::Filtered => "filtered",
            Self::Deduplicated => "deduplicated",
            Self::DeadLettered(_) => "dead_lettered",
            Self::Parked(_) => "parked",
        }
    }
}
