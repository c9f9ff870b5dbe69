use std::{net::SocketAddr, sync::Arc, time::Duration};

use ottla::{
    Client, Task,
    delivery::{Store, WorkerReport},
    kafka::Producer,
};
use tokio::{
    sync::watch,
    time::{Instant, timeout_at},
};

use super::{
    accept::Acceptor,
    builder::{PubSubBuilder, Settings, StartError},
    counts::Counts,
    dead_letters::Marker,
    locks::OrderLocks,
    routes::{self, Paths},
    schemas::Schemas,
    supervisor::{ConsumerState, Supervisor},
    topics::{HEADERS, MAX_MESSAGE, ORDERS},
};
use crate::{
    detached::Detached,
    health::{Health, HealthReport},
    http::{Limits, Server},
    metrics::{MeasuredStore, Metrics},
    operations::{self, Operated},
};

/// The orders system, running: HTTP, producer and consumer in one process. Dropping it ends everything at once;
/// [`shutdown`](Self::shutdown) ends it in order.
#[derive(Debug)]
pub struct PubSub {
    server: Server,
    detached: Detached,
    producers: [Producer; 2],
    stop: watch::Sender<bool>,
    supervisor: Task,
    notes: Task,
    state: ConsumerState,
    health: Health,
    counts: Counts,
}

/// What a shutdown left behind.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PubSubReport {
    /// Whether all requests were answered and all orders on their way published, or refused.
    pub requests_ended: bool,
    /// Whether the consumer and the producers ended by themselves.
    pub drained: bool,
    /// What the consumer did, if it had started and has ended.
    pub worker: Option<WorkerReport>,
}

impl PubSub {
    /// A service on this cluster, with default settings. The client stays the caller's to close.
    pub fn builder(client: Client) -> PubSubBuilder {
        PubSubBuilder::new(client)
    }

    pub(super) async fn start(builder: PubSubBuilder) -> Result<Self, StartError> {
        let PubSubBuilder { client, store, settings } = builder;
        let env = client.env().clone();
        let schemas = Arc::new(Schemas::compile().map_err(StartError::Schema)?);
        let (orders, dead_letters) = producers(&client, &settings).map_err(StartError::Settings)?;
        let (metrics, counts, state) = (Metrics::new(), Counts::default(), ConsumerState::default());
        metrics.writes_to(ORDERS);
        let store: Arc<dyn Store> = Arc::new(MeasuredStore::new(store, metrics.clone()));
        let detached = Detached::new(env.clone(), settings.max_orders);
        let acceptor = Acceptor {
            env: env.clone(),
            store: Arc::clone(&store),
            publisher: Arc::new(orders.clone()),
            schemas: Arc::clone(&schemas),
            locks: OrderLocks::default(),
            detached: detached.clone(),
            metrics: metrics.clone(),
        };
        let health = Health::new(client.clone());
        let operated = Arc::new(state.clone());
        let routes = routes::router(Paths { acceptor });
        let router = operations::router(routes, health.clone(), metrics.clone(), operated);
        let addr = settings.listen;
        let server = Server::start(&env, addr, router, Limits::default())
            .await
            .map_err(|error| StartError::Listen { addr, error })?;
        let (stop, stopped) = watch::channel(false);
        let (marker, notes) = Marker::start(&env, Arc::clone(&store));
        let supervisor = Supervisor {
            client,
            store,
            schemas,
            producer: dead_letters.clone(),
            settings,
            metrics,
            counts: counts.clone(),
            marker,
            state: state.clone(),
        };
        let supervisor = env.spawn("orders consumer", supervisor.run(stopped));
        let producers = [orders, dead_letters];
        Ok(Self { server, detached, producers, stop, supervisor, notes, state, health, counts })
    }

    /// Where HTTP is served.
    pub fn addr(&self) -> SocketAddr {
        self.server.addr()
    }

    /// The body of `/health/ready`.
    ///
    /// # Cancel safety
    /// Safe: it only reads.
    pub async fn health(&self) -> HealthReport {
        self.health.ready(&self.state.parts()).await
    }

    /// What the handlers did since the start.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Takes no more requests, answers those which run, lets the consumer drain and commit, and closes the producers,
    /// all within `grace`. What is not settled by then comes again after the next start.
    ///
    /// # Cancel safety
    /// Dropping it ends everything at once.
    pub async fn shutdown(self, grace: Duration) -> PubSubReport {
        let deadline = Instant::now() + grace;
        // The receiver is gone only if the consumer has ended already.
        let _ = self.stop.send(true);
        let requests = async {
            let answered = self.server.shutdown(grace).await;
            // Orders whose clients have left.
            let left = deadline.saturating_duration_since(Instant::now());
            answered && self.detached.close(left).await
        };
        let consumer = async { timeout_at(deadline, self.supervisor).await.unwrap_or(false) };
        let (requests_ended, consumer_ended) = tokio::join!(requests, consumer);
        let rest = async {
            // Only now nobody publishes any more.
            for producer in &self.producers {
                producer.close().await;
            }
            self.notes.await
        };
        let drained = timeout_at(deadline, rest).await.unwrap_or(false) && consumer_ended;
        PubSubReport { requests_ended, drained, worker: self.state.report() }
    }
}

/// One for orders, whose clients wait; one for dead letters, which may take longer and are larger.
fn producers(client: &Client, settings: &Settings) -> Result<(Producer, Producer), ottla::Error> {
    let timeout = settings.delivery_timeout;
    let orders = Producer::builder(client).delivery_timeout(timeout).max_block(timeout).build()?;
    let largest = (MAX_MESSAGE + HEADERS) as usize;
    let dead_letters = Producer::builder(client).max_request_size(largest).build()?;
    Ok((orders, dead_letters))
}
