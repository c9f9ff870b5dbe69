use axum::{
    extract::{Path, Query, Request, State, rejection::PathRejection, rejection::QueryRejection},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Json, Response},
};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Tables, nothing, unavailable};
use crate::{
    http::{Problem, read_json},
    pubsub::{
        accept::Acceptor,
        identity,
        order::OrderRequest,
        origin::{CORRELATION_ID, Origin},
        refusal::Subject,
        rows::{self, ORDER_STATES, ORDERS, OrderState, StoredOrder},
    },
};

/// 202 once the brokers have the order, with the place where its fate is told.
pub(super) async fn create(State(acceptor): State<Acceptor>, request: Request) -> Response {
    let origin = Origin::of(&acceptor.emitter.env, request.headers());
    let correlation_id = origin.correlation_id.clone();
    let mut response = accepted(acceptor, request, origin).await.unwrap_or_else(IntoResponse::into_response);
    // What came as a header's text is one again.
    if let Ok(id) = HeaderValue::try_from(correlation_id) {
        response.headers_mut().insert(CORRELATION_ID, id);
    }
    response
}

async fn accepted(acceptor: Acceptor, request: Request, origin: Origin) -> Result<Response, Problem> {
    let body = read_json::<OrderRequest>(request, &acceptor.schemas.order_request).await?;
    let id = identity::order_id(&acceptor.emitter.env, &body.headers, &body.value)?;
    let accepted = acceptor.accept(id, body.value, origin).await;
    accepted.map_err(|refusal| refusal.problem(Subject::Order(&id.to_string())))?;
    let location = format!("/orders/{id}");
    Ok((StatusCode::ACCEPTED, [(header::LOCATION, location)], Json(json!({"order_id": id}))).into_response())
}

/// How far an order has come: pending, stored or dead-lettered.
pub(super) async fn show(
    State(tables): State<Tables>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let Path(id) = id?;
    let id: Uuid = id.parse().map_err(|_| nothing("order"))?;
    let key = rows::order_key(id);
    let stored: Option<StoredOrder> = rows::read(&tables.store, ORDERS, &key).await.map_err(unavailable)?;
    let answer = match stored {
        Some(stored) => json!({
            "order_id": id, "status": "stored", "at": stored.stored_at,
            "partition": stored.partition, "offset": stored.offset, "order": stored.record,
        }),
        None => {
            let state: Option<OrderState> = rows::read(&tables.store, ORDER_STATES, &key).await.map_err(unavailable)?;
            described(&id.to_string(), &state.ok_or_else(|| nothing("order"))?)
        }
    };
    Ok(Json(answer).into_response())
}

/// Where a list begins, and how much of it is wanted.
#[derive(Debug, Deserialize)]
pub(super) struct Page {
    after: Option<Uuid>,
    limit: Option<usize>,
}

/// The most orders in one list.
const MAX_PAGE: usize = 100;

/// Orders by id, a page at a time; `next` is where the following page begins, `after` it.
pub(super) async fn list(
    State(tables): State<Tables>,
    page: Result<Query<Page>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(page) = page?;
    let after = page.after.map(rows::order_key);
    let limit = page.limit.unwrap_or(MAX_PAGE).clamp(1, MAX_PAGE);
    let found = tables.store.scan(ORDER_STATES, after.as_deref(), limit).await.map_err(unavailable)?;
    let full = found.len() == limit;
    let mut orders = Vec::with_capacity(found.len());
    for (key, row) in &found {
        let state: OrderState = rows::parse(ORDER_STATES, &row.value).map_err(unavailable)?;
        orders.push(described(&String::from_utf8_lossy(key), &state));
    }
    let next = orders.last().filter(|_| full).and_then(|last| last.get("order_id")).cloned();
    Ok(Json(json!({"orders": orders, "next": next})).into_response())
}

fn described(id: &str, state: &OrderState) -> Value {
    let customer_id = state.requested.as_ref().map(|requested| requested.customer_id());
    json!({
        "order_id": id, "status": state.status, "at": state.at, "customer_id": customer_id, "reason": state.reason,
    })
}
