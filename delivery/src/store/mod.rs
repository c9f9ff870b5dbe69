//! Where services keep their rows: one trait, several backends, one test suite for all.

mod error;
mod memory;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "redb")]
mod redb;
#[cfg(any(test, feature = "testing"))]
pub mod suite;
mod unit;

pub use error::StoreError;
pub use memory::MemoryStore;
#[cfg(feature = "postgres")]
pub use postgres::{PoolCounts, PostgresStore, PostgresStoreBuilder};
#[cfg(feature = "redb")]
pub use redb::RedbStore;
pub use unit::{Expected, Op, Unit};

use std::fmt;

use bytes::Bytes;
use ottla_kafka_core::BoxFuture;

/// Rows by table and key, each with a version, and streams that are only appended to.
///
/// Everything is written by a [`Unit`]: all of it or nothing, and only if every row is still as the unit expects.
pub trait Store: fmt::Debug + Send + Sync + 'static {
    /// The row under `key` in `table`.
    ///
    /// # Errors
    /// [`StoreError`] if the backend fails; a missing row is `None`.
    ///
    /// # Cancel safety
    /// Cancel-safe: it only reads.
    fn get<'a>(&'a self, table: &'a str, key: &'a [u8]) -> BoxFuture<'a, Result<Option<Row>, StoreError>>;

    /// At most `limit` rows of `table` with their keys, in key order, from the first key after `after`.
    ///
    /// # Errors
    /// [`StoreError`] if the backend fails.
    ///
    /// # Cancel safety
    /// Cancel-safe: it only reads.
    fn scan<'a>(
        &'a self,
        table: &'a str,
        after: Option<&'a [u8]>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<(Bytes, Row)>, StoreError>>;

    /// At most `limit` entries of `stream`, from sequence `from` (the first entry has 1).
    ///
    /// # Errors
    /// [`StoreError`] if the backend fails.
    ///
    /// # Cancel safety
    /// Cancel-safe: it only reads.
    fn read<'a>(
        &'a self,
        stream: &'a str,
        from: u64,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<StreamEntry>, StoreError>>;

    /// Applies a unit of work whole, or not at all. `Ok` means that it is durable.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] names the first row that is not as the unit expects; any other error is the backend's,
    /// and unless [`StoreError::maybe_applied`] says so, nothing of the unit was applied.
    ///
    /// # Cancel safety
    /// Not cancel-safe: a dropped call may still apply the unit.
    fn apply(&self, unit: Unit) -> BoxFuture<'_, Result<(), StoreError>>;
}

/// A value and its version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Changes with every put and is never used twice under one key, even if the row was deleted in between.
    pub version: u64,
    /// The value.
    pub value: Bytes,
}

/// An entry of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamEntry {
    /// Its place in the stream: 1, 2, 3 … without gaps.
    pub sequence: u64,
    /// The value.
    pub value: Bytes,
}
