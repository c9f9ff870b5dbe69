use std::time::Duration;

use super::{OffsetReset, plan::Sizes};
use crate::{error::Error, record::Decompression};

/// Which records of transactions are read. Kafka: `isolation.level`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Isolation {
    /// Records of open and aborted transactions are not.
    #[default]
    ReadCommitted,
    /// All are.
    ReadUncommitted,
}

/// How partitions are read.
#[derive(Clone, Debug)]
#[must_use]
pub struct FetchConfig {
    pub(super) min_bytes: i32,
    pub(super) max_bytes: i32,
    pub(super) partition_bytes: i32,
    pub(super) max_wait: Duration,
    pub(super) isolation: Isolation,
    pub(super) fetch_memory: usize,
    pub(super) decompression: Decompression,
    pub(super) offset_reset: OffsetReset,
}

impl Default for FetchConfig {
    fn default() -> Self {
        Self {
            min_bytes: 1,
            max_bytes: 50 << 20,
            partition_bytes: 1 << 20,
            max_wait: Duration::from_millis(500),
            isolation: Isolation::ReadCommitted,
            fetch_memory: 64 << 20,
            decompression: Decompression::default(),
            offset_reset: OffsetReset::Error,
        }
    }
}

impl FetchConfig {
    /// How many bytes a broker waits for; default 1. Kafka: `fetch.min.bytes`.
    pub fn min_bytes(mut self, bytes: i32) -> Self {
        self.min_bytes = bytes;
        self
    }

    /// How many bytes an answer has at most, but for one batch; default 50 MiB. Kafka: `fetch.max.bytes`.
    pub fn max_bytes(mut self, bytes: i32) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// How many bytes of one partition an answer has at most, but for one batch; default 1 MiB. Kafka:
    /// `max.partition.fetch.bytes`.
    pub fn partition_bytes(mut self, bytes: i32) -> Self {
        self.partition_bytes = bytes;
        self
    }

    /// How long a broker waits for `min_bytes`; default 500 ms. Kafka: `fetch.max.wait.ms`.
    pub fn max_wait(mut self, wait: Duration) -> Self {
        self.max_wait = wait;
        self
    }

    /// Which records of transactions are read; default [`Isolation::ReadCommitted`], unlike Java. Kafka:
    /// `isolation.level`.
    pub fn isolation(mut self, isolation: Isolation) -> Self {
        self.isolation = isolation;
        self
    }

    /// How many bytes of answers live at once; default 64 MiB. It counts what was asked for, what waits, and what was
    /// handed out and not dropped, frames as well as decompressed batches: with more than this in the application's
    /// hands, nothing is fetched. Beyond it goes at most one batch for each broker, as brokers send batches whole, and
    /// one that is decompressed.
    pub fn fetch_memory(mut self, bytes: usize) -> Self {
        self.fetch_memory = bytes;
        self
    }

    /// How many bytes one batch may decompress to; default 64 MiB. One that is larger stops its partition with an error
    /// that names the batch and the offset behind it; [`Fetcher::skip`](super::Fetcher::skip) goes on there. Kafka:
    /// `max.decompressed.message.bytes`.
    pub fn max_decompressed_bytes(mut self, bytes: usize) -> Self {
        self.decompression = Decompression::up_to(bytes);
        self
    }

    /// What to do when a position is not in its partition's log; default [`OffsetReset::Error`]. Kafka:
    /// `auto.offset.reset`.
    pub fn offset_reset(mut self, reset: OffsetReset) -> Self {
        self.offset_reset = reset;
        self
    }

    /// How much is asked for at once.
    pub(super) fn sizes(&self) -> Sizes {
        let bytes = |bytes: i32| usize::try_from(bytes).unwrap_or(0);
        Sizes {
            memory: self.fetch_memory,
            answer: bytes(self.max_bytes),
            partition: bytes(self.partition_bytes),
            max_wait: self.max_wait,
        }
    }

    /// How many bytes are decompressed to be handed out together, but for one batch.
    pub(super) fn decompressed_together(&self) -> usize {
        self.sizes().partition
    }

    /// # Errors
    /// Every setting that is not valid, named together.
    pub fn validate(&self) -> Result<(), Error> {
        let problems: Vec<&str> = [
            (self.min_bytes < 0, "fetch.min.bytes is negative"),
            (self.max_bytes < 1024, "fetch.max.bytes is below 1 KiB"),
            (self.fetch_memory < 1024, "the fetch memory is below 1 KiB"),
            (self.decompression.max_bytes() == 0, "max.decompressed.message.bytes is 0"),
            (self.partition_bytes < 1, "max.partition.fetch.bytes is not positive"),
            (self.max_wait > Duration::from_secs(300), "fetch.max.wait.ms exceeds 5 minutes"),
        ]
        .into_iter()
        .filter_map(|(wrong, problem)| wrong.then_some(problem))
        .collect();
        if problems.is_empty() { Ok(()) } else { Err(Error::invalid(problems.join("; "))) }
    }
}
