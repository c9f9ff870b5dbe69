//! Connections to brokers: one stream, one Messenger, and the rules for when a connection ends.

mod adapter;
mod connection;
mod connections;
mod ending;
mod frames;
#[cfg(feature = "fuzzing")]
mod fuzzed;
mod gate;
mod listener;
mod negotiate;
mod open;
mod outbox;
mod read_ahead;
#[cfg(feature = "sasl")]
mod sasl;
mod stream;
#[cfg(feature = "tls")]
mod tls;

pub(crate) use connection::Connection;
pub use connections::ConnectionCounts;
pub(crate) use connections::{Connections, Holder};
#[cfg(feature = "fuzzing")]
pub(crate) use fuzzed::fuzzed;

use std::time::Duration;

use crate::security::Security;

/// What a connection is for. A broker answers a connection in order and holds some requests for minutes, so each
/// kind has a connection of its own, opened on demand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ConnectionKind {
    /// Produce.
    Produce,
    /// Fetch, held until there are records.
    Fetch,
    /// JoinGroup and SyncGroup, held until the group is complete.
    Join,
    /// Requests with a timeout of their own, such as CreateTopics.
    Slow,
    /// Heartbeats, commits, metadata and the rest: never behind a slow one.
    Control,
}

impl ConnectionKind {
    /// Whose connection of this kind `holder` uses. Brokers hold these requests and answer a connection in order: one
    /// consumer's would wait behind another's, a JoinGroup even for the very member whose JoinGroup is behind it.
    fn holder(self, holder: Holder) -> Holder {
        match self {
            Self::Fetch | Self::Join => holder,
            Self::Produce | Self::Slow | Self::Control => 0,
        }
    }

    /// The largest answer that is believed, in bytes.
    fn answer_bytes_max(self, fetch_bytes_max: usize) -> usize {
        match self {
            Self::Fetch => fetch_bytes_max,
            // A cluster of 10,000 topics describes itself in less.
            _ => 16 << 20,
        }
    }
}

/// Bounds and names that every connection shares.
#[derive(Clone, Debug)]
pub(crate) struct NetworkConfig {
    pub(crate) client_id: String,
    pub(crate) connect_timeout: Duration,
    pub(crate) fetch_answer_bytes_max: usize,
    #[cfg_attr(not(any(feature = "sasl", feature = "tls")), allow(dead_code, reason = "it holds nothing then"))]
    pub(crate) security: Security,
}
