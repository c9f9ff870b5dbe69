//! One authentication, message by message.

use std::error::Error;

use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD as BASE64};
use zeroize::Zeroizing;

use super::{
    Mechanism, Sasl,
    salted::Salted,
    scram::{Begun, Challenged, Proved, ScramHash},
};
use crate::{env::Env, security::Secret};

/// Bytes that prove who we are, overwritten after use.
pub(crate) type Proof = Zeroizing<Vec<u8>>;

/// Why an authentication ends.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// The broker refuses us, or we it.
    Final(String),
    /// There is no token now.
    NoToken(Box<dyn Error + Send + Sync>),
}

impl From<String> for Refusal {
    fn from(detail: String) -> Self {
        Self::Final(detail)
    }
}

/// An authentication under way.
pub(crate) struct Exchange {
    state: State,
    /// What must not come back to us in a broker's words.
    secret: Secret,
}

enum State {
    Plain,
    Token,
    /// The broker has refused the token, and says why.
    TokenRefused(String),
    Scram {
        begun: Begun,
        hash: ScramHash,
        salted: Salted,
    },
    Proved(Proved),
    Over,
}

impl Sasl {
    /// Begins an authentication: what to send first.
    pub(crate) async fn begin(&self) -> Result<(Exchange, Proof), Refusal> {
        match &self.mechanism {
            Mechanism::Plain { user, password } => {
                let message = Zeroizing::new(format!("\0{user}\0{}", password.expose()).into_bytes());
                Ok((Exchange { state: State::Plain, secret: password.clone() }, message))
            }
            Mechanism::Scram { hash, user, password, salted } => {
                let begun = Begun::new(*hash, user, nonce()?);
                let message = Zeroizing::new(begun.message().into_bytes());
                let state = State::Scram { begun, hash: *hash, salted: salted.clone() };
                Ok((Exchange { state, secret: password.clone() }, message))
            }
            Mechanism::OAuthBearer { provider } => {
                let token = provider.token().await.map_err(Refusal::NoToken)?;
                if token.expose().is_empty() || !token.expose().bytes().all(|byte| byte.is_ascii_graphic()) {
                    return Err(Refusal::Final("the token is not one of RFC 6750".to_owned()));
                }
                let message = format!("n,,\x01auth=Bearer {}\x01\x01", token.expose());
                Ok((Exchange { state: State::Token, secret: token }, Zeroizing::new(message.into_bytes())))
            }
        }
    }
}

impl Exchange {
    /// What to send after the broker's `answer`; `None` when both are content.
    ///
    /// # Cancel safety
    /// The exchange is over if this is dropped.
    pub(crate) async fn answer(&mut self, env: &Env, answer: &[u8]) -> Result<Option<Proof>, Refusal> {
        match std::mem::replace(&mut self.state, State::Over) {
            State::Plain => Ok(None),
            State::Token if answer.is_empty() => Ok(None),
            State::Token => {
                self.state = State::TokenRefused(self.without_secret(&String::from_utf8_lossy(answer)));
                // RFC 7628 §3.2.3: the broker fails the exchange only when it has been answered.
                Ok(Some(Zeroizing::new(vec![1])))
            }
            State::TokenRefused(why) => Err(Refusal::Final(why)),
            State::Scram { begun, hash, salted } => {
                let challenged = begun.challenged(answer)?;
                let salted = self.salted(env, &challenged, hash, &salted).await?;
                let (message, proved) = challenged.proved(&salted);
                self.state = State::Proved(proved);
                Ok(Some(Zeroizing::new(message.into_bytes())))
            }
            State::Proved(proved) => {
                proved.complete(answer)?;
                Ok(None)
            }
            State::Over => Err(Refusal::Final("it goes on after the end".to_owned())),
        }
    }

    /// The broker ended the exchange with an error: what it says, without the secret.
    pub(crate) fn refused(&self, message: &str) -> String {
        match &self.state {
            State::TokenRefused(why) if message.is_empty() => why.clone(),
            _ => self.without_secret(message),
        }
    }

    /// A hash of minutes would stop every connection of this thread: it is done elsewhere, and once per salt.
    async fn salted(
        &self,
        env: &Env,
        challenged: &Challenged,
        hash: ScramHash,
        known: &Salted,
    ) -> Result<Proof, Refusal> {
        if let Some(key) = known.get(&challenged.salt, challenged.iterations) {
            return Ok(key);
        }
        let (password, salt, iterations) = (self.secret.clone(), challenged.salt.clone(), challenged.iterations);
        let work = move || hash.salted(password.expose().as_bytes(), &salt, iterations);
        let key = env.run_blocking(work).await.ok_or_else(|| "hashing the password failed".to_owned())?;
        known.keep(&challenged.salt, challenged.iterations, key.clone());
        Ok(key)
    }

