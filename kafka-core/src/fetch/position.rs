use std::time::Duration;

use super::Isolation;
use crate::admin::OffsetSpec;

/// Where reading of a partition starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartPosition {
    /// At this offset.
    Offset(i64),
    /// At the first record that is still in the log.
    Earliest,
    /// Behind the last record: only what is written from now on.
    Latest,
    /// At the first record of at least this time, in milliseconds since 1970; behind the last record if there is none.
    Timestamp(i64),
}

impl From<i64> for StartPosition {
    fn from(offset: i64) -> Self {
        Self::Offset(offset)
    }
}

impl StartPosition {
    /// What the broker has to be asked for; nothing if the offset is known.
    pub(super) fn spec(self, isolation: Isolation) -> Result<i64, OffsetSpec> {
        match self {
            Self::Offset(offset) => Ok(offset),
            Self::Earliest => Err(OffsetSpec::Earliest),
            Self::Latest => Err(end(isolation)),
            Self::Timestamp(ms) => Err(OffsetSpec::Timestamp(ms)),
        }
    }
}

/// The end of what a reader of this isolation may read.
pub(super) fn end(isolation: Isolation) -> OffsetSpec {
    match isolation {
        Isolation::ReadCommitted => OffsetSpec::Latest,
        Isolation::ReadUncommitted => OffsetSpec::HighWatermark,
    }
}

/// What to do when a partition's position is not in its log any more, or not yet. Kafka: `auto.offset.reset`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OffsetReset {
    /// The partition stops with an error that names the gap, until it is sought.
    #[default]
    Error,
    /// It goes on with the first record that is there.
    Earliest,
    /// It goes on with the next record that is written.
    Latest,
    /// It goes on with the first record that is at most this old (KIP-1106). Kafka: `by_duration:`.
    ByDuration(Duration),
}

impl OffsetReset {
    /// Where a partition goes on; `None` if it stops.
    pub fn start(self, now_ms: i64) -> Option<StartPosition> {
        match self {
            Self::Error => None,
            Self::Earliest => Some(StartPosition::Earliest),
            Self::Latest => Some(StartPosition::Latest),
            Self::ByDuration(age) => {
                let age_ms = i64::try_from(age.as_millis()).unwrap_or(i64::MAX);
                Some(StartPosition::Timestamp(now_ms.saturating_sub(age_ms).max(0)))
            }
        }
    }
}
