//! The producer service: from HTTP to the topics.

use std::{sync::Arc, time::Duration};

use axum::Router;
use ottla::{Client, Error, Producer, Task, delivery::Store};
use tokio::{
    sync::watch,
    time::{Instant, timeout_at},
};

use super::{
    accept::Acceptor,
    builder::Settings,
    claims::Claims,
    emit::Emitter,
    keeper::{Keeper, KeeperState},
    locks::OrderLocks,
    routes,
    schemas::Schemas,
    topics::{ORDERS, USERS},
    users::Registrar,
};
use crate::{detached::Detached, metrics::Metrics};

/// Takes orders and users, running.
#[derive(Debug)]
pub(super) struct Producing {
    producer: Producer,
    detached: Detached,
    keeper: Task,
    state: KeeperState,
    acceptor: Acceptor,
    registrar: Registrar,
}

impl Producing {
    pub(super) fn start(
        client: &Client,
        store: &Arc<dyn Store>,
        schemas: &Arc<Schemas>,
        metrics: &Metrics,
        settings: &Settings,
        stopped: watch::Receiver<bool>,
    ) -> Result<Self, Error> {
        let env = client.env().clone();
        for topic in [ORDERS, USERS] {
            metrics.writes_to(topic);
        }
        let timeout = settings.delivery_timeout;
        let producer = settings.producer(client).delivery_timeout(timeout).max_block(timeout).build()?;
        let detached = Detached::new(env.clone(), settings.max_orders);
        let emitter = Emitter { env: env.clone(), publisher: Arc::new(producer.clone()), metrics: metrics.clone() };
        let acceptor = Acceptor {
            emitter: emitter.clone(),
            store: Arc::clone(store),
            schemas: Arc::clone(schemas),
            claims: Claims::new(Arc::clone(store)),
            locks: OrderLocks::default(),
            detached: detached.clone(),
        };
        let registrar = Registrar { emitter, store: Arc::clone(store), schemas: Arc::clone(schemas) };
        let state = KeeperState::new();
        let keeper = Keeper {
            client: client.clone(),
            store: Arc::clone(store),
            settings: settings.clone(),
            state: state.clone(),
        };
        let keeper = env.spawn("producer's keeper", keeper.run(stopped));
        Ok(Self { producer, detached, keeper, state, acceptor, registrar })
    }

    /// The paths that publish.
    pub(super) fn router(&self) -> Router {
        routes::publishing(self.acceptor.clone(), self.registrar.clone())
    }

    pub(super) fn state(&self) -> &KeeperState {
        &self.state
    }

    /// Waits for orders whose clients have left, then for the producer; says whether both ended in time.
    pub(super) async fn close(self, deadline: Instant) -> bool {
        let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        let published = self.detached.close(left).await;
        let ended = timeout_at(deadline, async {
            self.producer.close().await;
            self.keeper.await
        });
        published && ended.await.unwrap_or(false)
    }
}
