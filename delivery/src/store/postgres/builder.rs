use std::{fmt, time::Duration};

use ottla_kafka_core::Env;
use tokio::sync::OnceCell;
use tokio_postgres::config::{Config, Host, SslMode};

use super::{
    PoolCounts, PostgresStore, names,
    pool::{Limits, Pool},
    schema::Tables,
    session::Place,
};
use crate::store::StoreError;

/// Builds a [`PostgresStore`].
#[must_use = "a builder does nothing until it connects"]
pub struct PostgresStoreBuilder {
    url: String,
    tables: Vec<String>,
    limits: Limits,
    counts: PoolCounts,
}

impl PostgresStoreBuilder {
    pub(super) fn new(url: String) -> Self {
        Self { url, tables: Vec::new(), limits: Limits::default(), counts: PoolCounts::default() }
    }

    /// The most connections at a time; 8 by default. Further calls wait for one.
    pub fn max_connections(mut self, connections: usize) -> Self {
        self.limits.max_connections = connections;
        self
    }

    /// How long a call waits for one of the connections; 3 s by default.
    pub fn acquire_timeout(mut self, timeout: Duration) -> Self {
        self.limits.acquire_timeout = timeout;
        self
    }

    /// How long opening a connection may take, for each host that is named; 5 s by default.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.limits.connect_timeout = timeout;
        self
    }

    /// How long the server may work on a statement; 5 s by default. PostgreSQL: `statement_timeout`.
    pub fn statement_timeout(mut self, timeout: Duration) -> Self {
        self.limits.statement_timeout = timeout;
        self
    }

    /// Tables that are there after connecting, empty if they are new; others are made when they are first written.
    pub fn tables(mut self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.tables.extend(names.into_iter().map(Into::into));
        self
    }

    /// Where it is counted how busy the connections are.
    pub fn counts(mut self, counts: PoolCounts) -> Self {
        self.counts = counts;
        self
    }

    /// Connects, and brings the store's tables to this version.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] names every setting that cannot be; [`StoreError::Unavailable`] if the server does not
    /// answer; [`StoreError::NewerSchema`] if a newer version has changed the tables.
    ///
    /// # Cancel safety
    /// Dropped, each migration was done whole or not at all.
    pub async fn connect(self, env: &Env) -> Result<PostgresStore, StoreError> {
        let store = self.build(env)?;
        store.prepared().await?;
        Ok(store)
    }

    /// The same for a server that may be away, as one that starts beside the service: the store is there all the same,
    /// fails as in any outage, and is connected and brought to this version by the first call that finds the server.
    ///
    /// # Errors
    /// Those of [`connect`](Self::connect) that no waiting helps against: a server that answers is asked at once.
    ///
    /// # Cancel safety
    /// Dropped, each migration was done whole or not at all.
    pub async fn connect_lazy(self, env: &Env) -> Result<PostgresStore, StoreError> {
        let store = self.build(env)?;
        match store.prepared().await {
            Err(error) if !error.is_transient() => Err(error),
            Ok(()) | Err(_) => Ok(store),
        }
    }

    fn build(self, env: &Env) -> Result<PostgresStore, StoreError> {
        let config = self.check().map_err(|problems| StoreError::Invalid { problems })?;
        let pool = Pool::new(env.clone(), config, self.limits, self.counts);
        Ok(PostgresStore { pool, tables: Tables::default(), first: self.tables, prepared: OnceCell::new() })
    }

    /// All that is wrong with the settings, or what they say.
    fn check(&self) -> Result<Config, Vec<String>> {
        let mut problems = Vec::new();
        let limits = &self.limits;
        if limits.max_connections == 0 {
            problems.push("max_connections is 0: nothing could be done".to_owned());
        }
        for (name, timeout) in [
            ("acquire_timeout", limits.acquire_timeout),
            ("connect_timeout", limits.connect_timeout),
            ("statement_timeout", limits.statement_timeout),
        ] {
            // The server counts milliseconds in an i32, and takes 0 for no limit.
            if timeout < Duration::from_millis(1) || timeout > Duration::from_secs(86_400) {
                problems.push(format!("{name} is {timeout:?}: 1 ms to a day"));
            }
        }
        problems.extend(self.tables.iter().filter_map(|name| names::check(name).err()));
        match parse(&self.url) {
            Ok(config) if problems.is_empty() => return Ok(config),
            Ok(_) => {}
            Err(problem) => problems.push(problem),
        }
        Err(problems)
    }
}

