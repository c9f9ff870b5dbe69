use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    path::PathBuf,
    time::Duration,
};

use ottla::{
    Client, Consumer, Env, Error, Producer,
    consumer::ConsumerBuilder,
    kafka::{BrokerAddr, FetchConfig, ProducerBuilder},
};

use super::{
    file::Document,
    reader::{Given, Reader, Values},
    security::Security,
    setting,
    table::SETTINGS,
    value::Value,
};

/// The variable that names the file, if no flag does.
const FILE: &str = "OTTLA_CONFIG";

/// Everything that flags, variables and the file configure.
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
    values: Values,
    warnings: Vec<String>,
}

impl Settings {
    /// Reads the process's variables, and the file that they or a flag name.
    ///
    /// # Errors
    /// Everything that is not valid.
    pub(crate) fn from_env(given: Given) -> Result<Self, Vec<String>> {
        Self::read(given, std::env::vars_os())
    }

    /// The same with other `variables`.
    ///
    /// # Errors
    /// Everything that is not valid.
    pub(crate) fn read(
        given: Given,
        variables: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Self, Vec<String>> {
        let variables: BTreeMap<OsString, OsString> = variables.into_iter().collect();
        let named = variables.get(OsStr::new(FILE)).filter(|path| !path.is_empty()).map(PathBuf::from);
        let path = given.path().cloned().map(|path| (path, "--config")).or(named.map(|path| (path, FILE)));
        let document = path.map(|(path, by)| {
            Document::read(&path).map_err(|error| format!("{by}: cannot read {}: {error}", path.display()))
        });
        let (document, unread) = match document.transpose() {
            Ok(document) => (document, None),
            Err(problem) => (None, Some(problem)),
        };
        let mut reader = Reader::new(given, variables, document);
        unread.into_iter().for_each(|problem| reader.problem(problem));
        let settings = Self::read_from(&mut reader);
        let (values, warnings) = reader.finish()?;
        Ok(Self { values, warnings, ..settings })
    }

    fn read_from(reader: &mut Reader) -> Self {
        let settings = Self {
            security: Security::read(reader),
            brokers: reader.text("KAFKA_BROKERS").and_then(|text| setting::brokers(&text).ok()).unwrap_or_default(),
            client_id: reader.text("KAFKA_CLIENT_ID"),
            connection_timeout: reader.millis("KAFKA_CONNECTION_TIMEOUT"),
            request_timeout: reader.millis("KAFKA_REQUEST_TIMEOUT"),
            session_timeout: reader.millis("KAFKA_SESSION_TIMEOUT"),
            heartbeat_interval: reader.millis("KAFKA_HEARTBEAT_INTERVAL"),
            partition_bytes: reader.number("KAFKA_MAX_BYTES_PER_PARTITION"),
            min_bytes: reader.number("KAFKA_MIN_BYTES"),
            max_bytes: reader.number("KAFKA_MAX_BYTES"),
            max_wait: reader.millis("KAFKA_MAX_WAIT_TIME"),
            auto_create_topics: reader.flag("KAFKA_AUTO_CREATE_TOPICS"),
            max_in_flight: reader.number("KAFKA_MAX_IN_FLIGHT_REQUESTS"),
            log_level: log_level(reader),
            values: Values::new(),
            warnings: Vec::new(),
        };
        if !reader.flag("KAFKA_IDEMPOTENT") {
            let called = reader.called("KAFKA_IDEMPOTENT");
            reader.problem(format!("{called}: false is not possible, this producer never writes a record twice"));
        }
        let (interval, session) = (settings.heartbeat_interval, settings.session_timeout);
        if interval.saturating_mul(3) > session {
            let [interval_is, session_is] =
                ["KAFKA_HEARTBEAT_INTERVAL", "KAFKA_SESSION_TIMEOUT"].map(|name| reader.called(name));
            reader
                .problem(format!("{interval_is} ({interval:?}) must be at most a third of {session_is} ({session:?})"));
        }
        settings
    }

    /// Every setting and where it comes from, in the order of the table.
    pub(crate) fn values(&self) -> impl Iterator<Item = &Value> {
        SETTINGS.iter().filter_map(|setting| self.values.get(setting.name()))
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

    /// Where a service keeps its rows, unless its flag says otherwise.
    pub(crate) fn database_url(&self) -> Option<&str> {
        // Not a field of its own: it may hold a password, which a value does not show.
        self.values.get("DATABASE_URL").map(Value::text).filter(|url| !url.is_empty())
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

/// The level that somebody asked for; the default is each command's own.
fn log_level(reader: &Reader) -> Option<&'static str> {
    let text = reader.text("KAFKA_LOG_LEVEL").filter(|_| reader.is_set("KAFKA_LOG_LEVEL"))?;
    setting::level(&text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Settings, Vec<String>> {
        let variables = variables.iter().map(|(name, value)| ((*name).into(), (*value).into()));
        Settings::read(Given::default(), variables)
    }

    #[test]
    fn what_nobody_sets_is_the_default() {
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
    fn a_client_is_built_from_what_goes_first() {
        let flag = || Given::default().with("KAFKA_BROKERS", Some("flag:1")).with("KAFKA_CLIENT_ID", Some("flag"));
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
    fn a_file_is_read_where_a_flag_or_a_variable_names_it() {
        let dir = std::env::temp_dir().join(format!("ottla-config-{}", Env::system().uuid()));
        std::fs::create_dir(&dir).expect("a directory");
        let [first, second] = ["first.toml", "second.toml"].map(|name| dir.join(name));
        std::fs::write(&first, "kafka_client_id = 'first'").expect("written");
        std::fs::write(&second, "kafka_client_id = 'second'").expect("written");
        let variable = |path: &PathBuf| [(FILE.into(), path.clone().into())];
        for (flag, path, expected) in [(None, &second, "second"), (Some(first.clone()), &second, "first")] {
            let settings = Settings::read(Given::file(flag), variable(path)).expect("valid");
            assert_eq!(settings.client_id.as_deref(), Some(expected));
        }
        let problems = Settings::read(Given::default(), variable(&dir.join("none"))).expect_err("there is none");
        assert!(problems[0].contains(FILE) && problems[0].contains("none"), "{problems:?}");
        std::fs::remove_dir_all(&dir).expect("removed");
    }

    #[test]
    fn heartbeats_fit_the_session() {
        let problems = read(&[("KAFKA_SESSION_TIMEOUT", "6000"), ("KAFKA_HEARTBEAT_INTERVAL", "3000")]);
        let problems = problems.expect_err("too slow");
        assert!(problems[0].contains("KAFKA_HEARTBEAT_INTERVAL") && problems[0].contains("KAFKA_SESSION_TIMEOUT"));
    }
}
