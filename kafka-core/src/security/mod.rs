//! Whom a connection trusts and who it says it is: TLS, SASL and the secrets of both. `network` moves their bytes.

#[cfg(feature = "sasl")]
mod sasl;
#[cfg(any(feature = "sasl", feature = "tls"))]
mod secret;
#[cfg(feature = "tls")]
mod tls;

#[cfg(feature = "fuzzing")]
pub(crate) use sasl::fuzzed_scram;
#[cfg(feature = "sasl")]
pub(crate) use sasl::{Exchange, Refusal};
#[cfg(feature = "sasl")]
pub use sasl::{Sasl, TokenProvider};
#[cfg(any(feature = "sasl", feature = "tls"))]
pub use secret::Secret;
#[cfg(feature = "tls")]
pub(crate) use tls::tls_fault;
#[cfg(feature = "tls")]
pub use tls::{Tls, TlsBuilder};

/// How connections are secured; neither is plaintext without authentication.
#[derive(Clone, Debug, Default)]
pub(crate) struct Security {
    /// Kafka: `security.protocol` `SSL` or `SASL_SSL`.
    #[cfg(feature = "tls")]
    pub(crate) tls: Option<Tls>,
    /// Kafka: `security.protocol` `SASL_PLAINTEXT` or `SASL_SSL`.
    #[cfg(feature = "sasl")]
    pub(crate) sasl: Option<Sasl>,
}

impl Security {
    /// What must not be configured together.
    pub(crate) fn problem(&self) -> Option<&'static str> {
        #[cfg(feature = "sasl")]
        if let Some(sasl) = &self.sasl {
            return sasl.problem(self.is_encrypted());
        }
        None
    }

    /// Whether connections speak TLS.
    pub(crate) fn is_encrypted(&self) -> bool {
        #[cfg(feature = "tls")]
        return self.tls.is_some();
        #[cfg(not(feature = "tls"))]
        return false;
    }

    /// Whether connections prove who we are.
    pub(crate) fn is_authenticated(&self) -> bool {
        #[cfg(feature = "sasl")]
        return self.sasl.is_some();
        #[cfg(not(feature = "sasl"))]
        return false;
    }
}
