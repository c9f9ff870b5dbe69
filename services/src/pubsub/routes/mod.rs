//! The paths of the orders system. What reads and writes tables is served by both services, for they share the store;
//! what publishes, by the producer service only.

mod customers;
mod inventory;
mod orders;

use std::sync::Arc;

use axum::{
    Router,
    http::StatusCode,
    routing::{get, post},
};
use ottla::delivery::{Store, StoreError};

use super::{accept::Acceptor, schemas::Schemas, users::Registrar};
use crate::http::Problem;

/// What the paths of the tables work with.
#[derive(Clone, Debug)]
struct Tables {
    store: Arc<dyn Store>,
    schemas: Arc<Schemas>,
}

/// Reads of orders and users; stock, which has no topic.
pub(super) fn tables(store: Arc<dyn Store>, schemas: Arc<Schemas>) -> Router {
    Router::new()
        .route("/orders", get(orders::list))
        .route("/orders/{id}", get(orders::show))
        .route("/users/{id}", get(customers::show))
        .route("/inventory/{id}", get(inventory::show).put(inventory::put))
        .with_state(Tables { store, schemas })
}

/// What is published.
pub(super) fn publishing(acceptor: Acceptor, registrar: Registrar) -> Router {
    let orders = Router::new().route("/orders", post(orders::create)).with_state(acceptor);
    let users = Router::new().route("/users", post(customers::register)).with_state(registrar);
    orders.merge(users)
}

fn nothing(what: &str) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, format!("There is no such {what}."))
}

fn unavailable(error: StoreError) -> Problem {
    tracing::warn!(%error, "the store did not answer a request");
    Problem::try_again(1, "The store is not available.")
}
