//! SASL over Kafka's own requests: SaslHandshake, then SaslAuthenticate (KIP-43, KIP-152), and again before the
//! broker ends the session (KIP-368).

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use kafka_protocol::{
    messages::{SaslAuthenticateRequest, SaslHandshakeRequest},
    protocol::StrBytes,
};
use tokio::time::{Instant, timeout};

use super::connection::Connection;
use crate::{
    env::{Env, Task},
    error::{Error, ErrorKind},
    protocol::{Api, ErrorCode},
    security::{Exchange, Refusal, Sasl},
};

/// Messages of one exchange; SCRAM and a refused token take three.
const MESSAGES_MAX: usize = 4;
/// What may be ahead of a re-authentication: a broker holds requests, and answers in order.
const LIMIT: Duration = Duration::from_secs(60);

/// A session that the broker ends, unless we prove again who we are.
#[derive(Debug, Default)]
pub(super) struct Session {
    due: Mutex<Option<Due>>,
    /// The last renewal; it ends with its connection.
    renewal: Mutex<Option<Task>>,
}

/// What is to be proved again, and when.
#[derive(Debug)]
struct Due {
    at: Instant,
    sasl: Sasl,
    env: Env,
}

/// When to prove it again. Java's clients use 85 to 95 % of the lifetime; what waits in a busy broker's queue for
/// longer than the rest would end the connection, so we begin at 70 to 80 %, each connection at its own time.
fn renew_after(lifetime: Duration, env: &Env) -> Duration {
    let percent = u32::try_from(env.random_u64() % 11).unwrap_or(0).saturating_add(70);
    (lifetime / 100).saturating_mul(percent)
}

impl Session {
    fn due<T>(&self, look: impl FnOnce(&mut Option<Due>) -> T) -> T {
        look(&mut self.due.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Connection {
    /// Proves who we are, the first time.
    ///
    /// # Errors
    /// The broker refuses us, we refuse it, or the connection ended.
    pub(super) async fn authenticate(self: &Arc<Self>, sasl: &Sasl, env: &Env) -> Result<(), Error> {
        let begun = Instant::now();
        let lifetime = self.prove(sasl, env).await?;
        if !lifetime.is_zero() {
            let at = begun + renew_after(lifetime, env);
            self.session().due(|due| *due = Some(Due { at, sasl: sasl.clone(), env: env.clone() }));
        }
        Ok(())
    }

    /// Begins to prove it again if it is time. What is written from now on waits until that is done.
    pub(super) fn renew_if_due(self: &Arc<Self>) {
        let Some(Due { sasl, env, .. }) = self.session().due(|due| due.take_if(|due| due.at <= Instant::now())) else {
            return;
        };
        self.close_gate();
        let connection = Arc::clone(self);
        let renewal = env.clone().spawn("re-authentication", async move {
            match timeout(LIMIT, connection.authenticate(&sasl, &env)).await {
                Ok(Ok(())) => {
                    tracing::debug!(broker = %connection.broker(), "authenticated again");
                    connection.open_gate();
                }
                Ok(Err(error)) => connection.end(&format!("authenticating again failed: {error}")),
                Err(_) => connection.end(&format!("authenticating again took longer than {LIMIT:?}")),
            }
        });
        *self.session().renewal.lock().unwrap_or_else(PoisonError::into_inner) = Some(renewal);
    }

    /// One exchange; how long the session lasts, zero for ever.
    async fn prove(&self, sasl: &Sasl, env: &Env) -> Result<Duration, Error> {
        self.agree_on_mechanism(sasl).await?;
        let (mut exchange, mut message) = sasl.begin().await.map_err(|refusal| self.refusal(sasl, refusal))?;
        for _ in 0..MESSAGES_MAX {
            let request = SaslAuthenticateRequest::default().with_auth_bytes(Bytes::from_owner(message));
            let answer = self.ask(&request).await?;
            if answer.error_code != ErrorCode::NONE.0 {
                let said = answer.error_message.as_ref().map(StrBytes::as_str).unwrap_or_default();
                return Err(self.refused(sasl, &exchange, ErrorCode(answer.error_code), said));
            }
            match exchange.answer(env, &answer.auth_bytes).await.map_err(|refusal| self.refusal(sasl, refusal))? {
                Some(next) => message = next,
                None => {
                    let lifetime_ms = u64::try_from(answer.session_lifetime_ms).unwrap_or(0);
                    return Ok(Duration::from_millis(lifetime_ms));
                }
            }
        }
        Err(self.unauthenticated(sasl, "the exchange does not end".to_owned()))
    }

    async fn agree_on_mechanism(&self, sasl: &Sasl) -> Result<(), Error> {
        let request = SaslHandshakeRequest::default().with_mechanism(StrBytes::from_static_str(sasl.name()));
        let answer = self.ask(&request).await?;
        if answer.error_code == ErrorCode::NONE.0 {
            return Ok(());
        }
        let offered: Vec<String> =
            answer.mechanisms.iter().take(20).map(|mechanism| mechanism.escape_debug().to_string()).collect();
        let code = ErrorCode(answer.error_code);
        if code == ErrorCode::ILLEGAL_SASL_STATE {
            let detail = "this listener is without SASL; leave it out (security.protocol PLAINTEXT or SSL)";
            return Err(self.unauthenticated(sasl, detail.to_owned()));
        }
        Err(self.unauthenticated(sasl, format!("it answers {code} and offers {}", offered.join(", "))))
    }

    /// A request of the exchange itself: it passes the closed gate. The caller bounds the time.
    async fn ask<A: Api>(&self, request: &A) -> Result<A::Answer, Error> {
        self.request(request, true).await
    }

    fn refused(&self, sasl: &Sasl, exchange: &Exchange, code: ErrorCode, said: &str) -> Error {
        let said = exchange.refused(said);
        let detail = if said.is_empty() { code.to_string() } else { format!("{code}: {said}") };
        self.unauthenticated(sasl, detail)
    }

    fn refusal(&self, sasl: &Sasl, refusal: Refusal) -> Error {
        match refusal {
            Refusal::Final(detail) => self.unauthenticated(sasl, detail),
            // The provider may have a token later.
            Refusal::NoToken(error) => {
                Error::new(ErrorKind::Connect { broker: self.broker().clone() }).with_source(error)
            }
        }
    }

    fn unauthenticated(&self, sasl: &Sasl, detail: String) -> Error {
        let (broker, mechanism) = (self.broker().clone(), sasl.name());
        Error::new(ErrorKind::Authentication { broker, mechanism, detail })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_renewed_well_before_its_end() {
        let env = Env::system();
        for lifetime_ms in [3_000, 3_600_000] {
            for _ in 0..100 {
                let after = renew_after(Duration::from_millis(lifetime_ms), &env).as_millis();
                let lifetime = u128::from(lifetime_ms);
                assert!((lifetime * 7 / 10..=lifetime * 8 / 10).contains(&after), "{after} of {lifetime}");
            }
        }
    }
}
