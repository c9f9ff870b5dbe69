use std::{net::SocketAddr, sync::Arc, time::Duration};

use ottla::{
    Client,
    delivery::{Store, WorkerReport},
};
use tokio::{sync::watch, time::Instant};

use super::{
    builder::{PubSubBuilder, StartError},
    consumer_state::ConsumerState,
    consuming::Consuming,
    counts::Counts,
    keeper::KeeperState,
    producing::Producing,
    routes,
    schemas::Schemas,
};
use crate::{
    health::{Health, HealthReport, Parts},
    http::{Limits, Server},
    metrics::{MeasuredStore, Metrics},
    operations::{self, Operated},
};

/// The orders system, running: the producer service, the consumer service or both in one process, behind one HTTP
/// server. Dropping it ends everything at once; [`shutdown`](Self::shutdown) ends it in order.
#[derive(Debug)]
pub struct PubSub {
    server: Server,
    stop: watch::Sender<bool>,
    producing: Option<Producing>,
    consuming: Option<Consuming>,
    state: State,
    health: Health,
    counts: Counts,
}

/// What a shutdown left behind.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PubSubReport {
    /// Whether all requests were answered and all orders on their way published, or refused.
    pub requests_ended: bool,
    /// Whether the consumers and the producers ended by themselves.
    pub drained: bool,
    /// What the consumer of orders did, if it had started and has ended.
    pub worker: Option<WorkerReport>,
}

/// How the services of this process are. Cloning shares it.
#[derive(Clone, Debug)]
struct State {
    keeper: Option<KeeperState>,
    consumers: Vec<ConsumerState>,
}

impl PubSub {
    /// A service on this cluster, with default settings. The client stays the caller's to close.
    pub fn builder(client: Client) -> PubSubBuilder {
        PubSubBuilder::new(client)
    }

    pub(super) async fn start(builder: PubSubBuilder) -> Result<Self, StartError> {
        let PubSubBuilder { client, store, settings } = builder;
        let schemas = Arc::new(Schemas::compile().map_err(StartError::Schema)?);
        let (metrics, counts) = (Metrics::new(), Counts::default());
        metrics.watch_connections(settings.connections.clone());
        let store: Arc<dyn Store> = Arc::new(MeasuredStore::new(store, metrics.clone()));
        let (stop, stopped) = watch::channel(false);
        let produce = || Producing::start(&client, &store, &schemas, &metrics, &settings, stopped.clone());
        let producing = settings.part.produces().then(produce).transpose().map_err(StartError::Settings)?;
        let consume = || Consuming::start(&client, &store, &schemas, (&metrics, &counts), &settings, &stopped);
        let consuming = settings.part.consumes().then(consume).transpose().map_err(StartError::Settings)?;
        let state = State {
            keeper: producing.as_ref().map(|producing| producing.state().clone()),
            consumers: consuming.as_ref().map(|consuming| consuming.states().to_vec()).unwrap_or_default(),
        };
        let health = Health::new(client.clone());
        let mut router = routes::tables(Arc::clone(&store), Arc::clone(&schemas));
        if let Some(producing) = &producing {
            router = router.merge(producing.router());
        }
        let router = operations::router(router, health.clone(), metrics, Arc::new(state.clone()));
        let addr = settings.listen();
        let server = Server::start(client.env(), addr, router, Limits::default())
            .await
            .map_err(|error| StartError::Listen { addr, error })?;
        Ok(Self { server, stop, producing, consuming, state, health, counts })
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

    /// What the handlers of orders did since the start.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Takes no more requests and lets the consumers drain and commit while those which run are answered; then closes
    /// the producer: all within `grace`. What is not settled by then comes again after the next start.
    ///
    /// # Cancel safety
    /// Dropping it ends everything at once.
    pub async fn shutdown(self, grace: Duration) -> PubSubReport {
        let deadline = Instant::now() + grace;
        // The receivers are gone only if all has ended already.
        let _ = self.stop.send(true);
        let consuming = async {
            match self.consuming {
                Some(consuming) => consuming.close(deadline).await,
                None => (true, None),
            }
        };
        let (answered, (drained, worker)) = tokio::join!(self.server.shutdown(grace), consuming);
        let published = match self.producing {
            Some(producing) => producing.close(deadline).await,
            None => true,
        };
        PubSubReport { requests_ended: answered && published, drained, worker }
    }
}

impl Operated for State {
    fn parts(&self) -> Parts {
        let consumers: Vec<Parts> = self.consumers.iter().map(ConsumerState::parts).collect();
        let missing = self.keeper.as_ref().and_then(KeeperState::missing);
        Parts {
            connected_consumers: consumers.iter().map(|parts| parts.connected_consumers).sum(),
            not_ready: missing.or_else(|| consumers.into_iter().find_map(|parts| parts.not_ready)),
        }
    }

    fn refresh(&self, metrics: &Metrics) {
        self.consumers.iter().for_each(|consumer| consumer.refresh(metrics));
    }
}
