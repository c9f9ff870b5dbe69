//! The broker as its owner sees it.

use std::{fmt, io, sync::Arc};

use ottla_kafka_core::{BoxFuture, BrokerAddr, Connector, Io};

use crate::{
    builder::{EmbeddedBrokerBuilder, StartError},
    faults::Faults,
    server::Server,
};

/// What an in-memory connection holds in each direction before the writer waits, in bytes.
const PIPE: usize = 256 * 1024;

/// A Kafka broker in this process. Dropping it ends it; its records are gone then.
#[derive(Debug)]
pub struct EmbeddedBroker {
    server: Arc<Server>,
}

impl EmbeddedBroker {
    /// Settings for a broker.
    pub fn builder() -> EmbeddedBrokerBuilder {
        EmbeddedBrokerBuilder::default()
    }

    pub(crate) fn new(server: Arc<Server>) -> Self {
        tracing::info!(
            addr = %server.node().addr(),
            "embedded broker: one node, records in memory only, no replication, no transactions, no authentication; \
             not Apache Kafka"
        );
        Self { server }
    }

    /// Where it listens; for a broker without a listener, the address its connector answers to.
    pub fn addr(&self) -> BrokerAddr {
        self.server.node().addr().clone()
    }

    /// Connections to this broker through memory instead of TCP.
    pub fn connector(&self) -> Arc<dyn Connector> {
        Arc::new(MemoryConnector(Arc::clone(&self.server)))
    }

    /// The faults to be made.
    pub fn faults(&self) -> Faults {
        self.server.node().faults().clone()
    }

    /// Closes every connection at once, as a crash does, and refuses new ones. What was appended or committed stays,
    /// whether or not a client was told.
    ///
    /// # Cancel safety
    /// Connections close even if it is dropped; they may then still be closing.
    pub async fn kill(&self) {
        self.server.shut_down().await;
    }

    /// Serves again on the same address, with what it had, as a leader of a new epoch.
    ///
    /// # Errors
    /// If the address cannot be listened on.
    ///
    /// # Cancel safety
    /// If it is dropped, the broker is down.
    pub async fn restart(&self) -> Result<(), StartError> {
        self.kill().await;
        let listener = self.server.listen_again().await;
        let listener = listener.map_err(|source| StartError::Listen { addr: self.addr().to_string(), source })?;
        self.server.node().resume();
        self.server.serve(listener);
        Ok(())
    }

    /// Ends the broker and waits for its tasks.
    ///
    /// # Cancel safety
    /// The broker ends even if it is dropped.
    pub async fn stop(self) {
        self.kill().await;
    }
}

impl Drop for EmbeddedBroker {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// Connects through memory, to one broker only.
struct MemoryConnector(Arc<Server>);

impl fmt::Debug for MemoryConnector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("MemoryConnector").field(self.0.node().addr()).finish()
    }
}

impl Connector for MemoryConnector {
    fn connect<'a>(&'a self, addr: &'a BrokerAddr) -> BoxFuture<'a, io::Result<Io>> {
        Box::pin(async move {
            if addr != self.0.node().addr() {
                let why = format!("nothing listens on {addr} in this process");
                return Err(io::Error::new(io::ErrorKind::ConnectionRefused, why));
            }
            let (ours, theirs) = tokio::io::duplex(PIPE);
            self.0.open(Box::new(theirs), "memory".to_owned())?;
            Ok(Box::new(ours) as Io)
        })
    }
}
