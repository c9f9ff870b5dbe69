use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::{
    delay::Delay,
    env::Env,
    error::{Error, ErrorKind},
};

/// Kafka: `retry.backoff.ms` and `retry.backoff.max.ms`.
pub(crate) const RETRY: Delay = Delay::new(Duration::from_millis(100), Duration::from_secs(1));

/// The attempts of one call: how many failed and when the time is up.
#[derive(Debug)]
pub(crate) struct Attempts {
    env: Env,
    what: &'static str,
    limit: Duration,
    deadline: Instant,
    failures: u32,
    maybe_applied: bool,
}

impl Attempts {
    /// Attempts at `what` within `limit` from now.
    pub(crate) fn new(env: &Env, what: &'static str, limit: Duration) -> Self {
        let deadline = Instant::now() + limit;
        Self { env: env.clone(), what, limit, deadline, failures: 0, maybe_applied: false }
    }

    /// The time that is left, at most `limit`.
    pub(crate) fn left(&self, limit: Duration) -> Duration {
        self.deadline.saturating_duration_since(Instant::now()).min(limit)
    }

    /// Waits before the next attempt.
    ///
    /// # Errors
    /// `error` if another attempt cannot help; a timeout caused by it when the time is up. Either says whether any
    /// attempt may have taken effect.
    pub(crate) async fn after(&mut self, error: Error) -> Result<(), Error> {
        self.maybe_applied |= error.maybe_applied();
        if !error.is_retriable() {
            return Err(error.with_maybe_applied(self.maybe_applied));
        }
        self.failures = self.failures.saturating_add(1);
        let next = Instant::now() + RETRY.after(self.failures, &self.env);
        if next >= self.deadline {
            let timeout = ErrorKind::Timeout { what: self.what.to_owned(), after: self.limit };
            return Err(Error::new(timeout).with_source(error).with_maybe_applied(self.maybe_applied));
        }
        tracing::debug!(what = self.what, %error, failures = self.failures, "another attempt follows");
        sleep_until(next).await;
        Ok(())
    }
}
