//! Keeps one consumer running: its topics first, then the worker, and both again after trouble.

use std::{sync::Arc, time::Duration};

use ottla::{
    Client,
    delivery::{Route, Store, Worker, WorkerObserver},
    kafka::Producer,
};
use tokio::sync::watch;

use super::{builder::Settings, consumer_state::ConsumerState, topics};

/// A topic that is consumed, by which group, and what is done with its records.
#[derive(Clone, Debug)]
pub(super) struct Feed {
    /// The topic and its dead letter topic.
    pub(super) topics: [&'static str; 2],
    pub(super) group: &'static str,
    pub(super) route: Route,
    pub(super) observer: Arc<dyn WorkerObserver>,
}

/// What the worker is made of, each time.
#[derive(Debug)]
pub(super) struct Supervisor {
    pub(super) client: Client,
    pub(super) store: Arc<dyn Store>,
    /// For dead letters.
    pub(super) producer: Producer,
    pub(super) settings: Settings,
    pub(super) feed: Feed,
    pub(super) state: ConsumerState,
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
                    tracing::warn!(topic = self.feed.topics[0], trouble, again_in = ?wait, "not consumed");
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
        let Feed { topics, group, route, observer } = &self.feed;
        topics::ensure(&self.client, topics, self.settings.layout, self.settings.creates_topics()).await?;
        let mut consumer = self.settings.consumer(&self.client, group).topics([topics[0]]);
        if let Some(id) = &self.settings.instance_id {
            consumer = consumer.instance_id(id);
        }
        let consumer = consumer.build().map_err(|error| error.to_string())?;
        Worker::builder(consumer, self.producer.clone())
            .route(topics[0], route.clone())
            .store(Arc::clone(&self.store))
            .observer(Arc::clone(observer))
            .shutdown_grace(self.settings.drain())
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
pub(super) async fn told(stopped: &mut watch::Receiver<bool>) {
    // The value that it waited for is a lock, which must not be held any longer.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}
