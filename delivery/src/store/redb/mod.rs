//! A store in one file, for services that run in one process: redb, in pure Rust, crash-safe.

mod file;
mod reader;
mod tables;
mod writer;

use std::{fmt, path::PathBuf, sync::Arc};

use bytes::Bytes;
use ottla_kafka_core::{BoxFuture, Env, Task};
use tokio::sync::{mpsc, oneshot};

use super::{Row, Store, StoreError, StreamEntry, Unit};
use file::{File, Opener};
use reader::Read;
use writer::Request;

/// Units of work that wait for the writer, and reads for the reader; further ones wait with their callers.
const WAITING_MAX: usize = 1_024;

/// Rows and streams in a redb file, which belongs to one process at a time.
///
/// One task writes, many units of work to a commit; another one reads. A unit is durable when [`Store::apply`] returns.
pub struct RedbStore {
    env: Env,
    file: Arc<File>,
    units: mpsc::Sender<Request>,
    reads: mpsc::Sender<Read>,
    _tasks: [Task; 2],
}

/// Pages that are kept in memory, in bytes: redb's own 1 GiB looks like a leak until it is full.
const CACHE: usize = 4 << 20;

impl RedbStore {
    /// Opens the file at `path`, or makes it.
    ///
    /// # Errors
    /// [`StoreError::AlreadyOpen`] if another process, or another store of this one, has it open; otherwise what the
    /// file system says.
    ///
    /// # Cancel safety
    /// Dropped, the file may have been made.
    pub async fn open(env: &Env, path: impl Into<PathBuf>) -> Result<Self, StoreError> {
        Self::open_with(env, path.into(), Box::new(|path| redb::Builder::new().set_cache_size(CACHE).create(path)))
            .await
    }

    async fn open_with(env: &Env, path: PathBuf, opener: Opener) -> Result<Self, StoreError> {
        let file = env.run_blocking(move || File::open(path, opener)).await.ok_or_else(panicked)??;
        let file = Arc::new(file);
        let (units, requests) = mpsc::channel(WAITING_MAX);
        let writer = env.spawn("redb writer", writer::run(env.clone(), Arc::clone(&file), requests));
        let (reads, asked) = mpsc::channel(WAITING_MAX);
        let reader = env.spawn("redb reader", reader::run(env.clone(), Arc::clone(&file), asked));
        Ok(Self { env: env.clone(), file, units, reads, _tasks: [writer, reader] })
    }

    /// Closes the file, so that it can be opened again. Units of work that are not applied yet fail, as does every
    /// later call.
    ///
    /// # Cancel safety
    /// The file is closed even if the future is dropped.
    pub async fn close(&self) {
        let file = Arc::clone(&self.file);
        self.env.run_blocking(move || file.close()).await;
    }

    /// Runs a read off the event loop.
    fn reads<'a, T: Send + 'static>(
        &'a self,
        read: impl FnOnce(&redb::ReadTransaction) -> Result<T, redb::Error> + Send + 'static,
    ) -> BoxFuture<'a, Result<T, StoreError>> {
        Box::pin(async move {
            let (reply, result) = oneshot::channel();
            // Nobody may be waiting any more.
            let read = Box::new(move |file: &File| drop(reply.send(file.read(read))));
            self.reads.send(read).await.map_err(|_| StoreError::Closed)?;
            result.await.unwrap_or_else(|_| Err(panicked()))
        })
    }
}

impl Store for RedbStore {
    fn get<'a>(&'a self, table: &'a str, key: &'a [u8]) -> BoxFuture<'a, Result<Option<Row>, StoreError>> {
        let (table, key) = (table.to_owned(), key.to_vec());
        self.reads(move |transaction| tables::get(transaction, &table, &key))
    }

    fn scan<'a>(
        &'a self,
        table: &'a str,
        after: Option<&'a [u8]>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<(Bytes, Row)>, StoreError>> {
        let (table, after) = (table.to_owned(), after.map(<[u8]>::to_vec));
        self.reads(move |transaction| tables::scan(transaction, &table, after.as_deref(), limit))
    }

    fn read<'a>(
        &'a self,
        stream: &'a str,
        from: u64,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<StreamEntry>, StoreError>> {
        let stream = stream.to_owned();
        self.reads(move |transaction| tables::read(transaction, &stream, from, limit))
    }

    fn apply(&self, unit: Unit) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move {
            let (reply, result) = oneshot::channel();
            self.units.send(Request { unit, reply }).await.map_err(|_| StoreError::Closed)?;
            result.await.unwrap_or_else(|_| Err(panicked()))
        })
    }
}

/// Work that did not come back may have been done.
fn panicked() -> StoreError {
    StoreError::Io { detail: "the store's work ended with a panic".to_owned(), maybe_applied: true }
}

impl fmt::Debug for RedbStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedbStore").field("path", &self.file.path()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
