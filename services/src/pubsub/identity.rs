//! Which order a request is about.

use axum::http::{HeaderMap, StatusCode};
use ottla::Env;
use uuid::Uuid;

use super::order::OrderRequest;
use crate::http::Problem;

/// The namespace of order ids that are made of an `Idempotency-Key`; drawn once, never changed.
const NAMESPACE: Uuid = Uuid::from_u128(0x6f1d_0c2e_9a57_4b3c_8e64_2b7f_51d0_c9a8);

/// The order's id: the body's; else one made of the customer and the `Idempotency-Key`, so that a repeat has the same
/// without anything having been kept; else a new one.
pub(super) fn order_id(env: &Env, headers: &HeaderMap, request: &OrderRequest) -> Result<Uuid, Problem> {
    if let Some(id) = request.order_id {
        return Ok(id);
    }
    let Some(key) = headers.get("idempotency-key") else { return Ok(env.uuid()) };
    let key = key.as_bytes();
    if key.is_empty() || key.len() > 255 {
        return Err(Problem::new(StatusCode::BAD_REQUEST, "An Idempotency-Key has 1 to 255 bytes."));
    }
    let name = [request.customer_id.as_bytes(), &[0], key].concat();
    Ok(Uuid::new_v5(&NAMESPACE, &name))
}
