//! How a connection comes about: a stream, TLS, the versions, SASL, all within the connect timeout.

use std::{sync::Arc, time::Duration};

use rskafka::messenger::Messenger;
use tokio::time::{Instant, timeout_at};

use super::{
    ConnectionKind, NetworkConfig,
    connection::Connection,
    ending::{Ending, Fault},
    negotiate::negotiate,
    stream::Stream,
};
use crate::{
    connector::{BrokerAddr, Connector, Io},
    env::Env,
    error::{Error, ErrorKind},
};

/// What opening a connection takes.
pub(super) struct Opening<'a> {
    pub(super) broker: &'a BrokerAddr,
    pub(super) kind: ConnectionKind,
    pub(super) config: &'a NetworkConfig,
    pub(super) connector: &'a dyn Connector,
    #[cfg_attr(not(feature = "sasl"), allow(dead_code, reason = "only an authentication hashes"))]
    pub(super) env: &'a Env,
}

impl Opening<'_> {
    /// Opens the connection.
    ///
    /// # Errors
    /// What failed, and at which step; nothing that a caller wants was sent.
    pub(super) async fn run(self) -> Result<Arc<Connection>, Error> {
        let by = Deadline::after(self.config.connect_timeout);
        let broker = self.broker;
        let io = by.limit(|| format!("connecting to {broker}"), self.connect()).await?;
        #[cfg(feature = "tls")]
        let io = match &self.config.security.tls {
            Some(tls) => {
                let what = || format!("the TLS handshake with {broker}; does it speak TLS?");
                by.limit(what, super::tls::handshake(tls, broker, io)).await?
            }
            None => io,
        };
        let what = || format!("agreeing on versions with {broker}; does it speak Kafka, and without TLS?");
        let connection = by.limit(what, self.negotiate(io)).await?;
        #[cfg(feature = "sasl")]
        if let Some(sasl) = &self.config.security.sasl {
            let what = || format!("{} authentication with {broker}", sasl.name());
            by.limit(what, connection.authenticate(sasl, self.env)).await?;
        }
        Ok(connection)
    }

    async fn connect(&self) -> Result<Io, Error> {
        let refused = || Error::new(ErrorKind::Connect { broker: self.broker.clone() });
        self.connector.connect(self.broker).await.map_err(|error| refused().with_source(error))
    }

    async fn negotiate(&self, io: Io) -> Result<Arc<Connection>, Error> {
        let answer_bytes_max = self.kind.answer_bytes_max(self.config.fetch_answer_bytes_max);
        let (stream, kill, gate) = Stream::new(io, answer_bytes_max);
        let mut messenger = Messenger::new(stream, answer_bytes_max, self.config.client_id.as_str().into());
        match negotiate(&mut messenger).await {
            Ok(versions) => Ok(Arc::new(Connection::new(self.broker.clone(), messenger, versions, kill, gate))),
            Err(error) => {
                let ending = kill.ending();
                let unknown = || Ending::new(Fault::NotKafka, format!("no version in common: {error}"));
                Err(ending.unwrap_or_else(unknown).error(self.broker))
            }
        }
    }
}

/// The end of all steps together.
struct Deadline {
    at: Instant,
    limit: Duration,
}

impl Deadline {
    fn after(limit: Duration) -> Self {
        Self { at: Instant::now() + limit, limit }
    }

    async fn limit<T>(
        &self,
        what: impl FnOnce() -> String,
        step: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        timeout_at(self.at, step)
            .await
            .unwrap_or_else(|_| Err(Error::new(ErrorKind::Timeout { what: what(), after: self.limit })))
    }
}
