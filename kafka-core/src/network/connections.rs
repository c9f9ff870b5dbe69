//! The connections of one client: by broker and kind, opened on demand, with a wait after a failure.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::time::{Instant, sleep_until, timeout_at};

use super::{ConnectionKind, NetworkConfig, connection::Connection};
use crate::{
    connector::{BrokerAddr, Connector},
    delay::Delay,
    env::Env,
    error::{Error, ErrorKind},
};

/// Kafka: `reconnect.backoff.ms` and `reconnect.backoff.max.ms`.
const RECONNECT: Delay = Delay::new(Duration::from_millis(50), Duration::from_secs(1));

type Slots = BTreeMap<(BrokerAddr, ConnectionKind, Holder), Arc<Slot>>;

/// Whose connection it is: 0 is everybody's.
pub(crate) type Holder = u64;

/// Every connection of a client.
#[derive(Debug)]
pub(crate) struct Connections {
    config: NetworkConfig,
    env: Env,
    connector: Arc<dyn Connector>,
    /// `None` once closed.
    slots: Mutex<Option<Slots>>,
}

/// One connection's place. The async lock makes opening it a single flight.
#[derive(Debug, Default)]
struct Slot {
    /// What callers that only want to know see without waiting for a connection that is being opened.
    glance: Mutex<Glance>,
    opening: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct Glance {
    connection: Option<Arc<Connection>>,
    failures: u32,
    retry_at: Option<Instant>,
}

impl Glance {
    fn live(&self) -> Option<Arc<Connection>> {
        self.connection.as_ref().filter(|connection| !connection.is_ended()).map(Arc::clone)
    }
}

impl Slot {
    fn glance<T>(&self, look: impl FnOnce(&mut Glance) -> T) -> T {
        look(&mut self.glance.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Connections {
    pub(crate) fn new(config: NetworkConfig, env: Env, connector: Arc<dyn Connector>) -> Self {
        Self { config, env, connector, slots: Mutex::new(Some(BTreeMap::new())) }
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
        if let Some(connection) = slot.glance(|glance| glance.live()) {
            return Ok(connection);
        }
        let started = Instant::now();
        timeout_at(deadline, self.open(&slot, broker, kind)).await.unwrap_or_else(|_| {
            let what = format!("connecting to {broker}");
            Err(Error::new(ErrorKind::Timeout { what, after: deadline.saturating_duration_since(started) }))
        })
    }

    async fn open(&self, slot: &Slot, broker: &BrokerAddr, kind: ConnectionKind) -> Result<Arc<Connection>, Error> {
        let _single_flight = slot.opening.lock().await;
        if let Some(connection) = slot.glance(|glance| glance.live()) {
            return Ok(connection);
        }
        if let Some(retry_at) = slot.glance(|glance| glance.retry_at) {
            sleep_until(retry_at).await;
        }
        let opened = Connection::open(broker, kind, &*self.connector, &self.config).await.map(Arc::new);
        slot.glance(|glance| match &opened {
            Ok(connection) => {
                *glance = Glance { connection: Some(Arc::clone(connection)), failures: 0, retry_at: None };
            }
            Err(error) => {
                let failures = glance.failures.saturating_add(1);
                let wait = RECONNECT.after(failures, &self.env);
                tracing::debug!(%broker, ?kind, %error, failures, ?wait, "no connection");
                *glance = Glance { connection: None, failures, retry_at: Some(Instant::now() + wait) };
            }
        });
        let opened = opened?;
        if self.slots(|slots| slots.is_none()) {
            opened.end("the client is closed");
            return Err(Error::closed());
        }
        Ok(opened)
    }

    /// Whether a connection could be had at once: it is live, or its last attempt did not fail just now.
    pub(crate) fn is_ready(&self, broker: &BrokerAddr, kind: ConnectionKind, holder: Holder) -> bool {
        let key = (broker.clone(), kind, kind.holder(holder));
        let slot = self.slots(|slots| slots.as_ref().and_then(|slots| slots.get(&key).map(Arc::clone)));
        slot.is_none_or(|slot| {
            slot.glance(|glance| glance.live().is_some() || glance.retry_at.is_none_or(|at| at <= Instant::now()))
        })
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
                    if !keep && let Some(connection) = slot.glance(|glance| glance.live()) {
                        connection.end("the cluster's metadata no longer names the broker");
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
            if let Some(connection) = slot.glance(|glance| glance.live()) {
                connection.end("the client is closed");
            }
        }
    }
}
