//! Places in a partition's log.

use std::time::Duration;

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
