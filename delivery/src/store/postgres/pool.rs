//! A few sessions, shared by all calls.

use std::{
    ops::Deref,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::future::join_all;
use ottla_kafka_core::Env;
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::{Instant, timeout},
};
use tokio_postgres::{
    Config, Row,
    types::{ToSql, Type},
};

use super::{
    PoolCounts,
    counts::InUse,
    failure::Failure,
    session::{Place, Session},
};
use crate::store::StoreError;

/// A server that cannot be reached is asked again after this time; calls in between fail with its last answer.
const RECONNECT_PAUSE: Duration = Duration::from_millis(200);

/// Bounds of the pool and of each call.
#[derive(Clone, Debug)]
pub(super) struct Limits {
    pub(super) max_connections: usize,
    pub(super) acquire_timeout: Duration,
    pub(super) connect_timeout: Duration,
    pub(super) statement_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_connections: 8,
            acquire_timeout: Duration::from_secs(3),
            connect_timeout: Duration::from_secs(5),
            statement_timeout: Duration::from_secs(5),
        }
    }
}

/// A statement's parameters and their types.
pub(super) type Params<'a> = [(&'a (dyn ToSql + Sync), Type)];

/// Sessions that are opened when they are needed and kept for the next call.
pub(super) struct Pool {
    env: Env,
    config: Config,
    limits: Limits,
    place: Place,
    /// One for each session in use.
    permits: Semaphore,
    counts: PoolCounts,
    idle: Mutex<Vec<Session>>,
    outage: Mutex<Option<Outage>>,
}

/// Since when the server cannot be reached, and what it said last.
struct Outage {
    since: Instant,
    asked: Instant,
    error: StoreError,
}

/// A session in use. Dropped, its connection ends and the server rolls back; only [`keep`](Self::keep) gives it back.
pub(super) struct Lease<'p> {
    pool: &'p Pool,
    session: Session,
    /// It has waited in the pool, and its connection may have been lost meanwhile.
    reused: bool,
    _permit: SemaphorePermit<'p>,
    _in_use: InUse,
}

impl Pool {
    pub(super) fn new(env: Env, config: Config, limits: Limits, counts: PoolCounts) -> Self {
        counts.set_max(limits.max_connections);
        let (place, permits) = (Place::of(&config), Semaphore::new(limits.max_connections.min(Semaphore::MAX_PERMITS)));
        Self { env, config, limits, place, permits, counts, idle: Mutex::default(), outage: Mutex::default() }
    }

    pub(super) fn place(&self) -> &Place {
        &self.place
    }

    /// A session that no other call uses; `fresh` is newly opened.
    pub(super) async fn acquire(&self, fresh: bool) -> Result<Lease<'_>, StoreError> {
        let waiting = self.counts.wait();
        let permit = timeout(self.limits.acquire_timeout, self.permits.acquire()).await;
        drop(waiting);
        let Ok(permit) = permit else {
            self.counts.time_out();
            let (connections, limit) = (self.limits.max_connections, self.limits.acquire_timeout);
            let detail =
                format!("PostgreSQL at {}: all {connections} connections are in use for {limit:?}", self.place);
            return Err(StoreError::Unavailable { detail, maybe_applied: false });
        };
        let permit = permit.map_err(|_| StoreError::Closed)?;
        let in_use = self.counts.acquire();
        let waiting = self.waiting().filter(|_| !fresh);
        let (session, reused) = match waiting {
            Some(session) => (session, true),
            None => (self.open().await?, false),
        };
        Ok(Lease { pool: self, session, reused, _permit: permit, _in_use: in_use })
    }

    /// Reads in a transaction of its own.
    pub(super) async fn query(&self, sql: &str, params: &Params<'_>) -> Result<Vec<Row>, StoreError> {
        let mut lease = self.acquire(false).await?;
        loop {
            match lease.query(sql, params).await {
                Ok(rows) => {
                    lease.keep();
                    return Ok(rows);
                }
                Err(failure) if lease.may_be_stale(&failure) => {
                    drop(lease);
                    lease = self.acquire(true).await?;
                }
                Err(failure) => {
                    if failure.leaves_the_session() {
                        lease.keep();
                    }
                    return Err(self.error(failure, false));
                }
            }
        }
    }

    /// The store's word for a failure.
    pub(super) fn error(&self, failure: Failure, maybe_applied: bool) -> StoreError {
        failure.into_error(&self.place, maybe_applied)
    }

    pub(super) async fn close(&self) {
        self.permits.close();
        let idle = std::mem::take(&mut *self.idle());
        join_all(idle.into_iter().map(Session::close)).await;
    }

    /// A session that waits in the pool, if one is still connected.
    fn waiting(&self) -> Option<Session> {
        let mut idle = self.idle();
        while let Some(session) = idle.pop() {
            if !session.is_closed() {
                return Some(session);
            }
        }
        None
    }

    async fn open(&self) -> Result<Session, StoreError> {
        let paused =
            self.outage().as_ref().filter(|outage| outage.asked.elapsed() < RECONNECT_PAUSE).map(Outage::error);
        if let Some(error) = paused {
            return Err(error);
        }
        let opened = Session::open(&self.env, &self.config, &self.limits, &self.place).await;
        let mut outage = self.outage();
        match &opened {
            Ok(_) => {
                if let Some(outage) = outage.take() {
                    tracing::info!(at = %self.place, after = ?outage.since.elapsed(), "PostgreSQL is available again");
                }
            }
            Err(error @ StoreError::Unavailable { .. }) => {
                let now = Instant::now();
                if outage.is_none() {
                    tracing::warn!(%error, "PostgreSQL is not available; asked again with every call");
                }
                let since = outage.as_ref().map_or(now, |outage| outage.since);
                *outage = Some(Outage { since, asked: now, error: error.clone() });
            }
            Err(_) => {}
        }
        opened
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Session>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn outage(&self) -> MutexGuard<'_, Option<Outage>> {
        self.outage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Outage {
    fn error(&self) -> StoreError {
        self.error.clone()
    }
}

impl Lease<'_> {
    /// Whether the connection was lost before it was used, so that another one may serve.
    pub(super) fn may_be_stale(&self, failure: &Failure) -> bool {
        self.reused && failure.is_lost()
    }

    /// The store's word for a failure that left nothing behind.
    pub(super) fn error(&self, failure: Failure) -> StoreError {
        self.pool.error(failure, false)
    }

    /// One statement and its rows.
    pub(super) async fn query(&self, sql: &str, params: &Params<'_>) -> Result<Vec<Row>, Failure> {
        self.within(self.client().query_typed(sql, params)).await
    }

    /// Statements without parameters.
    pub(super) async fn execute(&self, sql: &str) -> Result<(), Failure> {
        self.within(self.client().batch_execute(sql)).await
    }

    /// Ends the transaction, and keeps the session if the server did.
    pub(super) async fn roll_back(self) {
        if self.execute("ROLLBACK").await.is_ok() {
            self.keep();
        }
    }

    /// Gives the session, which is in no transaction, to the next call.
    pub(super) fn keep(self) {
        let Self { pool, session, _permit, .. } = self;
        if !session.is_closed() && !pool.permits.is_closed() {
            pool.idle().push(session);
        }
    }
}

impl Deref for Lease<'_> {
    type Target = Session;

    fn deref(&self) -> &Session {
        &self.session
    }
}
