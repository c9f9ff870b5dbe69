//! Delivery guarantees: decode, handle, settle; retry, dead letters, stores.
//!
//! A [`Worker`] takes records from a consumer and gives each to the [`Route`] of its topic. A record is *settled* only
//! by a typed proof ([`Settled`]) of what became of it, and only settled offsets are committed: no default path loses
//! a record.

mod context;
mod dead_letter;
mod decode;
mod effects;
mod handler;
mod ledger;
mod offsets;
mod outgoing;
mod record;
mod retry;
pub mod settlement;
pub mod store;
mod worker;

pub use context::{Context, UnitOfWork};
pub use dead_letter::DeadLetters;
pub use decode::{Decode, DecodeError, Json, Raw};
pub use effects::EffectsError;
pub use handler::{ErrorClass, Handler, HandlerError};
pub use ledger::{Ledger, LedgerViolation};
pub use record::DeliveryRecord;
pub use retry::{RetryDecision, RetryPolicy, RetrySchedule};
pub use settlement::{Acked, Pending, Released, Settled, Settlement};
#[cfg(feature = "redb")]
pub use store::RedbStore;
pub use store::{Expected, MemoryStore, Op, Row, Store, StoreError, StreamEntry, Unit};
#[cfg(feature = "postgres")]
pub use store::{PoolCounts, PostgresStore, PostgresStoreBuilder};
pub use worker::{
    Concurrency, ConfigError, HealthHandle, Route, StallReason, StalledPartition, Worker, WorkerBuilder, WorkerError,
    WorkerHealth, WorkerObserver, WorkerReport,
};

pub use ottla_kafka_core::{TopicPartition, record::Header};
