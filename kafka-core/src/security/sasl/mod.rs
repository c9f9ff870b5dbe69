//! SASL's mechanisms as Kafka speaks them (KIP-12, KIP-43, KIP-84, KIP-152, KIP-255).

mod exchange;
mod salted;
mod scram;
mod token;

pub(crate) use exchange::{Exchange, Refusal};
#[cfg(feature = "fuzzing")]
pub(crate) use scram::fuzzed as fuzzed_scram;
pub use token::TokenProvider;

use std::{fmt, sync::Arc};

use salted::Salted;
use scram::ScramHash;
use token::FixedToken;

use super::secret::Secret;

/// Who we are, and how that is proved. Cloning shares it. Kafka: `sasl.mechanism`, `sasl.jaas.config`.
#[derive(Clone)]
pub struct Sasl {
    mechanism: Mechanism,
    allow_plaintext: bool,
}

/// How it is proved.
#[derive(Clone)]
enum Mechanism {
    Plain { user: Arc<str>, password: Secret },
    Scram { hash: ScramHash, user: Arc<str>, password: Secret, salted: Salted },
    OAuthBearer { provider: Arc<dyn TokenProvider> },
}

impl Sasl {
    /// PLAIN: the password itself goes to the broker, so TLS is needed, or [`Sasl::allow_plaintext`].
    pub fn plain(user: impl Into<Arc<str>>, password: Secret) -> Self {
        Self::new(Mechanism::Plain { user: user.into(), password })
    }

    /// SCRAM-SHA-256: the password is proved, not sent, and the broker proves that it knows it.
    pub fn scram_sha_256(user: impl Into<Arc<str>>, password: Secret) -> Self {
        Self::scram(ScramHash::Sha256, user.into(), password)
    }

    /// SCRAM-SHA-512.
    pub fn scram_sha_512(user: impl Into<Arc<str>>, password: Secret) -> Self {
        Self::scram(ScramHash::Sha512, user.into(), password)
    }

    /// OAUTHBEARER with tokens from `provider`, asked for each connection and each re-authentication (KIP-255). The
    /// token itself goes to the broker, so TLS is needed, or [`Sasl::allow_plaintext`].
    pub fn oauthbearer(provider: Arc<dyn TokenProvider>) -> Self {
        Self::new(Mechanism::OAuthBearer { provider })
    }

    /// OAUTHBEARER with one token. When it expires, brokers end the session.
    pub fn oauthbearer_token(token: Secret) -> Self {
        Self::oauthbearer(Arc::new(FixedToken(token)))
    }

    /// Sends a password or token even over a connection that is not encrypted by [`Tls`](crate::Tls): for test
    /// brokers, and for connectors that encrypt by themselves.
    #[must_use]
    pub fn allow_plaintext(mut self) -> Self {
        self.allow_plaintext = true;
        self
    }

    fn scram(hash: ScramHash, user: Arc<str>, password: Secret) -> Self {
        Self::new(Mechanism::Scram { hash, user, password, salted: Salted::default() })
    }

    fn new(mechanism: Mechanism) -> Self {
        Self { mechanism, allow_plaintext: false }
    }

    /// The mechanism's registered name.
    pub(crate) fn name(&self) -> &'static str {
        match &self.mechanism {
            Mechanism::Plain { .. } => "PLAIN",
            Mechanism::Scram { hash: ScramHash::Sha256, .. } => "SCRAM-SHA-256",
            Mechanism::Scram { hash: ScramHash::Sha512, .. } => "SCRAM-SHA-512",
            Mechanism::OAuthBearer { .. } => "OAUTHBEARER",
        }
    }

    /// What is wrong with it, over connections that are encrypted or not.
    pub(crate) fn problem(&self, encrypted: bool) -> Option<&'static str> {
        match &self.mechanism {
            Mechanism::Plain { user, password } | Mechanism::Scram { user, password, .. } => {
                if user.is_empty() || password.expose().is_empty() {
                    return Some("SASL needs a user and a password");
                }
                if user.contains('\0') || password.expose().contains('\0') {
                    return Some("a SASL user or password contains a NUL");
                }
            }
            Mechanism::OAuthBearer { .. } => {}
        }
        match &self.mechanism {
            Mechanism::Scram { .. } => None,
            _ if encrypted || self.allow_plaintext => None,
            Mechanism::Plain { .. } => {
                Some("SASL PLAIN would send the password unencrypted: add TLS, or Sasl::allow_plaintext")
            }
            Mechanism::OAuthBearer { .. } => {
                Some("SASL OAUTHBEARER would send the token unencrypted: add TLS, or Sasl::allow_plaintext")
            }
        }
    }
}

impl fmt::Debug for Sasl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sasl").field("mechanism", &self.name()).finish_non_exhaustive()
    }
}
