//! TLS by rustls, with a provider of cryptography that can be exchanged.

mod builder;
mod cpu;
mod fault;
mod material;

pub use builder::TlsBuilder;
pub(crate) use fault::tls_fault;

use std::{fmt, sync::Arc};

use rustls::ClientConfig;

/// How brokers are recognised, and how we are, over TLS 1.2 or 1.3. Cloning shares it.
///
/// A broker's certificate must be issued by one of the roots and be valid for the host that the connection goes to:
/// the name in `bootstrap.servers`, or the one that the broker advertises. There is no switch to turn that off.
/// Kafka: `security.protocol=SSL`, `ssl.endpoint.identification.algorithm=https`.
#[derive(Clone)]
pub struct Tls {
    config: Arc<ClientConfig>,
}

impl Tls {
    /// Starts with the system's roots, no certificate of ours, and rustls-graviola.
    pub fn builder() -> TlsBuilder {
        TlsBuilder::default()
    }

    /// What rustls needs for a handshake.
    pub(crate) fn config(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.config)
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls")
    }
}
