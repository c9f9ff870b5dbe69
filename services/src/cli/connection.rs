//! What every command that talks to a cluster takes, and first asks.

use std::{path::PathBuf, time::Duration};

use clap::Args;
use ottla::{
    BrokerAddr, Client, Env, Error,
    kafka::{Cluster, ErrorCode},
};
use tokio::time::{Instant, sleep_until};

use super::problem::Problem;
use crate::config::{Given, Settings, mechanism_name};

/// How long a topic may take to be known everywhere after it was created.
const NEW_TOPIC: Duration = Duration::from_secs(2);
/// Keeps them apart from what a command takes of its own.
const HEADING: &str = "Connection";
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// Which cluster, and how to reach it. The `KAFKA_*` variables say the same, and what has no flag; a flag goes first.
#[derive(Args, Clone, Debug)]
pub(super) struct ConnectionArgs {
    /// Brokers to ask first, separated by commas [env: KAFKA_BROKERS] [default: localhost:9092].
    #[arg(help_heading = HEADING, short, long, value_delimiter = ',', value_name = "HOST:PORT")]
    bootstrap: Vec<BrokerAddr>,
    /// The name that brokers log and quotas count [env: KAFKA_CLIENT_ID].
    #[arg(help_heading = HEADING, long, value_name = "NAME")]
    client_id: Option<String>,
    /// Encrypts and checks whom it talks to (TLS) [env: KAFKA_SSL].
    #[arg(help_heading = HEADING, long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    ssl: Option<bool>,
    /// Trusts the certificates in this PEM file instead of the system's [env: KAFKA_SSL_CA].
    #[arg(help_heading = HEADING, long, value_name = "FILE")]
    ssl_ca: Option<PathBuf>,
    /// Shows brokers this certificate, a PEM file [env: KAFKA_SSL_CERT].
    #[arg(help_heading = HEADING, long, value_name = "FILE")]
    ssl_cert: Option<PathBuf>,
    /// The certificate's key, a PEM file [env: KAFKA_SSL_KEY].
    #[arg(help_heading = HEADING, long, value_name = "FILE")]
    ssl_key: Option<PathBuf>,
    /// The user (SASL); the password is read from KAFKA_SASL_PASSWORD only [env: KAFKA_SASL_USERNAME].
    #[arg(help_heading = HEADING, long, value_name = "USER")]
    sasl_username: Option<String>,
    /// plain, scram-sha-256, scram-sha-512 or oauthbearer (whose password is the token) [env: KAFKA_SASL_MECHANISM]
    /// [default: plain].
    #[arg(help_heading = HEADING, long, value_name = "NAME", value_parser = mechanism_name)]
    sasl_mechanism: Option<String>,
    /// Lets a secret that others can read on the way go without TLS [env: KAFKA_SASL_ALLOW_PLAINTEXT].
    #[arg(help_heading = HEADING, long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    sasl_allow_plaintext: Option<bool>,
    #[command(flatten)]
    file: FileArgs,
}

/// The file of settings.
#[derive(Args, Clone, Debug)]
pub(super) struct FileArgs {
    /// Settings in a TOML file, after flags and variables: docs/guide/configuration.md [env: OTTLA_CONFIG].
    #[arg(help_heading = HEADING, id = "config_file", long = "config", value_name = "FILE")]
    path: Option<PathBuf>,
}

impl FileArgs {
    pub(super) fn given(&self) -> Given {
        Given::file(self.path.clone())
    }
}

impl ConnectionArgs {
    /// What was given, to go before the variables.
    pub(super) fn given(&self) -> Given {
        let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
        self.file
            .given()
            .with("KAFKA_BROKERS", comma_separated(&self.bootstrap))
            .with("KAFKA_CLIENT_ID", self.client_id.as_deref())
            .with("KAFKA_SSL", self.ssl)
            .with("KAFKA_SSL_CA", path(&self.ssl_ca))
            .with("KAFKA_SSL_CERT", path(&self.ssl_cert))
            .with("KAFKA_SSL_KEY", path(&self.ssl_key))
            .with("KAFKA_SASL_USERNAME", self.sasl_username.as_deref())
            .with("KAFKA_SASL_MECHANISM", self.sasl_mechanism.as_deref())
            .with("KAFKA_SASL_ALLOW_PLAINTEXT", self.sasl_allow_plaintext)
    }
}

/// Brokers as a variable names them; `None` if there are none.
pub(super) fn comma_separated(brokers: &[BrokerAddr]) -> Option<String> {
    let brokers: Vec<String> = brokers.iter().map(ToString::to_string).collect();
    (!brokers.is_empty()).then(|| brokers.join(","))
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
