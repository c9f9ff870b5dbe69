use std::{sync::Arc, time::Duration};

use super::Client;
use crate::{
    connector::{BrokerAddr, Connector, TcpConnector},
    env::Env,
    error::Error,
    network::{Connections, NetworkConfig},
    security::Security,
};

/// A client's settings, checked together by [`ClientBuilder::build`].
#[derive(Debug)]
#[must_use]
pub struct ClientBuilder {
    config: ClientConfig,
    connect_timeout: Duration,
    fetch_answer_bytes_max: usize,
    security: Security,
    env: Option<Env>,
    connector: Option<Arc<dyn Connector>>,
}

#[derive(Clone, Debug)]
pub(super) struct ClientConfig {
    pub(super) bootstrap: Vec<BrokerAddr>,
    pub(super) client_id: String,
    pub(super) request_timeout: Duration,
    pub(super) default_api_timeout: Duration,
}

impl Default for ClientBuilder {
    fn default() -> Self {
        Self {
            config: ClientConfig {
                bootstrap: Vec::new(),
                client_id: "ottla".to_owned(),
                request_timeout: Duration::from_secs(30),
                default_api_timeout: Duration::from_secs(30),
            },
            connect_timeout: Duration::from_secs(10),
            fetch_answer_bytes_max: 128 << 20,
            security: Security::default(),
            env: None,
            connector: None,
        }
    }
}

impl ClientBuilder {
    /// Brokers to ask first, and again when no known broker answers. At least one. Kafka: `bootstrap.servers`.
    pub fn bootstrap(mut self, brokers: impl IntoIterator<Item = BrokerAddr>) -> Self {
        self.config.bootstrap = brokers.into_iter().collect();
        self
    }

    /// The name that brokers log and quotas count; default `ottla`. Kafka: `client.id`.
    pub fn client_id(mut self, client_id: impl Into<String>) -> Self {
        self.config.client_id = client_id.into();
        self
    }

    /// How long opening a connection may take; default 10 s. Kafka: `socket.connection.setup.timeout.ms`.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// How long a request waits for its answer; default 30 s. Kafka: `request.timeout.ms`.
    pub fn request_timeout(mut self, timeout: Duration) -> Self {
        self.config.request_timeout = timeout;
        self
    }

    /// How long a call with retries of its own lasts; default 30 s. Kafka: `default.api.timeout.ms` (there 60 s).
    pub fn default_api_timeout(mut self, timeout: Duration) -> Self {
        self.config.default_api_timeout = timeout;
        self
    }

    /// The largest answer to a fetch that is believed, in bytes; default 128 MiB. It must hold `fetch.max.bytes` and
    /// one batch as large as the brokers allow.
    pub fn fetch_answer_bytes_max(mut self, bytes: usize) -> Self {
        self.fetch_answer_bytes_max = bytes;
        self
    }

    /// Encrypts every connection and checks whom it goes to; default plaintext. Kafka: `security.protocol`.
    #[cfg(feature = "tls")]
    pub fn tls(mut self, tls: crate::security::Tls) -> Self {
        self.security.tls = Some(tls);
        self
    }

    /// Authenticates every connection; default none. Kafka: `sasl.mechanism`.
    #[cfg(feature = "sasl")]
    pub fn sasl(mut self, sasl: crate::security::Sasl) -> Self {
        self.security.sasl = Some(sasl);
        self
    }

    /// Where time, randomness and tasks come from; default [`Env::system`].
    pub fn env(mut self, env: Env) -> Self {
        self.env = Some(env);
        self
    }

    /// How connections are opened; default [`TcpConnector`].
    pub fn connector(mut self, connector: Arc<dyn Connector>) -> Self {
        self.connector = Some(connector);
        self
    }

    /// The client. It opens no connection yet.
    ///
    /// # Errors
    /// Every setting that is not valid, named together.
    pub fn build(self) -> Result<Client, Error> {
        let problems = self.problems();
        if !problems.is_empty() {
            return Err(Error::invalid(problems.join("; ")));
        }
        let network = NetworkConfig {
            client_id: self.config.client_id.clone(),
            connect_timeout: self.connect_timeout,
            fetch_answer_bytes_max: self.fetch_answer_bytes_max,
            security: self.security,
        };
        let env = self.env.unwrap_or_else(Env::system);
        let connector = self.connector.unwrap_or_else(|| Arc::new(TcpConnector));
        let connections = Connections::new(network, env.clone(), connector);
        Ok(Client::new(self.config, env, connections))
    }

    fn problems(&self) -> Vec<&'static str> {
        let limits = [self.connect_timeout, self.config.request_timeout, self.config.default_api_timeout];
        [
            (self.config.bootstrap.is_empty(), "bootstrap.servers names no broker"),
            (self.config.client_id.len() > 249, "client.id is longer than 249 bytes"),
            (limits.iter().any(Duration::is_zero), "a timeout of zero lets nothing succeed"),
            (limits.iter().any(|limit| limit.as_millis() > i32::MAX as u128), "a timeout exceeds Kafka's 2^31 − 1 ms"),
            (!(1 << 20..=1 << 30).contains(&self.fetch_answer_bytes_max), "fetch answers are limited to 1 MiB…1 GiB"),
        ]
        .into_iter()
        .filter_map(|(wrong, problem)| wrong.then_some(problem))
        .chain(self.security.problem())
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_is_named_together() {
        let error = Client::builder().request_timeout(Duration::ZERO).client_id("x".repeat(300)).build();
        let text = error.err().map(|error| error.to_string()).unwrap_or_default();
        for problem in ["names no broker", "client.id", "timeout of zero"] {
            assert!(text.contains(problem), "{problem} is missing from: {text}");
        }
        assert!(Client::builder().bootstrap([BrokerAddr::new("localhost", 9092)]).build().is_ok());
    }
}
