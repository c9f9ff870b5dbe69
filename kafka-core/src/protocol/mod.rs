//! The bytes on the wire. Not a stable interface: it is public for the sibling crates.
//!
//! Broker bytes are believed in nothing: no length becomes memory before it is checked against what is there.
#![cfg_attr(
    not(test),
    deny(clippy::indexing_slicing, clippy::arithmetic_side_effects, clippy::unwrap_used, clippy::as_conversions)
)]

mod api;
mod by_hand;
mod error_code;
mod fetch;
pub mod guard;
mod leader;
mod primitives;
mod produce;
#[cfg(test)]
mod tests;
mod versions;

pub use api::{Api, ByVersion, CodecError, by_version};
pub use error_code::ErrorCode;
pub use fetch::{AbortedTransaction, Fetch, FetchAnswer, FetchPartition, FetchTopic, FetchedPartition};
pub use kafka_protocol::{self, messages};
pub use leader::{LeaderHint, NodeEndpoint};
pub use produce::{Produce, ProduceAnswer, ProducePartition, ProduceTopic, ProducedPartition};
#[cfg(test)]
pub(crate) use versions::keys;
pub use versions::{api_name, has_effect, spoken};
