//! Why something was not accepted, and what its client is told.

use axum::http::StatusCode;
use ottla::{Error, delivery::StoreError, envelope};

use super::enrich::EnrichError;
use crate::http::Problem;

/// Why an order or a user was not accepted.
#[derive(Debug)]
pub(super) enum Refusal {
    /// It names what does not exist.
    Invalid(Vec<envelope::Problem>),
    /// Its id belongs to another order.
    OtherOrder,
    /// Nothing was published.
    NotPublished(String),
    /// It may be in the log.
    Unknown(String),
    /// A record of ours does not fit its own schema.
    Internal(String),
}

/// What was not accepted.
#[derive(Clone, Copy, Debug)]
pub(super) enum Subject<'a> {
    Order(&'a str),
    User(&'a str),
}

impl Refusal {
    /// 503 says that nothing has happened; 504 that nobody knows, and that the same id makes a repeat safe.
    pub(super) fn problem(self, subject: Subject<'_>) -> Problem {
        let (what, member, id) = match subject {
            Subject::Order(id) => ("order", "order_id", id),
            Subject::User(id) => ("user", "user_id", id),
        };
        let problem = match self {
            Self::Invalid(problems) => return Problem::invalid(&problems),
            Self::OtherOrder => {
                Problem::new(StatusCode::CONFLICT, "This order_id or Idempotency-Key belongs to another order.")
            }
            Self::NotPublished(reason) => {
                tracing::warn!(what, id, reason, "not published");
                let detail = format!("The {what} was not accepted; the same request may succeed later.");
                Problem::try_again(1, detail).with("maybe_applied", false)
            }
            Self::Unknown(reason) => {
                tracing::warn!(what, id, reason, "perhaps published");
                let detail = format!("The {what} may have been accepted. Repeat the request with this {member}.");
                Problem::new(StatusCode::GATEWAY_TIMEOUT, detail).with("maybe_applied", true)
            }
            Self::Internal(reason) => {
                tracing::error!(what, id, reason, "no record of ours");
                Problem::new(StatusCode::INTERNAL_SERVER_ERROR, format!("The {what} could not be written."))
            }
        };
        problem.with(member, id)
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Self::NotPublished(error.to_string())
    }
}

impl From<EnrichError> for Refusal {
    fn from(error: EnrichError) -> Self {
        match error {
            EnrichError::Invalid(problems) => Self::Invalid(problems),
            EnrichError::Store(error) => error.into(),
        }
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        if error.maybe_applied() { Self::Unknown(error.to_string()) } else { Self::NotPublished(error.to_string()) }
    }
}
