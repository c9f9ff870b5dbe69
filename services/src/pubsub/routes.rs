//! The paths of the orders system.

use std::sync::Arc;

use axum::{
    Router,
    extract::{Path, Query, Request, State, rejection::PathRejection, rejection::QueryRejection},
    http::{StatusCode, header},
    response::{IntoResponse, Json, Response},
    routing::{get, post},
};
use ottla::delivery::{Store, StoreError};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    accept::Acceptor,
    identity::{self, origin},
    order::{OrderRequest, Product, User},
    refusal::refused,
    rows::{self, CUSTOMERS, ORDER_STATES, ORDERS, OrderState, STOCK, StoredOrder},
};
use crate::http::{self, Problem, read_json};

/// What the paths work with.
#[derive(Clone, Debug)]
pub(super) struct Paths {
    pub(super) acceptor: Acceptor,
}

impl Paths {
    fn store(&self) -> &Arc<dyn Store> {
        &self.acceptor.store
    }
}

/// The router without health and metrics, which every service has.
pub(super) fn router(paths: Paths) -> Router {
    Router::new()
        .route("/orders", post(create_order).get(list_orders))
        .route("/orders/{id}", get(show_order))
        .route("/users", post(put_user))
        .route("/users/{id}", get(show_user))
        .route("/inventory/{id}", get(show_product).put(put_product))
        .fallback(http::not_found)
        .method_not_allowed_fallback(http::method_not_allowed)
        .with_state(paths)
}

async fn create_order(State(paths): State<Paths>, request: Request) -> Result<Response, Problem> {
    let body = read_json::<OrderRequest>(request, &paths.acceptor.schemas.order_request).await?;
    let id = identity::order_id(&paths.acceptor.env, &body.headers, &body.value)?;
    let origin = origin(&body.headers);
    paths.acceptor.accept(id, body.value, origin).await.map_err(|refusal| refused(id, refusal))?;
    let location = format!("/orders/{id}");
    Ok((StatusCode::ACCEPTED, [(header::LOCATION, location)], Json(json!({"order_id": id}))).into_response())
}

async fn show_order(State(paths): State<Paths>, id: Result<Path<String>, PathRejection>) -> Result<Response, Problem> {
    let Path(id) = id?;
    let id: Uuid = id.parse().map_err(|_| nothing("order"))?;
    let key = rows::order_key(id);
    let state: Option<OrderState> = rows::read(paths.store(), ORDER_STATES, &key).await.map_err(unavailable)?;
    let stored: Option<StoredOrder> = rows::read(paths.store(), ORDERS, &key).await.map_err(unavailable)?;
    let answer = match (state, stored) {
        (_, Some(stored)) => json!({
            "order_id": id, "status": "stored", "at": stored.stored_at,
            "partition": stored.partition, "offset": stored.offset, "order": stored.record,
        }),
        (Some(state), None) => described(&id.to_string(), &state),
        (None, None) if paths.acceptor.locks.is_held(id) => json!({"order_id": id, "status": "pending"}),
        (None, None) => return Err(nothing("order")),
    };
    Ok(Json(answer).into_response())
}

/// Where a list begins, and how much of it is wanted.
#[derive(Debug, Deserialize)]
struct Page {
    after: Option<Uuid>,
    limit: Option<usize>,
}

/// The most orders in one list.
const MAX_PAGE: usize = 100;

async fn list_orders(
    State(paths): State<Paths>,
    page: Result<Query<Page>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(page) = page?;
    let after = page.after.map(rows::order_key);
    let limit = page.limit.unwrap_or(MAX_PAGE).clamp(1, MAX_PAGE);
    let found = paths.store().scan(ORDER_STATES, after.as_deref(), limit).await.map_err(unavailable)?;
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

async fn put_user(State(paths): State<Paths>, request: Request) -> Result<Response, Problem> {
    let user = read_json::<User>(request, &paths.acceptor.schemas.user_request).await?.value;
    let new = rows::upsert(paths.store(), CUSTOMERS, &user.user_id, &user).await.map_err(unavailable)?;
    let location = format!("/users/{}", encoded(&user.user_id));
    Ok((created(new), [(header::LOCATION, location)], Json(user)).into_response())
}

async fn show_user(State(paths): State<Paths>, id: Result<Path<String>, PathRejection>) -> Result<Response, Problem> {
    let Path(id) = id?;
    let user: Option<User> = rows::read(paths.store(), CUSTOMERS, id.as_bytes()).await.map_err(unavailable)?;
    Ok(Json(user.ok_or_else(|| nothing("user"))?).into_response())
}

async fn put_product(
    State(paths): State<Paths>,
    id: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Response, Problem> {
    let Path(id) = id?;
    if id.is_empty() || id.len() > 255 {
        return Err(Problem::new(StatusCode::BAD_REQUEST, "A product's id has 1 to 255 bytes."));
    }
    let product = read_json::<Product>(request, &paths.acceptor.schemas.inventory_request).await?.value;
    let new = rows::upsert(paths.store(), STOCK, &id, &product).await.map_err(unavailable)?;
    Ok((created(new), Json(product)).into_response())
}

async fn show_product(
    State(paths): State<Paths>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let Path(id) = id?;
    let product: Option<Product> = rows::read(paths.store(), STOCK, id.as_bytes()).await.map_err(unavailable)?;
    Ok(Json(product.ok_or_else(|| nothing("product"))?).into_response())
}

fn created(new: bool) -> StatusCode {
    if new { StatusCode::CREATED } else { StatusCode::OK }
}

fn nothing(what: &str) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, format!("There is no such {what}."))
}

fn unavailable(error: StoreError) -> Problem {
    tracing::warn!(%error, "the store did not answer a request");
    Problem::try_again(1, "The store is not available.")
}

/// An id as a path segment: everything but RFC 3986's unreserved characters is escaped.
fn encoded(id: &str) -> String {
    id.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
            other => format!("%{other:02X}"),
        })
        .collect()
}
