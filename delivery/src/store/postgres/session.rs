//! One connection, from its first byte to its last.

use std::{fmt, future::Future, time::Duration};

use ottla_kafka_core::{Env, Task};
use tokio::time::timeout;
use tokio_postgres::{Client, Config, NoTls};

use super::{failure::Failure, pool::Limits};
use crate::store::StoreError;

/// Generated columns came with 12.
const OLDEST: u32 = 12;

/// How long the server's own limit may take to reach us before the connection is given up.
const MARGIN: Duration = Duration::from_secs(1);

/// Where a server is, for people: host, port and database.
#[derive(Clone, Debug)]
pub(super) struct Place(pub(super) String);

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An open connection and the task that moves its bytes, which ends with it.
#[derive(Debug)]
pub(super) struct Session {
    client: Client,
    task: Task,
    limit: Duration,
}

impl Session {
    /// Connects and sets what every statement counts on.
    pub(super) async fn open(env: &Env, config: &Config, limits: &Limits, place: &Place) -> Result<Self, StoreError> {
        let hosts = u32::try_from(config.get_hosts().len().max(1)).unwrap_or(u32::MAX);
        let limit = limits.connect_timeout.saturating_mul(hosts);
        timeout(limit, Self::start(env, config, limits, place))
            .await
            .unwrap_or_else(|_| Err(Failure::Silent(limit).into_error(place, false)))
    }

    async fn start(env: &Env, config: &Config, limits: &Limits, place: &Place) -> Result<Self, StoreError> {
        let failed = |error| Failure::Postgres(error).into_error(place, false);
        let (client, connection) = config.connect(NoTls).await.map_err(failed)?;
        check(connection.parameter("server_version"), connection.parameter("server_encoding"))?;
        let task = env.spawn("postgres connection", async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection to PostgreSQL ended");
            }
        });
        client.batch_execute(&setup(limits.statement_timeout)).await.map_err(failed)?;
        Ok(Self { client, task, limit: limits.statement_timeout.saturating_add(MARGIN) })
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    pub(super) fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// What `work` gives, if it does so in time.
    pub(super) async fn within<T>(
        &self,
        work: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<T, Failure> {
        match timeout(self.limit, work).await {
            Ok(result) => Ok(result?),
            Err(_) => Err(Failure::Silent(self.limit)),
        }
    }

    /// Says goodbye to the server.
    pub(super) async fn close(self) {
        let Self { client, mut task, limit } = self;
        drop(client);
        // The task ends when it has sent what was left; past its time it is ended.
        let _ = timeout(limit.min(MARGIN), &mut task).await;
    }
}

/// What every statement counts on: an acknowledged commit is on disk even where the database's default is not to wait,
/// and a process that stands still does not hold its locks for ever.
fn setup(statement_timeout: Duration) -> String {
    let limit = statement_timeout.as_millis();
    format!(
        "SET application_name = 'ottla';
         SET statement_timeout = {limit};
         SET idle_in_transaction_session_timeout = {};
         SET client_min_messages = 'warning';
         SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'",
        (statement_timeout + MARGIN).as_millis()
    )
}

fn check(version: Option<&str>, encoding: Option<&str>) -> Result<(), StoreError> {
    let mut problems = Vec::new();
    let number = |version: &str| version.split(|c: char| !c.is_ascii_digit()).next()?.parse::<u32>().ok();
    if let Some(version) = version.filter(|version| number(version).is_some_and(|number| number < OLDEST)) {
        problems.push(format!("the server is PostgreSQL {version}; the store needs {OLDEST} or newer"));
    }
    if let Some(encoding) = encoding.filter(|encoding| !["UTF8", "SQL_ASCII"].contains(encoding)) {
        problems.push(format!("the database is encoded in {encoding}; the store needs UTF8"));
    }
    if problems.is_empty() { Ok(()) } else { Err(StoreError::Invalid { problems }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_cannot_hold_the_rows_is_refused_with_every_reason() {
        for (version, encoding, problems) in [
            ("15.18 (Debian 15.18-0+deb12u1)", "UTF8", 0),
            ("18beta1", "SQL_ASCII", 0),
            ("who knows", "UTF8", 0),
            ("11.22", "UTF8", 1),
            ("9.6.24", "LATIN1", 2),
        ] {
            let found = match check(Some(version), Some(encoding)) {
                Ok(()) => 0,
                Err(StoreError::Invalid { problems }) => problems.len(),
                Err(error) => panic!("{error}"),
            };
            assert_eq!(found, problems, "{version} {encoding}");
        }
    }
}
