//! A store in PostgreSQL, for services that are several processes: each table a real one that a person can read.

mod builder;
mod counts;
mod failure;
mod locks;
mod names;
mod pool;
mod rows;
mod schema;
mod session;
mod statements;
mod transaction;
mod value;

use std::fmt;

use bytes::Bytes;
use ottla_kafka_core::BoxFuture;
use tokio::sync::OnceCell;

use super::{Row, Store, StoreError, StreamEntry, Unit};
use pool::Pool;
use schema::Tables;

pub use builder::PostgresStoreBuilder;
pub use counts::PoolCounts;

/// Rows and streams in PostgreSQL (12 or newer), shared by as many processes as open it.
///
/// A table of the store is a table of that name: `key`, its readable form `id`, `version`, and the value in `value`
/// if it is JSON, else in `raw`. A unit of work is one transaction, durable when [`Store::apply`] returns. A lost
/// connection is replaced; while the server is away, calls fail at once with [`StoreError::Unavailable`].
pub struct PostgresStore {
    pool: Pool,
    tables: Tables,
    /// Tables that are there before anything is written.
    first: Vec<String>,
    /// Once the schema is of this version and the first tables are there.
    prepared: OnceCell<()>,
}

impl PostgresStore {
    /// Starts with a connection string: `postgres://USER:PASSWORD@HOST:PORT/DATABASE`, or libpq's `host=… user=…`.
    pub fn builder(url: impl Into<String>) -> PostgresStoreBuilder {
        PostgresStoreBuilder::new(url.into())
    }

    /// Ends the connections that no call uses, and those in use with their calls; every later call fails with
    /// [`StoreError::Closed`].
    ///
    /// # Cancel safety
    /// The store is closed even if the future is dropped; connections then end without a goodbye.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    /// Prepares the database unless that is done. Whoever comes meanwhile waits; what it failed with, the pool repeats
    /// to those for a moment.
    async fn prepared(&self) -> Result<(), StoreError> {
        let prepare = async || {
            schema::migrate(&self.pool).await?;
            self.tables.create(&self.pool, self.first.iter().map(String::as_str)).await
        };
        self.prepared.get_or_try_init(prepare).await.copied()
    }
}

impl Store for PostgresStore {
    fn get<'a>(&'a self, table: &'a str, key: &'a [u8]) -> BoxFuture<'a, Result<Option<Row>, StoreError>> {
        Box::pin(async move {
            self.prepared().await?;
            if !self.tables.exists(&self.pool, table).await? {
                return Ok(None);
            }
            rows::get(&self.pool, table, key).await
        })
    }

    fn scan<'a>(
        &'a self,
        table: &'a str,
        after: Option<&'a [u8]>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<(Bytes, Row)>, StoreError>> {
        Box::pin(async move {
            self.prepared().await?;
            if !self.tables.exists(&self.pool, table).await? {
                return Ok(Vec::new());
            }
            rows::scan(&self.pool, table, after, limit).await
        })
    }

    fn read<'a>(
        &'a self,
        stream: &'a str,
        from: u64,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<StreamEntry>, StoreError>> {
        Box::pin(async move {
            self.prepared().await?;
            rows::read(&self.pool, stream, from, limit).await
        })
    }

    fn apply(&self, unit: Unit) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move {
            self.prepared().await?;
            self.tables.create_for(&self.pool, &unit).await?;
            transaction::apply(&self.pool, &unit).await
        })
    }
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStore").field("at", &self.pool.place()).finish_non_exhaustive()
    }
}
