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
        let connection = self.agree(&by).await?;
        #[cfg(feature = "sasl")]
        if let Some(sasl) = &self.config.security.sasl {
            let what = || format!("{} authentication with {}", sasl.name(), self.broker);
            by.limit(what, connection.authenticate(sasl, self.env)).await?;
        }
        Ok(connection)
    }

    /// Opens one that only knows the versions: nobody is authenticated.
    ///
    /// # Errors
    /// As of [`run`](Self::run).
    pub(super) async fn without_sasl(&self) -> Result<Arc<Connection>, Error> {
        self.agree(&Deadline::after(self.config.connect_timeout)).await
    }

    async fn agree(&self, by: &Deadline) -> Result<Arc<Connection>, Error> {
        let broker = self.broker;
        let io = by.limit(|| format!("connecting to {broker}"), self.connect()).await?;
        #[cfg(feature = "tls")]
        let io = match &self.config.security.tls {
            Some(tls) => {
                let what = || format!("the TLS handshake with {broker}; does it speak TLS?");
                match by.limit(what, super::tls::handshake(tls, broker, io)).await {
                    Err(error) if matches!(error.kind(), ErrorKind::Connect { .. }) => {
                        return Err(by.known(self.wants_plaintext()).await.unwrap_or(error));
                    }
                    shaken => shaken?,
                }
            }
            None => io,
        };
        let what = || format!("agreeing on versions with {broker}; does it speak Kafka, and without TLS?");
        match by.limit(what, self.negotiate(io)).await {
            Err(error) if self.is_plaintext() && matches!(error.kind(), ErrorKind::Disconnected { .. }) => {
                Err(by.known(self.wants_tls()).await.unwrap_or(error))
            }
            agreed => agreed,
        }
    }

    fn is_plaintext(&self) -> bool {
        !self.config.security.is_encrypted()
    }

    pub(super) async fn connect(&self) -> Result<Io, Error> {
        let refused = || Error::new(ErrorKind::Connect { broker: self.broker.clone() });
        self.connector.connect(self.broker).await.map_err(|error| refused().with_source(error))
    }

    pub(super) async fn negotiate(&self, io: Io) -> Result<Arc<Connection>, Error> {
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

    /// What a second look shows, if there is time for one.
    async fn known(&self, look: impl Future<Output = Option<Error>>) -> Option<Error> {
        timeout_at(self.at, look).await.ok().flatten()
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
