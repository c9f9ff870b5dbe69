//! A PostgreSQL that may be away when the service starts.

use std::fmt;

use bytes::Bytes;
use ottla::{
    Env,
    delivery::{PostgresStore, Row, Store, StoreError, StreamEntry, Unit},
    kafka::BoxFuture,
};
use tokio::{
    sync::{Mutex, OnceCell},
    time::{Duration, Instant},
};

use crate::pubsub::rows::TABLES;

/// A store that is connected to when it is first there. Until then every call fails as it would in an outage later.
pub(super) struct LateStore {
    env: Env,
    url: String,
    opened: OnceCell<PostgresStore>,
    /// Held while somebody connects: whoever comes meanwhile is told what came of it.
    failed: Mutex<Option<(Instant, StoreError)>>,
}

/// How long a failure to connect stands for all calls.
const AGAIN_AFTER: Duration = Duration::from_millis(500);

impl LateStore {
    /// Connects, or says in the log that it could not yet.
    ///
    /// # Errors
    /// What no waiting helps against: settings, tables of a newer version or of somebody else.
    pub(super) async fn open(env: &Env, url: String) -> Result<Self, StoreError> {
        let this = Self { env: env.clone(), url, opened: OnceCell::new(), failed: Mutex::default() };
        match this.store().await.map(drop) {
            Err(error) if error.is_transient() => {
                tracing::warn!(%error, "the store is away; orders are neither taken nor stored until it is there");
            }
            result => result?,
        }
        Ok(this)
    }

    async fn store(&self) -> Result<&PostgresStore, StoreError> {
        if let Some(store) = self.opened.get() {
            return Ok(store);
        }
        let mut failed = self.failed.lock().await;
        match failed.as_ref() {
            Some((at, error)) if at.elapsed() < AGAIN_AFTER => return Err(error.clone()),
            _ => {}
        }
        let connect = async || PostgresStore::builder(&self.url).tables(TABLES).connect(&self.env).await;
        let store = self.opened.get_or_try_init(connect).await;
        *failed = store.as_ref().err().map(|error| (Instant::now(), error.clone()));
        store
    }
}

impl Store for LateStore {
    fn get<'a>(&'a self, table: &'a str, key: &'a [u8]) -> BoxFuture<'a, Result<Option<Row>, StoreError>> {
        Box::pin(async move { self.store().await?.get(table, key).await })
    }

    fn scan<'a>(
        &'a self,
        table: &'a str,
        after: Option<&'a [u8]>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<(Bytes, Row)>, StoreError>> {
        Box::pin(async move { self.store().await?.scan(table, after, limit).await })
    }

    fn read<'a>(
        &'a self,
        stream: &'a str,
        from: u64,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<StreamEntry>, StoreError>> {
        Box::pin(async move { self.store().await?.read(stream, from, limit).await })
    }

    fn apply(&self, unit: Unit) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move { self.store().await?.apply(unit).await })
    }
}

impl fmt::Debug for LateStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LateStore").field("connected", &self.opened.initialized()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_absent_server_is_an_outage_and_a_wrong_url_is_an_error() {
        let env = Env::system();
        let free = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a port").local_addr().expect("its number");
        let store = LateStore::open(&env, format!("postgres://ottla@{free}/orders")).await.expect("it may come yet");
        let error = store.get("orders", b"1").await.expect_err("nobody is there");
        assert!(error.is_transient() && !error.maybe_applied(), "{error}");
        let error = LateStore::open(&env, "postgres://ottla@localhost:notaport/orders".to_owned()).await;
        assert!(!error.expect_err("no port").is_transient());
    }
}
