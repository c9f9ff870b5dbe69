//! One health body for all services.

mod leaders;

use std::{sync::Arc, time::Duration};

use ottla::{Client, kafka::Cluster};
use serde::Serialize;
use tokio::time::{Instant, timeout_at};

use self::leaders::Leaders;

/// A service's health: the body of `/health`, `/health/live` and `/health/ready`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HealthReport {
    healthy: bool,
    details: Details,
    status: &'static str,
    kafka: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Details {
    cluster_id: Option<String>,
    brokers: usize,
    controller: Option<i32>,
    /// Of the topics this service works with, those which are there.
    topics_count: usize,
    connected_consumers: usize,
    producer_connected: bool,
}

impl HealthReport {
    /// Whether the service does its work: 200 or 503.
    pub fn healthy(&self) -> bool {
        self.healthy
    }

    /// Why not.
    pub fn error(&self) -> Option<&str> {
        self.error.as_deref()
    }
}

/// What a service knows of itself.
#[derive(Clone, Debug, Default)]
pub struct Parts {
    /// Its consumers that are members of their groups.
    pub connected_consumers: usize,
    /// Why it does not do its work, if it does not.
    pub not_ready: Option<String>,
}

/// Asks the cluster whether it is there, at most once a second however often it is asked itself. Cloning shares it.
#[derive(Clone, Debug)]
pub struct Health {
    client: Client,
    last: Arc<tokio::sync::Mutex<Option<Probe>>>,
}

/// When the cluster was asked, and why it did not answer, if it did not.
type Probe = (Instant, Result<(), String>);

/// An answer this old is given again.
const FRESH: Duration = Duration::from_secs(1);

/// A probe; with a wait for another one and the answer itself it stays below the 2 s promised.
const PROBE_LIMIT: Duration = Duration::from_millis(1500);

/// How long of that the metadata may take.
const METADATA_LIMIT: Duration = Duration::from_millis(500);

impl Health {
    /// The health of what uses `client`.
    pub fn new(client: Client) -> Self {
        Self { client, last: Arc::default() }
    }

    /// The client whose cluster is asked.
    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// Whether the process lives, whatever the brokers do.
    pub fn live(&self, parts: &Parts) -> HealthReport {
        let connected = self.client.is_connected();
        HealthReport { healthy: true, error: None, ..report(&self.client.metadata().cluster(), connected, parts, None) }
            .named()
    }

    /// Whether the service does its work. Answers within 2 s also when the brokers are silent.
    ///
    /// # Cancel safety
    /// Safe: it only reads.
    pub async fn ready(&self, parts: &Parts) -> HealthReport {
        let probed = self.probe().await;
        let connected = probed.is_ok();
        report(&self.client.metadata().cluster(), connected, parts, probed.err()).named()
    }

    async fn probe(&self) -> Result<(), String> {
        let Ok(mut last) = tokio::time::timeout(PROBE_LIMIT + FRESH / 4, self.last.lock()).await else {
            return Err("no broker answers".to_owned());
        };
        if let Some((at, result)) = last.as_ref()
            && at.elapsed() < FRESH
        {
            return result.clone();
        }
        let result = self.ask().await;
        *last = Some((Instant::now(), result.clone()));
        result
    }

    /// Asks for the cluster's metadata, then the leaders it names. The broker that is asked for metadata may be the one
    /// that is silent: then those are asked that were known before.
    async fn ask(&self) -> Result<(), String> {
        let (metadata, now) = (self.client.metadata(), Instant::now());
        let known = metadata.cluster();
        let refreshed = timeout_at(now + METADATA_LIMIT, metadata.refresh_after(known.generation())).await;
        let (cluster, is_fresh) = match refreshed {
            Ok(Ok(cluster)) => (cluster, true),
            Ok(Err(error)) => return Err(error.to_string()),
            Err(_) => (known, false),
        };
        match leaders::ask(&self.client, &cluster, now + PROBE_LIMIT).await {
            Leaders::Answer => Ok(()),
            Leaders::Nobody if is_fresh => Ok(()),
            Leaders::Silent(trouble) if is_fresh => Err(trouble),
            Leaders::Away(trouble) => Err(trouble),
            Leaders::Nobody | Leaders::Silent(_) => Err(format!("no broker answers within {PROBE_LIMIT:?}")),
        }
    }
}

fn report(cluster: &Cluster, connected: bool, parts: &Parts, error: Option<String>) -> HealthReport {
    let error = error.or_else(|| parts.not_ready.clone());
    HealthReport {
        healthy: connected && error.is_none(),
        details: Details {
            cluster_id: cluster.cluster_id().map(str::to_owned),
            brokers: cluster.brokers().len(),
            controller: cluster.controller(),
            topics_count: cluster.topics().values().filter(|topic| topic.error().is_none()).count(),
            connected_consumers: parts.connected_consumers,
            producer_connected: connected,
        },
        status: "",
        kafka: if connected { "connected" } else { "disconnected" },
        error,
    }
}

impl HealthReport {
    fn named(self) -> Self {
        Self { status: if self.healthy { "healthy" } else { "unhealthy" }, ..self }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use ottla::kafka::{BoxFuture, BrokerAddr, Connector, Io};
    use serde_json::json;

    use super::*;

    /// Connects to nobody, or never.
    #[derive(Debug)]
    struct Away {
        silent: bool,
        asked: Mutex<u32>,
    }

    impl Connector for Away {
        fn connect<'a>(&'a self, _addr: &'a BrokerAddr) -> BoxFuture<'a, std::io::Result<Io>> {
            *self.asked.lock().expect("no panic") += 1;
            Box::pin(async {
                if self.silent {
                    std::future::pending::<()>().await;
                }
                Err(std::io::ErrorKind::ConnectionRefused.into())
            })
        }
    }

    fn health(silent: bool) -> (Health, Arc<Away>) {
        let away = Arc::new(Away { silent, asked: Mutex::new(0) });
        let client = Client::builder()
            .bootstrap(["127.0.0.1:9".parse().expect("an address")])
            .connector(away.clone())
            .build()
            .expect("a client");
        (Health::new(client), away)
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_or_absent_cluster_is_told_within_two_seconds() {
        for silent in [true, false] {
            let (health, _) = health(silent);
            let parts = Parts::default();
            let began = Instant::now();
            let (first, second) = tokio::join!(health.ready(&parts), health.ready(&parts));
            assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
            assert!(!first.healthy() && !second.healthy());
            assert!(first.error().is_some());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_cluster_is_asked_once_a_second_at_most() {
        let (health, away) = health(true);
        for _ in 0..100 {
            health.ready(&Parts::default()).await;
        }
        assert!(*away.asked.lock().expect("no panic") <= 2);
    }

    #[tokio::test]
    async fn a_live_service_says_so_without_brokers_in_the_documented_form() {
        let (health, _) = health(false);
        let parts = Parts { connected_consumers: 1, not_ready: Some("starting".to_owned()) };
        let body = serde_json::to_value(health.live(&parts)).expect("JSON");
        let details = json!({
            "clusterId": null, "brokers": 0, "controller": null, "topicsCount": 0,
            "connectedConsumers": 1, "producerConnected": false
        });
        assert_eq!(body, json!({"healthy": true, "details": details, "status": "healthy", "kafka": "disconnected"}));
    }
}