    /// A broker's words as they may stand in an error: a hostile one sends back what it was sent.
    fn without_secret(&self, text: &str) -> String {
        const SHOWN: usize = 500;
        let text = text.replace(self.secret.expose(), "(secret)");
        let shown: String = text.chars().take(SHOWN).collect();
        shown.escape_debug().to_string().replace("\\\"", "\"")
    }
}

/// RFC 5802 wants it unpredictable: the operating system's, never a test's.
fn nonce() -> Result<String, Refusal> {
    let mut bytes = [0; 24];
    getrandom::fill(&mut bytes).map_err(|error| format!("there is no randomness: {error}"))?;
    Ok(BASE64.encode(bytes))
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    use super::*;
    use crate::env::{BoxFuture, Clock, Rng, Spawner};

    /// Neither time nor randomness is asked for.
    #[derive(Debug)]
    struct Still;

    impl Clock for Still {
        fn now_ms(&self) -> i64 {
            0
        }
    }

    impl Rng for Still {
        fn fill(&self, _: &mut [u8]) {}
    }

    fn text(proof: &Proof) -> &str {
        std::str::from_utf8(proof).expect("text")
    }

    #[tokio::test]
    async fn plain_sends_user_and_password_once() {
        let (mut exchange, first) = Sasl::plain("me", Secret::new("pencil")).begin().await.expect("a beginning");
        assert_eq!(text(&first), "\0me\0pencil");
        assert!(matches!(exchange.answer(&Env::system(), b"").await, Ok(None)));
        assert!(exchange.answer(&Env::system(), b"").await.is_err());
    }

    #[tokio::test]
    async fn a_refused_token_is_not_in_the_error() {
        let sasl = Sasl::oauthbearer_token(Secret::new("canary-token"));
        let (mut exchange, first) = sasl.begin().await.expect("a beginning");
        assert_eq!(text(&first), "n,,\x01auth=Bearer canary-token\x01\x01");
        let why = br#"{"status":"invalid_token","echo":"canary-token"}"#;
        let second = exchange.answer(&Env::system(), why).await.expect("an answer").expect("a message");
        assert_eq!(*second, [1]);
        assert_eq!(exchange.refused("no: canary-token"), "no: (secret)");
        assert_eq!(exchange.refused(""), r#"{"status":"invalid_token","echo":"(secret)"}"#);
    }

    #[tokio::test]
    async fn a_token_that_would_break_the_message_is_not_sent() {
        for token in ["", "a b", "a\x01b", "a\nb"] {
            let begun = Sasl::oauthbearer_token(Secret::new(token)).begin().await;
            assert!(matches!(begun, Err(Refusal::Final(_))), "{token:?}");
        }
    }

    #[tokio::test]
    async fn the_password_is_hashed_once_per_salt_and_off_the_event_loop() {
        let sasl = Sasl::scram_sha_256("me", Secret::new("pencil"));
        let work = Arc::new(CountedWork::default());
        let env = work.env();
        for (salt, hashed) in [("W22Z", 1), ("W22Z", 1), ("AAAA", 2)] {
            let (mut exchange, first) = sasl.begin().await.expect("a beginning");
            let nonce = text(&first).rsplit_once("r=").expect("a nonce").1.to_owned();
            let challenge = format!("r={nonce}server,s={salt},i=4096");
            let proof = exchange.answer(&env, challenge.as_bytes()).await.expect("a proof").expect("a message");
            assert!(text(&proof).starts_with(&format!("c=biws,r={nonce}server,p=")));
            assert_eq!(work.done(), hashed);
            assert!(exchange.answer(&env, b"v=AAAA").await.is_err(), "a wrong signature");
        }
    }

    #[derive(Debug, Default)]
    struct CountedWork(AtomicUsize);

    impl CountedWork {
        fn env(self: &Arc<Self>) -> Env {
            Env::new(Arc::new(Still), Arc::new(Still), Arc::clone(self) as Arc<dyn Spawner>)
        }

        fn done(&self) -> usize {
            self.0.load(Ordering::SeqCst)
        }
    }

    #[allow(clippy::disallowed_methods, reason = "a spawner of the test's own")]
    impl Spawner for CountedWork {
        fn spawn(&self, _: &'static str, future: BoxFuture<'static, ()>) -> tokio::task::JoinHandle<()> {
            tokio::spawn(future)
        }

        fn spawn_blocking(&self, work: Box<dyn FnOnce() + Send>) -> tokio::task::JoinHandle<()> {
            self.0.fetch_add(1, Ordering::SeqCst);
            tokio::task::spawn_blocking(work)
        }
    }
}