/// Reads a connection string; the error never shows it, since it may hold a password.
fn parse(url: &str) -> Result<Config, String> {
    let config: Config = url.parse().map_err(|error: tokio_postgres::Error| {
        let cause = std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string);
        format!("the connection string of PostgreSQL is not understood: {cause}{}", tls_hint(url))
    })?;
    if config.get_ssl_mode() == SslMode::Require {
        return Err(format!("the connection string of PostgreSQL asks for TLS{}", tls_hint("sslmode=")));
    }
    if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
        return Err("the connection string of PostgreSQL names no host".to_owned());
    }
    Ok(config)
}

fn tls_hint(url: &str) -> &'static str {
    if url.contains("sslmode=") {
        ": the store speaks to PostgreSQL without TLS, so sslmode is disable, or prefer"
    } else {
        ""
    }
}

impl Place {
    /// Where `config` leads, without its password.
    pub(super) fn of(config: &Config) -> Self {
        let port = config.get_ports().first().copied().unwrap_or(5432);
        let host = match config.get_hosts().first() {
            Some(Host::Tcp(host)) => host.clone(),
            #[cfg(unix)]
            Some(Host::Unix(path)) => path.display().to_string(),
            None => config.get_hostaddrs().first().map(ToString::to_string).unwrap_or_default(),
        };
        Self(format!("{host}:{port}/{}", config.get_dbname().or(config.get_user()).unwrap_or_default()))
    }
}

impl fmt::Debug for PostgresStoreBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStoreBuilder").field("limits", &self.limits).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Store as _, Unit};

    fn problems(builder: PostgresStoreBuilder) -> String {
        builder.check().map_or_else(|problems| problems.join("; "), |_| String::new())
    }

    #[test]
    fn connection_strings_of_both_kinds_are_read() {
        for (url, place) in [
            ("postgres://u:secret@db.example:6000/shop", "db.example:6000/shop"),
            ("postgresql://u@db.example/shop?sslmode=disable", "db.example:5432/shop"),
            ("host=db.example user=u password=secret dbname=shop", "db.example:5432/shop"),
            ("postgres://u@db.example", "db.example:5432/u"),
        ] {
            let config = PostgresStore::builder(url).check().expect(url);
            assert_eq!(Place::of(&config).to_string(), place, "{url}");
        }
    }

    #[test]
    fn what_cannot_be_is_refused_and_the_password_is_never_shown() {
        for (url, said) in [
            ("postgres://u:secret@h/d?sslmode=require", "without TLS"),
            ("postgres://u:secret@h/d?sslmode=verify-full", "without TLS"),
            ("postgres://u:secret@h/d?colour=blue", "colour"),
            ("postgres://u:secret@h:port/d", "port"),
            ("user=u password=secret", "no host"),
            ("mysql://u:secret@h/d", "not understood"),
        ] {
            let problem = problems(PostgresStore::builder(url));
            assert!(problem.contains(said), "{url}: {problem}");
            assert!(!problem.contains("secret"), "{problem}");
        }
        assert!(!format!("{:?}", PostgresStore::builder("postgres://u:secret@h/d")).contains("secret"));
    }

    #[tokio::test]
    async fn an_absent_server_is_an_outage_and_a_wrong_url_is_an_error() {
        let env = Env::system();
        let free = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a port").local_addr().expect("its number");
        let builder = || PostgresStore::builder(format!("postgres://ottla@{free}/orders")).tables(["orders"]);
        let error = builder().connect(&env).await.expect_err("nobody is there");
        assert!(matches!(error, StoreError::Unavailable { maybe_applied: false, .. }), "{error}");
        let store = builder().connect_lazy(&env).await.expect("it may come yet");
        for error in [
            store.get("orders", b"1").await.expect_err("nobody is there"),
            store.apply(Unit::new().put("orders", "1", "v")).await.expect_err("nobody is there"),
        ] {
            assert!(matches!(error, StoreError::Unavailable { maybe_applied: false, .. }), "{error}");
        }
        let error = PostgresStore::builder("postgres://ottla@localhost:notaport/orders").connect_lazy(&env).await;
        assert!(matches!(error, Err(StoreError::Invalid { .. })), "{error:?}");
    }

    #[test]
    fn all_problems_are_named_at_once() {
        let builder = PostgresStore::builder("nonsense").max_connections(0).acquire_timeout(Duration::ZERO);
        let said = problems(builder.statement_timeout(Duration::MAX).tables(["Orders", "ottla_x", "fine"]));
        for part in ["nonsense", "max_connections", "acquire_timeout", "statement_timeout", "Orders", "ottla_x"] {
            assert_eq!(said.contains(part), part != "nonsense", "{part}: {said}");
        }
        assert!(!said.contains("fine") && said.contains("connection string"), "{said}");
    }
}
