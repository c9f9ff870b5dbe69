//! A store in one file, for services that run in one process: redb, in pure Rust, crash-safe.

mod file;
mod tables;
mod writer;

use std::{fmt, path::PathBuf, sync::Arc};

use bytes::Bytes;
use ottla_kafka_core::{BoxFuture, Env, Task};
use tokio::sync::{mpsc, oneshot};

use super::{Row, Store, StoreError, StreamEntry, Unit};
use file::File;
use writer::Request;

/// Units of work that wait for the writer; further ones wait with their callers.
const WAITING_MAX: usize = 1_024;

/// Rows and streams in a redb file, which belongs to one process at a time.
///
/// One task writes, many units of work to a commit. A unit is durable when [`Store::apply`] returns.
pub struct RedbStore {
    env: Env,
    file: Arc<File>,
    units: mpsc::Sender<Request>,
    _writer: Task,
}

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
        let path = path.into();
        let file = env.run_blocking(move || File::open(path)).await.ok_or_else(panicked)??;
        let file = Arc::new(file);
        let (units, requests) = mpsc::channel(WAITING_MAX);
        let writer = env.spawn("redb writer", writer::run(env.clone(), Arc::clone(&file), requests));
        Ok(Self { env: env.clone(), file, units, _writer: writer })
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
        let file = Arc::clone(&self.file);
        Box::pin(async move { self.env.run_blocking(move || file.read(read)).await.ok_or_else(panicked)? })
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
mod tests {
    use super::*;
    use crate::store::Expected;

    /// A file of its own, removed with the test.
    struct Place(PathBuf);

    impl Place {
        fn new(env: &Env) -> Self {
            Self(std::env::temp_dir().join(format!("ottla-store-{}.redb", env.uuid())))
        }
    }

    impl Drop for Place {
        fn drop(&mut self) {
            let _ = std::fs::remove_file(&self.0);
        }
    }

    #[tokio::test]
    async fn it_does_what_every_store_does() {
        let env = Env::system();
        let place = Place::new(&env);
        let store = RedbStore::open(&env, &place.0).await.expect("opens");
        crate::store::suite::run(Arc::new(store)).await;
    }

    #[tokio::test]
    async fn a_second_store_is_refused_by_the_files_name_until_the_first_is_closed() {
        let env = Env::system();
        let place = Place::new(&env);
        let first = RedbStore::open(&env, &place.0).await.expect("opens");
        first.apply(Unit::new().put("t", "k", "v")).await.expect("applies");
        let refused = RedbStore::open(&env, &place.0).await.expect_err("it is open");
        assert_eq!(refused, StoreError::AlreadyOpen { path: place.0.clone() });
        first.close().await;
        assert_eq!(first.get("t", b"k").await, Err(StoreError::Closed));
        assert_eq!(first.apply(Unit::new().put("t", "k", "w")).await, Err(StoreError::Closed));
        let second = RedbStore::open(&env, &place.0).await.expect("opens again");
        let row = second.get("t", b"k").await.expect("reads").expect("what was written is there");
        assert_eq!(row.value, Bytes::from("v"));
        let again = second.apply(Unit::new().put_if("t", "k", Expected::Absent, "x")).await;
        assert!(again.is_err_and(|error| error.is_conflict()));
    }

    #[tokio::test]
    async fn a_place_that_cannot_be_written_is_named() {
        let env = Env::system();
        let path = std::env::temp_dir().join(format!("ottla-no-such-directory-{}", env.uuid())).join("x.redb");
        let error = RedbStore::open(&env, &path).await.expect_err("there is no directory");
        assert!(error.to_string().contains(&path.display().to_string()), "{error}");
    }
}
