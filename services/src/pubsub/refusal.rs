//! What a client is told when its order was not accepted.

use axum::http::StatusCode;
use uuid::Uuid;

use super::accept::Refusal;
use crate::http::Problem;

/// 503 says that nothing has happened; 504 that nobody knows, and that the same `order_id` makes a repeat safe.
pub(super) fn refused(id: Uuid, refusal: Refusal) -> Problem {
    let problem = match refusal {
        Refusal::Invalid(problems) => return Problem::invalid(&problems),
        Refusal::OtherOrder => {
            Problem::new(StatusCode::CONFLICT, "This order_id or Idempotency-Key belongs to another order.")
        }
        Refusal::NotPublished(reason) => {
            tracing::warn!(order = %id, reason, "not published");
            Problem::try_again(1, "The order was not accepted; the same request may succeed later.")
                .with("maybe_applied", false)
        }
        Refusal::Unknown(reason) => {
            tracing::warn!(order = %id, reason, "perhaps published");
            let detail = "The order may have been accepted. Repeat the request with this order_id.";
            Problem::new(StatusCode::GATEWAY_TIMEOUT, detail).with("maybe_applied", true)
        }
        Refusal::Internal(reason) => {
            tracing::error!(order = %id, reason, "no record of ours");
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "The order could not be written.")
        }
    };
    problem.with("order_id", id.to_string())
}
