//! Kafka consumer groups in pure Rust: membership, assignment, offsets.
//!
//! A [`Consumer`] is a member of a group by the classic protocol. [`Consumer::recv`] yields what it reads and what
//! happens to its partitions, in order; a [`ConsumerHandle`] commits meanwhile. Applications use both through the
//! `ottla` crate, most of them behind a worker that commits only what is settled.

mod assign;
mod assignor;
mod commit;
mod config;
mod consumer;
mod coordinator;
mod event;
mod fetching;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod handle;
mod membership;
mod offsets;
mod owner;
mod protocol;
mod questions;
mod reader;
mod record;
mod records;
mod revoke;
mod start;
mod status;

pub use assign::AssignBuilder;
pub use assignor::Assignor;
pub use commit::CommitAck;
pub use consumer::{Consumer, ConsumerBuilder};
pub use event::{Assigned, Event};
pub use handle::ConsumerHandle;
pub use offsets::OffsetAndMetadata;
pub use ottla_kafka_core::{OffsetReset, StartPosition};
pub use reader::RecordReader;
pub use record::ConsumerRecord;
pub use records::Records;
pub use revoke::RevokeGuard;
pub use status::{GroupState, GroupStatus};
