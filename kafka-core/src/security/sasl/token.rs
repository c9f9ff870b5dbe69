use std::{error::Error, fmt};

use crate::{env::BoxFuture, security::Secret};

/// Gives OAUTHBEARER tokens. Asked whenever one is needed, so it caches and renews as it likes; it must answer within
/// the connect timeout. Kafka: `sasl.login.callback.handler.class`.
pub trait TokenProvider: fmt::Debug + Send + Sync {
    /// A token that is valid now.
    ///
    /// # Errors
    /// Whatever keeps it from having one; the connection is tried again later. The text must not hold the token.
    fn token(&self) -> BoxFuture<'_, Result<Secret, Box<dyn Error + Send + Sync>>>;
}

/// The same token always.
pub(super) struct FixedToken(pub(super) Secret);

impl TokenProvider for FixedToken {
    fn token(&self) -> BoxFuture<'_, Result<Secret, Box<dyn Error + Send + Sync>>> {
        Box::pin(std::future::ready(Ok(self.0.clone())))
    }
}

impl fmt::Debug for FixedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FixedToken")
    }
}
