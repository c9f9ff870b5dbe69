use axum::{
    extract::{Path, Request, State, rejection::PathRejection},
    http::StatusCode,
    response::{IntoResponse, Json, Response},
};

use super::{Tables, nothing, unavailable};
use crate::{
    http::{Problem, read_json},
    pubsub::{
        order::Product,
        rows::{self, STOCK},
    },
};

/// 201 for a new product, 200 for one that was there.
pub(super) async fn put(
    State(tables): State<Tables>,
    id: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Response, Problem> {
    let Path(id) = id?;
    if id.is_empty() || id.len() > 255 || id.contains('\0') {
        return Err(Problem::new(StatusCode::BAD_REQUEST, "A product's id has 1 to 255 bytes, none of them NUL."));
    }
    let product = read_json::<Product>(request, &tables.schemas.inventory_request).await?.value;
    let new = rows::upsert(&tables.store, STOCK, &id, &product).await.map_err(unavailable)?;
    let status = if new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(product)).into_response())
}

/// What is in stock of a product.
pub(super) async fn show(
    State(tables): State<Tables>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let Path(id) = id?;
    let product: Option<Product> = rows::read(&tables.store, STOCK, id.as_bytes()).await.map_err(unavailable)?;
    Ok(Json(product.ok_or_else(|| nothing("product"))?).into_response())
}
