//! What a service writes: a handler, and what it says when it fails.

use std::{borrow::Cow, fmt, future::Future, time::Duration};

use crate::context::Context;

/// Handles events of type `E`. Closures `Fn(E, Context) -> impl Future` are handlers.
///
/// ```
/// use ottla_delivery::{Context, Handler, HandlerError};
///
/// struct Greet;
///
/// impl Handler<String> for Greet {
///     async fn handle(&self, name: String, cx: Context) -> Result<(), HandlerError> {
///         if name.is_empty() {
///             return Err(HandlerError::reject("nobody to greet"));
///         }
///         cx.publish("greetings", cx.key().cloned(), Some(format!("hello {name}").into()), Vec::new())?;
///         Ok(())
///     }
/// }
/// ```
///
/// A record may be handled more than once (after a crash, a rebalance or a lost commit), so a handler is idempotent;
/// a row that [`Context::store`] puts under the event's id makes it so.
pub trait Handler<E>: Send + Sync + 'static {
    /// Handles one event; `Ok` settles its record once everything it published and stored is safe.
    ///
    /// # Errors
    /// A [`HandlerError`] decides what becomes of the record: another attempt, the dead letter topic, or a stop.
    ///
    /// # Cancel safety
    /// The future is dropped when `handler.timeout` passes or the partition is lost; nothing it collected is applied.
    fn handle(&self, event: E, cx: Context) -> impl Future<Output = Result<(), HandlerError>> + Send;
}

impl<E, F, Fut> Handler<E> for F
where
    F: Fn(E, Context) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<(), HandlerError>> + Send,
{
    fn handle(&self, event: E, cx: Context) -> impl Future<Output = Result<(), HandlerError>> + Send {
        self(event, cx)
    }
}

/// What a handler says about a record it did not handle.
///
/// Every `std::error::Error` becomes [`Retry`](Self::Retry) with `?`: what is not known to be hopeless is tried again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HandlerError {
    /// Another attempt may help; the [`RetryPolicy`](crate::RetryPolicy) decides whether there is one.
    Retry {
        /// How long to wait at least, if the handler knows; bounded by the policy's longest wait.
        after: Option<Duration>,
        /// The class whose schedule counts; [`ErrorClass::HANDLER`] by default.
        class: ErrorClass,
        /// What happened.
        error: String,
    },
    /// No attempt will help: the record goes to the dead letter topic now.
    Reject {
        /// Why.
        error: String,
    },
    /// The service cannot go on: the record stays where it is, and the worker ends with this error.
    Fatal {
        /// Why.
        error: String,
    },
}

impl HandlerError {
    /// Another attempt may help.
    pub fn retry(error: impl fmt::Display) -> Self {
        Self::Retry { after: None, class: ErrorClass::HANDLER, error: error.to_string() }
    }

    /// Another attempt may help, but not before `after`.
    pub fn retry_after(after: Duration, error: impl fmt::Display) -> Self {
        Self::Retry { after: Some(after), class: ErrorClass::HANDLER, error: error.to_string() }
    }

    /// No attempt will help.
    pub fn reject(error: impl fmt::Display) -> Self {
        Self::Reject { error: error.to_string() }
    }

    /// The service cannot go on.
    pub fn fatal(error: impl fmt::Display) -> Self {
        Self::Fatal { error: error.to_string() }
    }

    /// The same error, to be retried by the schedule of `class`; changes nothing on the other kinds.
    #[must_use]
    pub fn of_class(self, class: impl Into<ErrorClass>) -> Self {
        match self {
            Self::Retry { after, error, .. } => Self::Retry { after, class: class.into(), error },
            other => other,
        }
    }
}

impl fmt::Display for HandlerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Retry { error, .. } | Self::Reject { error } | Self::Fatal { error } => f.write_str(error),
        }
    }
}

impl<E: std::error::Error> From<E> for HandlerError {
    fn from(error: E) -> Self {
        // The whole chain: the outermost text alone ("error sending request") rarely says what is wrong.
        let mut text = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            text = format!("{text}: {cause}");
            source = cause.source();
        }
        Self::retry(text)
    }
}

/// The kind of a failure: picks the retry schedule and stands in the dead letter's `ottla-dlq-error-kind`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ErrorClass(Cow<'static, str>);

impl ErrorClass {
    /// The handler asked for another attempt.
    pub const HANDLER: Self = Self(Cow::Borrowed("handler"));
    /// The attempt took longer than `handler.timeout`.
    pub const TIMEOUT: Self = Self(Cow::Borrowed("timeout"));
    /// The handler panicked.
    pub const PANIC: Self = Self(Cow::Borrowed("panic"));
    /// The unit of work met a conflict on every rerun.
    pub const CONFLICT: Self = Self(Cow::Borrowed("conflict"));
    /// What the handler published was refused for good, as a record that is too large.
    pub const PUBLISH: Self = Self(Cow::Borrowed("publish"));
    /// The store can never do what the handler wanted, as with a key that is too long for its index. Never retried.
    pub const STORE: Self = Self(Cow::Borrowed("store"));
    /// The handler rejected the record. Never retried.
    pub const REJECTED: Self = Self(Cow::Borrowed("rejected"));
    /// The record could not be decoded. Never retried.
    pub const UNDECODABLE: Self = Self(Cow::Borrowed("undecodable"));

    /// The name, as it stands in headers and metrics.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether another attempt can change the outcome at all.
    pub fn is_retriable(&self) -> bool {
        ![Self::UNDECODABLE, Self::REJECTED, Self::STORE].contains(self)
    }
}

impl From<&'static str> for ErrorClass {
    fn from(name: &'static str) -> Self {
        Self(Cow::Borrowed(name))
    }
}

impl fmt::Display for ErrorClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Outer(std::num::ParseIntError);

    impl fmt::Display for Outer {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("no quantity")
        }
    }

    impl std::error::Error for Outer {
        fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
            Some(&self.0)
        }
    }

    #[test]
    fn a_question_mark_keeps_the_whole_chain_and_asks_for_a_retry() {
        fn fails() -> Result<(), HandlerError> {
            Err(Outer("x".parse::<i32>().expect_err("not a number")))?;
            Ok(())
        }
        assert_eq!(fails(), Err(HandlerError::retry("no quantity: invalid digit found in string")));
    }

    #[test]
    fn a_class_is_of_retries_only() {
        let retry = HandlerError::retry("stock").of_class("inventory");
        assert!(matches!(retry, HandlerError::Retry { class, .. } if class.as_str() == "inventory"));
        assert_eq!(HandlerError::reject("no").of_class("inventory"), HandlerError::reject("no"));
    }
}
