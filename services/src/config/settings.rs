use std::{ffi::OsString, path::PathBuf, time::Duration};

use ottla::{
    Client, Consumer, Env, Error, Producer,
    consumer::ConsumerBuilder,
    kafka::{BrokerAddr, FetchConfig, ProducerBuilder},
};

use super::{reader::Reader, security::Security};

/// Where a client begins when nothing says otherwise.
const DEFAULT_BROKER: (&str, u16) = ("localhost", 9092);

/// What flags say, and goes before the variables.
#[derive(Clone, Debug, Default)]
pub(crate) struct Given {
    /// Brokers to ask first.
    pub(crate) brokers: Option<Vec<BrokerAddr>>,
    /// The client's name.
    pub(crate) client_id: Option<String>,
    /// Whether TLS is used although the variables do not say so.
    pub(crate) ssl: bool,
    /// Certificates to trust.
    pub(crate) ssl_ca: Option<PathBuf>,
    /// The client's certificate.
    pub(crate) ssl_cert: Option<PathBuf>,
    /// Its key.
    pub(crate) ssl_key: Option<PathBuf>,
    /// The user. A password has no flag: every process could read it.
    pub(crate) sasl_username: Option<String>,
    /// SASL's mechanism.
    pub(crate) sasl_mechanism: Option<String>,
    /// Whether a readable secret may go over plaintext.
    pub(crate) sasl_allow_plaintext: bool,
}

/// Everything the `KAFKA_*` variables configure.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    brokers: Vec<BrokerAddr>,
    client_id: Option<String>,
    security: Security,
    connection_timeout: Duration,
    request_timeout: Duration,
    session_timeout: Duration,
    heartbeat_interval: Duration,
    partition_bytes: i32,
    min_bytes: i32,
    max_bytes: i32,
    max_wait: Duration,
    auto_create_topics: bool,
    max_in_flight: usize,
    log_level: Option<&'static str>,
    warnings: Vec<String>,
}

impl Settings {
    /// Reads the process's variables.
    ///
    /// # Errors
    /// Every variable that is not valid.
    pub(crate) fn from_env(given: Given) -> Result<Self, Vec<String>> {
        Self::read(given, std::env::vars_os())
    }

    /// Reads `variables`.
    ///
    /// # Errors
    /// Every variable that is not valid.
    pub(crate) fn read(
        given: Given,
        variables: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Self, Vec<String>> {
        let mut reader = Reader::new(variables);
        let settings = Self::read_from(given, &mut reader);
        let (problems, warnings) = reader.finish();
        if problems.is_empty() { Ok(Self { warnings, ..settings }) } else { Err(problems) }
    }

    fn read_from(given: Given, reader: &mut Reader) -> Self {
        let brokers = reader.take("KAFKA_BROKERS", brokers);
        let client_id = reader.text("KAFKA_CLIENT_ID");
        let or_millis = |given: Option<Duration>, millis| given.unwrap_or(Duration::from_millis(millis));
        let security = Security::read(&given, reader);
        let settings = Self {
            security,
            brokers: given
                .brokers
                .or(brokers)
                .unwrap_or_else(|| vec![BrokerAddr::new(DEFAULT_BROKER.0, DEFAULT_BROKER.1)]),
            client_id: given.client_id.or(client_id),
            connection_timeout: or_millis(reader.millis("KAFKA_CONNECTION_TIMEOUT"), 10_000),
            request_timeout: or_millis(reader.millis("KAFKA_REQUEST_TIMEOUT"), 30_000),
            session_timeout: or_millis(reader.millis("KAFKA_SESSION_TIMEOUT"), 30_000),
            heartbeat_interval: or_millis(reader.millis("KAFKA_HEARTBEAT_INTERVAL"), 3_000),
            partition_bytes: reader.number("KAFKA_MAX_BYTES_PER_PARTITION", 1..=i32::MAX).unwrap_or(1 << 20),
            min_bytes: reader.number("KAFKA_MIN_BYTES", 0..=i32::MAX).unwrap_or(1),
            max_bytes: reader.number("KAFKA_MAX_BYTES", 1024..=i32::MAX).unwrap_or(10 << 20),
            max_wait: or_millis(reader.number("KAFKA_MAX_WAIT_TIME", 0..=300_000).map(Duration::from_millis), 5_000),
            auto_create_topics: reader.flag("KAFKA_AUTO_CREATE_TOPICS").unwrap_or(true),
            max_in_flight: reader.number("KAFKA_MAX_IN_FLIGHT_REQUESTS", 1..=5).unwrap_or(5),
            log_level: reader.take("KAFKA_LOG_LEVEL", log_level),
            warnings: Vec::new(),
        };
        // Transactions come later; a value that could not be one is told now.
        reader.millis("KAFKA_TRANSACTION_TIMEOUT");
        if reader.flag("KAFKA_IDEMPOTENT") == Some(false) {
            reader.problem("KAFKA_IDEMPOTENT: false is not possible, this producer never writes a record twice");
        }
        if settings.heartbeat_interval.saturating_mul(3) > settings.session_timeout {
            reader.problem(format!(
                "KAFKA_HEARTBEAT_INTERVAL ({:?}) must be at most a third of KAFKA_SESSION_TIMEOUT ({:?})",
                settings.heartbeat_interval, settings.session_timeout
            ));
        }
        settings
    }

    /// Brokers to ask first.
    pub(crate) fn brokers(&self) -> &[BrokerAddr] {
        &self.brokers
    }

    /// The log level that was asked for, as tracing has it.
    pub(crate) fn log_level(&self) -> Option<&'static str> {
        self.log_level
    }

