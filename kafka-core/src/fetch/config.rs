use std::time::Duration;

use crate::error::Error;

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
}

impl Default for FetchConfig {
    fn default() -> Self {
        Self {
            min_bytes: 1,
            max_bytes: 50 << 20,
            partition_bytes: 1 << 20,
            max_wait: Duration::from_millis(500),
            isolation: Isolation::ReadCommitted,
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

    /// # Errors
    /// Every setting that is not valid, named together.
    pub fn validate(&self) -> Result<(), Error> {
        let problems: Vec<&str> = [
            (self.min_bytes < 0, "fetch.min.bytes is negative"),
            (self.max_bytes < 1024, "fetch.max.bytes is below 1 KiB"),
            (self.partition_bytes < 1, "max.partition.fetch.bytes is not positive"),
            (self.max_wait > Duration::from_secs(300), "fetch.max.wait.ms exceeds 5 minutes"),
        ]
        .into_iter()
        .filter_map(|(wrong, problem)| wrong.then_some(problem))
        .collect();
        if problems.is_empty() { Ok(()) } else { Err(Error::invalid(problems.join("; "))) }
    }
}
