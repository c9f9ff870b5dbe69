//! Where reading of a partition starts.

use std::time::Duration;

/// Where reading of a partition starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
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

/// A place in a partition's log that a broker must be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum LogPlace {
    /// The first offset that is still there.
    Start,
    /// The offset that the next record will have.
    End,
    /// The first record of at least this time, in milliseconds since 1970; the end if there is none.
    At(i64),
    /// The first record that is at most this old; the end if there is none.
    Since(Duration),
}
