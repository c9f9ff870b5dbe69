//! The worker: poll → decode → handle → settle → commit.
//!
//! One loop owns all state; each partition has a lane, a task that takes its records in the order that the route's
//! [`Concurrency`] asks for. Lanes send proofs of what became of their records, and the loop commits the lowest offset
//! without one.

mod attempt;
mod builder;
mod commit;
mod concurrency;
mod ends;
mod engine;
mod handling;
mod handover;
mod health;
mod kafka;
mod lane;
mod observer;
mod partition;
mod ports;
mod progress;
mod report;
mod route;
mod settings;
mod span;
mod standstill;
#[cfg(test)]
mod tests;
mod turns;
mod waits;

pub use builder::WorkerBuilder;
pub use concurrency::Concurrency;
pub use health::{HealthHandle, StallReason, StalledPartition, WorkerHealth};
pub use observer::WorkerObserver;
pub use report::{WorkerError, WorkerReport};
pub use route::Route;
pub use settings::ConfigError;

use std::{collections::BTreeMap, fmt, sync::Arc};

use ottla_consumer_group::Consumer;
use ottla_kafka_core::{Env, Producer};
use tokio::sync::{mpsc, watch};

use self::{
    attempt::Attempts,
    ends::Ends,
    engine::Engine,
    lane::LaneParts,
    ports::{Group, Sink, Source},
    settings::Settings,
};
use crate::store::Store;

/// Room for messages of lanes; a full one makes them wait.
const MESSAGES: usize = 1_024;

/// A consumer of topics with delivery guarantees, ready to run.
///
/// Of every record that was fetched it commits the offset only once the record is handled, filtered, or in the dead
/// letter topic with the broker's ack. Whatever ends it, what was not settled is given to the next owner.
pub struct Worker {
    source: Box<dyn Source>,
    group: Box<dyn Group>,
    sink: Arc<dyn Sink>,
    env: Env,
    routes: BTreeMap<Arc<str>, Route>,
    store: Option<Arc<dyn Store>>,
    observer: Arc<dyn WorkerObserver>,
    settings: Settings,
    health: watch::Sender<WorkerHealth>,
}

impl Worker {
    /// Builds a worker on a consumer and on the producer of dead letters and of what handlers publish. Give each topic
    /// that the consumer subscribes to a [`route`](WorkerBuilder::route).
    ///
    /// A dead letter is up to 64 KiB larger than its record, and its topic's `max.message.bytes` should be that much
    /// larger than the source's. The producer's `max.request.size` and codec are for what handlers publish only.
    pub fn builder(consumer: Consumer, producer: Producer) -> WorkerBuilder {
        let env = consumer.env().clone();
        WorkerBuilder::over(Box::new(consumer), Arc::new(producer), env)
    }

    /// The worker's health, now and while it runs.
    pub fn health(&self) -> HealthHandle {
        HealthHandle(self.health.subscribe())
    }

    /// Runs until `shutdown` completes: then it fetches no more, lets what was fetched be handled within
    /// `shutdown.grace`, commits, and leaves the group. The producer stays open; its owner closes it.
    ///
    /// # Errors
    /// [`WorkerError`] if a handler ends the worker, or the consumer fails for good. What was settled is committed all
    /// the same.
    ///
    /// # Cancel safety
    /// Dropping the future ends all handlers at once and commits nothing more; what was not committed comes again.
    pub async fn run(self, shutdown: impl Future<Output = ()> + Send) -> Result<WorkerReport, WorkerError> {
        let (sender, messages) = mpsc::channel(MESSAGES);
        let attempts = Attempts { sink: self.sink, store: self.store, timeout: self.settings.handler_timeout };
        let lanes = LaneParts {
            attempts,
            env: self.env.clone(),
            observer: Arc::clone(&self.observer),
            group_id: self.group.facts().group_id,
            events: sender,
        };
        let engine = Engine {
            source: self.source,
            group: self.group,
            lanes,
            messages,
            routes: self.routes,
            settings: self.settings,
            observer: self.observer,
            env: self.env,
            health: self.health,
            partitions: BTreeMap::new(),
            next_lane: 0,
            commit: None,
            ends: Ends::default(),
            commit_due: false,
            awaiting_commit: Vec::new(),
            fatal: None,
            report: WorkerReport::default(),
        };
        engine.run(shutdown).await
    }
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker").field("routes", &self.routes).field("settings", &self.settings).finish_non_exhaustive()
    }
}