    /// Whether missing topics of a service's catalogue are created.
    pub(crate) fn auto_create_topics(&self) -> bool {
        self.auto_create_topics
    }

    /// What was found odd.
    pub(crate) fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// A client; `name` is its client id unless another was asked for.
    ///
    /// # Errors
    /// Every setting that is not valid.
    pub(crate) fn client(&self, env: &Env, name: &str) -> Result<Client, Error> {
        let builder = Client::builder()
            .bootstrap(self.brokers.iter().cloned())
            .client_id(self.client_id.as_deref().unwrap_or(name))
            .connect_timeout(self.connection_timeout)
            .request_timeout(self.request_timeout)
            // Who asks for shorter requests does not want to wait for their repetition either.
            .default_api_timeout(self.request_timeout)
            .env(env.clone());
        self.security.apply(builder)?.build()
    }

    /// How records are fetched.
    pub(crate) fn fetch(&self) -> FetchConfig {
        FetchConfig::default()
            .min_bytes(self.min_bytes)
            .max_bytes(self.max_bytes)
            .partition_bytes(self.partition_bytes)
            .max_wait(self.max_wait)
    }

    /// A producer's settings.
    pub(crate) fn producer(&self, client: &Client) -> ProducerBuilder {
        Producer::builder(client).max_in_flight(self.max_in_flight)
    }

    /// A group member's settings.
    pub(crate) fn consumer(&self, client: &Client, group: &str) -> ConsumerBuilder {
        Consumer::builder(client, group)
            .session_timeout(self.session_timeout)
            .heartbeat_interval(self.heartbeat_interval)
            .fetch(self.fetch())
    }
}

/// Brokers separated by commas.
fn brokers(text: &str) -> Result<Vec<BrokerAddr>, String> {
    let brokers: Result<Vec<BrokerAddr>, _> =
        text.split(',').filter(|part| !part.trim().is_empty()).map(str::parse).collect();
    match brokers {
        Ok(brokers) if brokers.is_empty() => Err("it names no broker".to_owned()),
        Ok(brokers) => Ok(brokers),
        Err(error) => Err(error.to_string()),
    }
}

