use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

use ottla_kafka_core::Env;
use tokio::sync::watch;

use super::{
    Worker,
    health::WorkerHealth,
    observer::{NoObserver, WorkerObserver},
    ports::{Sink, Source},
    route::Route,
    settings::{self, ConfigError, Settings},
};
use crate::store::Store;

/// Builds a [`Worker`]. Nothing is fetched before [`Worker::run`].
#[must_use = "a builder does nothing until it is built"]
pub struct WorkerBuilder {
    source: Box<dyn Source>,
    sink: Arc<dyn Sink>,
    env: Env,
    routes: BTreeMap<Arc<str>, Route>,
    store: Option<Arc<dyn Store>>,
    observer: Arc<dyn WorkerObserver>,
    settings: Settings,
}

impl WorkerBuilder {
    pub(crate) fn over(source: Box<dyn Source>, sink: Arc<dyn Sink>, env: Env) -> Self {
        Self {
            source,
            sink,
            env,
            routes: BTreeMap::new(),
            store: None,
            observer: Arc::new(NoObserver),
            settings: Settings::default(),
        }
    }

    /// The topics that have routes.
    #[cfg(test)]
    pub(crate) fn topics(&self) -> Vec<Arc<str>> {
        self.routes.keys().cloned().collect()
    }

    /// What happens to records of `topic`. A second route for a topic replaces the first.
    pub fn route(mut self, topic: impl Into<Arc<str>>, route: Route) -> Self {
        self.routes.insert(topic.into(), route);
        self
    }

    /// The store behind [`Context::store`](crate::Context::store).
    pub fn store(mut self, store: Arc<dyn Store>) -> Self {
        self.store = Some(store);
        self
    }

    /// Who is told what happens.
    pub fn observer(mut self, observer: Arc<dyn WorkerObserver>) -> Self {
        self.observer = observer;
        self
    }

    /// The longest one attempt may take; 30 s by default. An attempt that takes longer is dropped and has failed.
    pub fn handler_timeout(mut self, timeout: Duration) -> Self {
        self.settings.handler_timeout = timeout;
        self
    }

    /// How many records of one partition may wait for their settlement; 1,000 by default. At this number the partition
    /// is not fetched any more, below half of it it is again; what was already fetched may exceed it once.
    ///
    /// Where records overtake each other ([`Concurrency`](super::Concurrency)), a partition is also not fetched while ten
    /// times as many stand between its commit and its position: so many are handled again at most if the worker dies.
    pub fn max_in_flight(mut self, records: usize) -> Self {
        self.settings.max_in_flight = records;
        self
    }

    /// The longest time between a settlement and its commit; 1 s by default. Kafka: `auto.commit.interval.ms`.
    pub fn commit_interval(mut self, interval: Duration) -> Self {
        self.settings.commit_interval = interval;
        self
    }

    /// The most settlements in one partition between commits; 1,000 by default.
    pub fn commit_every(mut self, settlements: usize) -> Self {
        self.settings.commit_every = settlements;
        self
    }

    /// The longest time one commit may take; 30 s by default.
    pub fn commit_timeout(mut self, timeout: Duration) -> Self {
        self.settings.commit_timeout = timeout;
        self
    }

    /// How long a shutdown waits for what was already fetched; 20 s by default. What is not settled then comes again.
    pub fn shutdown_grace(mut self, grace: Duration) -> Self {
        self.settings.shutdown_grace = grace;
        self
    }

    /// How long a partition may settle nothing of what is in hand before it counts as standing still, which turns
    /// readiness off; 10 s by default. Nothing else follows: the attempt goes on until `handler.timeout`.
    pub fn stall_after(mut self, limit: Duration) -> Self {
        self.settings.stall_after = limit;
        self
    }

    /// Checks all settings together.
    ///
    /// # Errors
    /// [`ConfigError`] names everything that contradicts.
    pub fn build(self) -> Result<Worker, ConfigError> {
        let group = self.source.group();
        settings::check(&self.settings, &self.routes, &group.facts())?;
        let (health, _) = watch::channel(WorkerHealth { live: true, ..WorkerHealth::default() });
        Ok(Worker {
            source: self.source,
            group,
            sink: self.sink,
            env: self.env,
            routes: self.routes,
            store: self.store,
            observer: self.observer,
            settings: self.settings,
            health,
        })
    }
}

impl fmt::Debug for WorkerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorkerBuilder")
            .field("routes", &self.routes)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
