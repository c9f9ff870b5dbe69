//! The connections of one client: by broker and kind, opened on demand, with a wait after a failure.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::time::{Instant, sleep_until, timeout_at};

use super::{ConnectionKind, NetworkConfig, connection::Connection, open::Opening};
use crate::{
    connector::{BrokerAddr, Connector},
    delay::Delay,
    env::{BoxFuture, Env},
    error::{Error, ErrorKind},
    flight::Flight,
};

/// Kafka: `reconnect.backoff.ms` and `reconnect.backoff.max.ms`.
const RECONNECT: Delay = Delay::new(Duration::from_millis(50), Duration::from_secs(1));

/// Before a broker does (there 10 minutes), or a request would meet its end of the connection. Kafka:
/// `connections.max.idle.ms`.
const IDLE_MAX: Duration = Duration::from_secs(540);

type Slots = BTreeMap<(BrokerAddr, ConnectionKind, Holder), Arc<Slot>>;

/// What came of opening a connection.
type Opened = Result<Arc<Connection>, Error>;

/// Whose connection it is: 0 is everybody's.
pub(crate) type Holder = u64;

/// Every connection of a client.
#[derive(Debug)]
pub(crate) struct Connections {
    dial: Arc<Dial>,
    /// `None` once closed.
    slots: Mutex<Option<Slots>>,
}

/// How connections are opened.
#[derive(Debug)]
struct Dial {
    config: NetworkConfig,
    env: Env,
    connector: Arc<dyn Connector>,
    opened: AtomicU64,
    failed: AtomicU64,
}

/// How many connections a client has opened, and how many it could not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ConnectionCounts {
    /// Opened, with everything that belongs to it: TLS, versions, SASL.
    pub opened: u64,
    /// Not opened; each attempt counts.
    pub failed: u64,
}

/// One connection's place.
#[derive(Debug, Default)]
struct Slot(Mutex<Glance>);

#[derive(Debug, Default)]
struct Glance {
    connection: Option<Arc<Connection>>,
    failures: u32,
    retry_at: Option<Instant>,
    /// Why the last attempt failed: what a call is told that has no time for another.
    failure: Option<Error>,
    /// Everybody who wants the connection waits for one attempt, and shares its failure.
    opening: Option<Flight<Opened>>,
    closed: bool,
}

impl Glance {
    fn live(&self) -> Option<Arc<Connection>> {
        self.connection.as_ref().filter(|connection| !connection.is_ended()).map(Arc::clone)
    }

    /// Ends the connection, or the attempt to open it.
    fn close(&mut self, reason: &str) {
        self.closed = true;
        self.opening = None;
        if let Some(connection) = self.connection.take() {
            connection.end(reason);
        }
    }
}