/// A level as other Kafka clients name it.
fn log_level(text: &str) -> Result<&'static str, String> {
    match text.trim().to_ascii_lowercase().as_str() {
        "off" | "none" | "nothing" => Ok("off"),
        "error" => Ok("error"),
        "warn" | "warning" => Ok("warn"),
        "info" => Ok("info"),
        "debug" => Ok("debug"),
        "trace" => Ok("trace"),
        _ => Err(format!("'{}' is not one of error, warn, info, debug, trace, off", text.escape_debug())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Settings, Vec<String>> {
        let variables = variables.iter().map(|(name, value)| ((*name).into(), (*value).into()));
        Settings::read(Given::default(), variables)
    }

    #[test]
    fn the_defaults_are_the_documents() {
        let settings = read(&[]).expect("nothing is set");
        assert_eq!(settings.brokers(), [BrokerAddr::new("localhost", 9092)]);
        let of = |millis| Duration::from_millis(millis);
        assert_eq!((settings.connection_timeout, settings.request_timeout), (of(10_000), of(30_000)));
        assert_eq!((settings.session_timeout, settings.heartbeat_interval), (of(30_000), of(3_000)));
        assert_eq!((settings.partition_bytes, settings.min_bytes, settings.max_bytes), (1_048_576, 1, 10_485_760));
        assert_eq!((settings.max_wait, settings.auto_create_topics, settings.log_level), (of(5_000), true, None));
        assert_eq!(settings.max_in_flight, 5);
    }

    #[test]
    fn a_flag_goes_before_a_variable_and_that_before_the_default() {
        let flag = || Given {
            brokers: Some(vec![BrokerAddr::new("flag", 1)]),
            client_id: Some("flag".to_owned()),
            ..Given::default()
        };
        let variables = || [("KAFKA_BROKERS".into(), "a:1, [::1]:2,".into()), ("KAFKA_CLIENT_ID".into(), "v".into())];
        let settings = Settings::read(flag(), variables()).expect("valid");
        assert_eq!((settings.brokers, settings.client_id.as_deref()), (vec![BrokerAddr::new("flag", 1)], Some("flag")));
        let settings = Settings::read(Given::default(), variables()).expect("valid");
        assert_eq!(settings.brokers, [BrokerAddr::new("a", 1), BrokerAddr::new("::1", 2)]);
        assert_eq!(settings.client_id.as_deref(), Some("v"));
    }

    #[test]
    fn every_bad_variable_is_named_at_once() {
        let bad = [
            ("KAFKA_BROKERS", "nowhere"),
            ("KAFKA_CONNECTION_TIMEOUT", "0"),
            ("KAFKA_REQUEST_TIMEOUT", "soon"),
            ("KAFKA_SESSION_TIMEOUT", "-1"),
            ("KAFKA_HEARTBEAT_INTERVAL", "1.5"),
            ("KAFKA_MAX_BYTES_PER_PARTITION", "0"),
            ("KAFKA_MIN_BYTES", "x"),
            ("KAFKA_MAX_BYTES", "1"),
            ("KAFKA_MAX_WAIT_TIME", "300001"),
            ("KAFKA_AUTO_CREATE_TOPICS", "perhaps"),
            ("KAFKA_TRANSACTION_TIMEOUT", "0"),
            ("KAFKA_IDEMPOTENT", "false"),
            ("KAFKA_MAX_IN_FLIGHT_REQUESTS", "6"),
            ("KAFKA_LOG_LEVEL", "loud"),
        ];
        let problems = read(&bad).expect_err("all are bad");
        for (name, _) in bad {
            assert_eq!(
                problems.iter().filter(|problem| problem.starts_with(&format!("{name}:"))).count(),
                1,
                "{name}: {problems:?}"
            );
            assert!(read(&[bad.into_iter().find(|row| row.0 == name).expect("a row")]).is_err(), "{name}");
        }
        assert_eq!(problems.len(), bad.len(), "{problems:?}");
    }

    #[test]
    fn every_variable_is_documented() {
        let page = include_str!("../../../docs/cli.md");
        let mut reader = Reader::new([]);
        let _ = Settings::read_from(Given::default(), &mut reader);
        for name in reader.known().filter(|name| *name != "KAFKA_SCHEMA_REGISTRY_URL") {
            assert!(page.contains(&format!("`{name}`")), "{name} is missing from docs/cli.md");
        }
        assert_eq!(reader.known().count(), 24, "the 18 of the documents, five of ours and the schema registry's");
    }

    #[test]
    fn heartbeats_fit_the_session() {
        let problems = read(&[("KAFKA_SESSION_TIMEOUT", "6000"), ("KAFKA_HEARTBEAT_INTERVAL", "3000")]);
        let problems = problems.expect_err("too slow");
        assert!(problems[0].contains("KAFKA_HEARTBEAT_INTERVAL") && problems[0].contains("KAFKA_SESSION_TIMEOUT"));
    }
}
