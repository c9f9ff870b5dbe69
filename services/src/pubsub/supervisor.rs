//! Keeps the consumer of `orders` running: the topics first, then the worker, and both again after trouble.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use ottla::{
    Client,
    consumer::Consumer,
    delivery::{HealthHandle, Route, Store, Worker, WorkerReport},
    kafka::Producer,
};
use tokio::sync::watch;

use super::{
    builder::Settings,
    consumer::{Events, StoreOrder},
    counts::Counts,
    dead_letters::Marker,
    flaky::Flaky,
    observer::OrdersObserver,
    schemas::Schemas,
    topics::{self, ORDERS, ORDERS_GROUP},
};
use crate::{health::Parts, metrics::Metrics, operations::Operated};

/// What the worker is made of, each time.
#[derive(Debug)]
pub(super) struct Supervisor {
    pub(super) client: Client,
    pub(super) store: Arc<dyn Store>,
    pub(super) schemas: Arc<Schemas>,
    pub(super) producer: Producer,
    pub(super) settings: Settings,
    pub(super) metrics: Metrics,
    pub(super) counts: Counts,
    pub(super) marker: Marker,
    pub(super) state: ConsumerState,
}

/// How the consumer is. Cloning shares it.
#[derive(Clone, Debug, Default)]
pub(super) struct ConsumerState(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    trouble: Option<String>,
    worker: Option<HealthHandle>,
    report: Option<WorkerReport>,
}

/// The first wait after trouble, and the longest.
const WAITS: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

impl Supervisor {
    pub(super) async fn run(self, mut stopped: watch::Receiver<bool>) {
        let mut wait = WAITS.0;
        loop {
            let started = tokio::select! {
                biased;
                () = told(&mut stopped) => return,
                started = self.start() => started,
            };
            let worked = match started {
                Ok(worker) => self.work(worker, stopped.clone()).await,
                Err(trouble) => Err(trouble),
            };
            match worked {
                Ok(()) => return,
                Err(trouble) => {
                    tracing::warn!(trouble, again_in = ?wait, "orders are not consumed");
                    self.state.trouble(trouble);
                }
            }
            tokio::select! {
                biased;
                () = told(&mut stopped) => return,
                () = tokio::time::sleep(wait) => wait = (wait * 2).min(WAITS.1),
            }
        }
    }

    async fn start(&self) -> Result<Worker, String> {
        topics::ensure(&self.client, self.settings.layout, self.settings.create_topics).await?;
        let (session, heartbeat) = self.settings.session;
        let consumer = Consumer::builder(&self.client, ORDERS_GROUP).topics([ORDERS]);
        let consumer = consumer.session_timeout(session).heartbeat_interval(heartbeat);
        let mut consumer = consumer.fetch(self.settings.fetch.clone());
        if let Some(id) = &self.settings.instance_id {
            consumer = consumer.instance_id(id);
        }
        let consumer = consumer.build().map_err(|error| error.to_string())?;
        let handler = StoreOrder { env: self.client.env().clone() };
        let handler = Flaky::new(handler, self.settings.flaky, self.counts.clone());
        let observer = OrdersObserver {
            metrics: self.metrics.observe(ORDERS_GROUP).topics(&[ORDERS]),
            counts: self.counts.clone(),
            marker: self.marker.clone(),
        };
        Worker::builder(consumer, self.producer.clone())
            .route(ORDERS, Route::new(Events::orders(&self.schemas), handler))
            .store(Arc::clone(&self.store))
            .observer(Arc::new(observer))
            .build()
            .map_err(|error| error.to_string())
    }

    async fn work(&self, worker: Worker, mut stopped: watch::Receiver<bool>) -> Result<(), String> {
        self.state.started(worker.health());
        let result = worker.run(async move { told(&mut stopped).await }).await;
        let ended = result.as_ref().map(drop).map_err(|error| error.to_string());
        self.state.ended(match result {
            Ok(report) => report,
            Err(error) => error.report().clone(),
        });
        ended
    }
}

/// Waits until the service is to stop, or is gone.
async fn told(stopped: &mut watch::Receiver<bool>) {
    // The value that it waited for is a lock, which must not be held any longer.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

impl ConsumerState {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn trouble(&self, trouble: String) {
        self.inner().trouble = Some(trouble);
    }

    fn started(&self, worker: HealthHandle) {
        *self.inner() = Inner { trouble: None, worker: Some(worker), report: None };
    }

    fn ended(&self, report: WorkerReport) {
        let mut inner = self.inner();
        inner.worker = None;
        inner.report = Some(report);
    }

    /// The last worker's report, once it has ended.
    pub(super) fn report(&self) -> Option<WorkerReport> {
        self.inner().report.clone()
    }
}

impl Operated for ConsumerState {
    fn parts(&self) -> Parts {
        let inner = self.inner();
        let health = inner.worker.as_ref().map(HealthHandle::current);
        let starting = || Some("the consumer of orders is starting".to_owned());
        let not_ready = match &health {
            Some(health) if health.ready() => None,
            Some(health) => {
                let stalled =
                    health.stalled().first().map(|s| format!("{} stands still: {}", s.topic_partition(), s.reason()));
                stalled.or_else(|| health.trouble().map(ToString::to_string)).or_else(starting)
            }
            None => inner.trouble.clone().or_else(starting),
        };
        let joined = health.is_some_and(|health| health.joined());
        Parts { connected_consumers: usize::from(joined), not_ready }
    }

    fn refresh(&self, metrics: &Metrics) {
        let health = self.inner().worker.as_ref().map(HealthHandle::current);
        let assigned = health.as_ref().map_or(&[][..], |health| health.assigned());
        metrics.assigned(ORDERS_GROUP, assigned);
    }
}