impl Slot {
    fn glance<T>(&self, look: impl FnOnce(&mut Glance) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Connections {
    pub(crate) fn new(config: NetworkConfig, env: Env, connector: Arc<dyn Connector>) -> Self {
        let (opened, failed) = Default::default();
        let dial = Arc::new(Dial { config, env, connector, opened, failed });
        Self { dial, slots: Mutex::new(Some(BTreeMap::new())) }
    }

    fn slots<T>(&self, look: impl FnOnce(&mut Option<Slots>) -> T) -> T {
        look(&mut self.slots.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The live connection to `broker`, or a new one. After a failure it waits first, longer each time.
    ///
    /// # Errors
    /// Nothing could be opened before `deadline`; nothing was sent.
    pub(crate) async fn get(
        &self,
        broker: &BrokerAddr,
        kind: ConnectionKind,
        holder: Holder,
        deadline: Instant,
    ) -> Result<Arc<Connection>, Error> {
        let key = (broker.clone(), kind, kind.holder(holder));
        let slot = self
            .slots(|slots| slots.as_mut().map(|slots| Arc::clone(slots.entry(key).or_default())))
            .ok_or_else(Error::closed)?;
        let started = Instant::now();
        let landing = match slot.glance(|glance| self.connect(glance, &slot, broker, kind)) {
            Ok(connection) => return Ok(connection),
            Err(landing) => landing,
        };
        match timeout_at(deadline, landing).await {
            Ok(opened) => opened.unwrap_or_else(|| Err(Error::closed())),
            Err(_) => {
                let what = format!("connecting to {broker}");
                let timeout = ErrorKind::Timeout { what, after: deadline.saturating_duration_since(started) };
                let timeout = Error::new(timeout);
                Err(match slot.glance(|glance| glance.failure.clone()) {
                    Some(failure) => timeout.with_source(failure),
                    None => timeout,
                })
            }
        }
    }

    /// The live connection, or the attempt to open one.
    fn connect(
        &self,
        glance: &mut Glance,
        slot: &Arc<Slot>,
        broker: &BrokerAddr,
        kind: ConnectionKind,
    ) -> Result<Arc<Connection>, BoxFuture<'static, Option<Opened>>> {
        // What has landed would share the connection for ever.
        glance.opening.take_if(|opening| !opening.is_under_way());
        if glance.connection.as_ref().is_some_and(|connection| connection.is_idle(IDLE_MAX)) {
            glance.connection = None;
        }
        if let Some(live) = glance.live() {
            return Ok(live);
        }
        let opening = match glance.opening.take() {
            Some(opening) => opening,
            None => {
                let (dial, slot, broker) = (Arc::clone(&self.dial), Arc::clone(slot), broker.clone());
                let at = glance.retry_at.unwrap_or_else(Instant::now);
                Flight::start(&self.dial.env, "connection", async move { dial.open(&slot, &broker, kind, at).await })
            }
        };
        Err(Box::pin(glance.opening.insert(opening).landing()))
    }

    /// How promising an attempt to have a connection is: the failures since the last success, 0 if it is live.
    pub(crate) fn failures(&self, broker: &BrokerAddr, kind: ConnectionKind, holder: Holder) -> u32 {
        let key = (broker.clone(), kind, kind.holder(holder));
        let slot = self.slots(|slots| slots.as_ref().and_then(|slots| slots.get(&key).map(Arc::clone)));
        slot.map_or(0, |slot| slot.glance(|glance| if glance.live().is_some() { 0 } else { glance.failures }))
    }

    /// How many were opened and how many could not be, since the client was built.
    pub(crate) fn counts(&self) -> ConnectionCounts {
        ConnectionCounts { opened: self.dial.opened.load(Relaxed), failed: self.dial.failed.load(Relaxed) }
    }

    /// Why `connection` ended at its first request, if its listener wants SASL and we have none.
    pub(crate) async fn unwelcome(
        &self,
        connection: &Connection,
        kind: ConnectionKind,
        deadline: Instant,
    ) -> Option<Error> {
        let Dial { config, env, connector, .. } = &*self.dial;
        if config.security.is_authenticated() {
            return None;
        }
        let opening = Opening { broker: connection.broker(), kind, config, connector: &**connector, env };
        timeout_at(deadline, opening.wants_sasl()).await.ok().flatten()
    }

    /// Whether any connection is live.
    pub(crate) fn any_live(&self) -> bool {
        self.slots(|slots| {
            slots.iter().flat_map(BTreeMap::values).any(|slot| slot.glance(|glance| glance.live().is_some()))
        })
    }

    /// Drops the connections to brokers that are not among `known`: the cluster has forgotten them.
    pub(crate) fn retain(&self, known: &BTreeSet<BrokerAddr>) {
        self.slots(|slots| {
            if let Some(slots) = slots {
                slots.retain(|(broker, ..), slot| {
                    let keep = known.contains(broker);
                    if !keep {
                        slot.glance(|glance| glance.close("the cluster's metadata no longer names the broker"));
                    }
                    keep
                });
            }
        });
    }

    /// Ends the connections that only `holder` uses.
    pub(crate) fn release(&self, holder: Holder) {
        self.slots(|slots| {
            if let Some(slots) = slots {
                slots.retain(|(.., of), slot| {
                    if *of == holder
                        && let Some(connection) = slot.glance(|glance| glance.live())
                    {
                        connection.end("its holder is gone");
                    }
                    *of != holder
                });
            }
        });
    }

    /// Ends every connection, and with them every call; no new one is opened.
    pub(crate) fn close(&self) {
        for slot in self.slots(Option::take).unwrap_or_default().into_values() {
            slot.glance(|glance| glance.close("the client is closed"));
        }
    }
}

impl Dial {
    /// Opens a connection at `at`, or notes the failure.
    async fn open(
        &self,
        slot: &Slot,
        broker: &BrokerAddr,
        kind: ConnectionKind,
        at: Instant,
    ) -> Result<Arc<Connection>, Error> {
        sleep_until(at).await;
        let (config, connector, env) = (&self.config, &*self.connector, &self.env);
        let opened = Opening { broker, kind, config, connector, env }.run().await;
        let count = if opened.is_ok() { &self.opened } else { &self.failed };
        count.fetch_add(1, Relaxed);
        slot.glance(|glance| match opened {
            Ok(connection) if glance.closed => {
                connection.end("it is not wanted any more");
                Err(Error::closed())
            }
            Ok(connection) => {
                glance.connection = Some(Arc::clone(&connection));
                glance.failures = 0;
                glance.retry_at = None;
                glance.failure = None;
                Ok(connection)
            }
            Err(error) => {
                glance.failures = glance.failures.saturating_add(1);
                let wait = RECONNECT.after(glance.failures, &self.env);
                tracing::debug!(%broker, ?kind, %error, failures = glance.failures, ?wait, "no connection");
                glance.connection = None;
                glance.retry_at = Some(Instant::now() + wait);
                glance.failure = Some(error.clone());
                Err(error)
            }
        })
    }
}
