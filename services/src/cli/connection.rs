//! What every command that talks to a cluster takes, and first asks.

use std::time::Duration;

use clap::Args;
use ottla::{
    BrokerAddr, Client, Env, Error,
    kafka::{Cluster, ErrorCode},
};
use tokio::time::{Instant, sleep_until};

use super::problem::Problem;
use crate::config::{Given, Settings};

/// How long a topic may take to be known everywhere after it was created.
const NEW_TOPIC: Duration = Duration::from_secs(2);
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// Which cluster, and how to reach it. The `KAFKA_*` variables say the same, and what has no flag; a flag goes first.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Connection")]
pub(super) struct ConnectionArgs {
    /// Brokers to ask first, separated by commas [env: KAFKA_BROKERS] [default: localhost:9092].
    #[arg(short, long, value_delimiter = ',', value_name = "HOST:PORT")]
    bootstrap: Vec<BrokerAddr>,
    /// The name that brokers log and quotas count [env: KAFKA_CLIENT_ID].
    #[arg(long, value_name = "NAME")]
    client_id: Option<String>,
}

impl ConnectionArgs {
    /// What was given, to go before the variables.
    pub(super) fn given(&self) -> Given {
        let brokers = (!self.bootstrap.is_empty()).then(|| self.bootstrap.clone());
        Given { brokers, client_id: self.client_id.clone() }
    }
}

/// A client of the cluster that the settings name; `name` is its client id unless they name one.
pub(super) fn client(settings: &Settings, env: &Env, name: &str) -> Result<Client, Problem> {
    settings.client(env, name).map_err(|error| Problem::kafka("connect", settings.brokers(), &error))
}

/// The number of partitions of `topic`, which has `partition` if one is named.
pub(super) async fn partitions(
    client: &Client,
    settings: &Settings,
    topic: &str,
    partition: Option<i32>,
) -> Result<i32, Problem> {
    let brokers = settings.brokers();
    let failed = |error: &Error| Problem::kafka(&format!("look up topic {topic}"), brokers, error);
    let deadline = Instant::now() + NEW_TOPIC;
    loop {
        let cluster = client.metadata().topics(&[topic]).await.map_err(|error| failed(&error))?;
        match count(&cluster, topic) {
            Ok(count) => return check(topic, count, partition),
            Err(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION) if Instant::now() >= deadline => {
                return Err(Problem::no_topic(topic, brokers));
            }
            Err(code) => {
                let error = Error::broker(code, "Metadata");
                if !error.is_retriable() || Instant::now() >= deadline + client.request_timeout() {
                    return Err(failed(&error));
                }
                sleep_until(Instant::now() + LOOK_AGAIN).await;
            }
        }
    }
}

fn count(cluster: &Cluster, topic: &str) -> Result<i32, ErrorCode> {
    let known = cluster.topic(topic).ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)?;
    match known.error() {
        Some(code) => Err(code),
        None => Ok(i32::try_from(known.partitions().len()).unwrap_or(i32::MAX)),
    }
}

fn check(topic: &str, count: i32, partition: Option<i32>) -> Result<i32, Problem> {
    match partition {
        Some(partition) if partition >= count => {
            let what = format!("topic {topic} has no partition {partition}: it has {count}, numbered from 0");
            Err(Problem::new(super::Exit::NotFound, what)
                .next(format!("ottla topics alter {topic} --partitions {} adds it", partition.saturating_add(1))))
        }
        _ => Ok(count),
    }
}
