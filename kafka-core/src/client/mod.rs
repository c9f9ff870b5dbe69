//! One client of one cluster: it knows whom to ask, and asks.

mod attempts;
mod config;
mod metadata;
mod route;
#[cfg(test)]
mod tests;

pub(crate) use attempts::{Attempts, RETRY};
pub use config::ClientBuilder;
pub use metadata::Metadata;
pub use route::Target;

/// A call names its connection's kind, so callers take it from here: only this module knows the network.
pub use crate::network::{ConnectionCounts, ConnectionKind};

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use config::ClientConfig;

use crate::{
    connector::BrokerAddr,
    env::Env,
    error::Error,
    flight::Flight,
    metadata::Cluster,
    network::{Connections, Holder},
    protocol::Api,
};

/// A client of a Kafka cluster. Cloning shares its connections and metadata; nothing is opened before it is needed.
#[derive(Clone, Debug)]
pub struct Client {
    shared: Arc<Shared>,
    holding: Option<Arc<Holding>>,
}

/// Connections of its own for what brokers hold; they end with the last clone of their client.
#[derive(Debug)]
struct Holding {
    shared: Arc<Shared>,
    holder: Holder,
}

impl Drop for Holding {
    fn drop(&mut self) {
        self.shared.connections.release(self.holder);
    }
}

/// Metadata on its way.
type Refresh = Flight<Result<Arc<Cluster>, Error>>;

#[derive(Debug)]
struct Shared {
    config: ClientConfig,
    env: Env,
    connections: Connections,
    holders: AtomicU64,
    cluster: Mutex<Arc<Cluster>>,
    /// The refresh that is under way, for everybody who wants one.
    refreshing: Mutex<Option<Refresh>>,
    wanted: Mutex<std::collections::BTreeSet<Arc<str>>>,
}

impl Client {
    /// Starts with Kafka's defaults.
    pub fn builder() -> ClientBuilder {
        ClientBuilder::default()
    }

    fn new(config: ClientConfig, env: Env, connections: Connections) -> Self {
        let shared = Shared {
            config,
            env,
            connections,
            holders: AtomicU64::new(0),
            cluster: Mutex::default(),
            refreshing: Mutex::default(),
            wanted: Mutex::default(),
        };
        Self { shared: Arc::new(shared), holding: None }
    }

    /// The seams to the outside world that it was given.
    pub fn env(&self) -> &Env {
        &self.shared.env
    }

    /// The name that brokers log and quotas count. Kafka: `client.id`.
    pub fn client_id(&self) -> &str {
        &self.shared.config.client_id
    }

    /// How long a request waits for its answer. Kafka: `request.timeout.ms`.
    pub fn request_timeout(&self) -> Duration {
        self.shared.config.request_timeout
    }

    /// How long a call with retries of its own lasts. Kafka: `default.api.timeout.ms`.
    pub fn default_api_timeout(&self) -> Duration {
        self.shared.config.default_api_timeout
    }

    /// What is known of the cluster.
    pub fn metadata(&self) -> Metadata<'_> {
        Metadata::new(self)
    }

    /// Whether any connection to a broker stands right now.
    pub fn is_connected(&self) -> bool {
        self.shared.connections.any_live()
    }

    /// How many connections were opened, and how many could not be.
    pub fn connection_counts(&self) -> ConnectionCounts {
        self.shared.connections.counts()
    }

    /// Sends `request` once and waits at most `limit`, connecting included. Nothing is retried.
    ///
    /// # Errors
    /// As classified by [`Error::recovery`]; [`Error::maybe_applied`] says whether it may have taken effect.
    ///
    /// # Cancel safety
    /// Dropping the call drops the answer; the request may take effect all the same.
    #[doc(hidden)]
    pub async fn call<A: Api>(
        &self,
        target: Target,
        kind: ConnectionKind,
        request: &A,
        limit: Duration,
    ) -> Result<A::Answer, Error> {
        route::call(self, target, kind, request, limit).await
    }

    /// Waits at most `limit` until there is a connection for a request: what fails here was not sent.
    pub(crate) async fn connected(&self, target: &Target, kind: ConnectionKind, limit: Duration) -> Result<(), Error> {
        route::connected(self, target, kind, limit).await
    }

    /// Ends every connection and with them every call. Producers and consumers are closed before their client.
    ///
    /// # Cancel safety
    /// Done at the first poll.
    pub async fn close(&self) {
        self.shared.connections.close();
    }

    /// The same client with connections of its own for the requests that brokers hold: Fetch and JoinGroup. Each
    /// consumer has one, or they would wait for each other.
    #[doc(hidden)]
    #[must_use]
    pub fn holding(&self) -> Self {
        let holder = self.shared.holders.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        let holding = Holding { shared: Arc::clone(&self.shared), holder };
        Self { shared: Arc::clone(&self.shared), holding: Some(Arc::new(holding)) }
    }

    fn holder(&self) -> Holder {
        self.holding.as_ref().map_or(0, |holding| holding.holder)
    }

    fn cluster(&self) -> Arc<Cluster> {
        Arc::clone(&self.shared.cluster.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn bootstrap(&self) -> &[BrokerAddr] {
        &self.shared.config.bootstrap
    }
}
