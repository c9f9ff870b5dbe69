use axum::{
    extract::{Path, Request, State, rejection::PathRejection},
    http::{StatusCode, header},
    response::{IntoResponse, Json, Response},
};
use serde_json::json;

use super::{Tables, nothing, unavailable};
use crate::{
    http::{Problem, read_json},
    pubsub::{
        order::User,
        origin::{CORRELATION_ID, Origin},
        refusal::Subject,
        rows::{self, CUSTOMERS},
        users::Registrar,
    },
};

/// 202 once the brokers have the user, with the place where it will be.
pub(super) async fn register(State(registrar): State<Registrar>, request: Request) -> Result<Response, Problem> {
    let origin = Origin::of(&registrar.emitter.env, request.headers());
    let user = read_json::<User>(request, &registrar.schemas.user_request).await?.value;
    let id = user.user_id.clone();
    registrar.register(user, &origin).await.map_err(|refusal| refusal.problem(Subject::User(&id)))?;
    let headers = [(header::LOCATION, format!("/users/{}", encoded(&id))), (CORRELATION_ID, origin.correlation_id)];
    Ok((StatusCode::ACCEPTED, headers, Json(json!({"user_id": id}))).into_response())
}

/// A user, once the consumer has it.
pub(super) async fn show(
    State(tables): State<Tables>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let Path(id) = id?;
    let user: Option<User> = rows::read(&tables.store, CUSTOMERS, id.as_bytes()).await.map_err(unavailable)?;
    Ok(Json(user.ok_or_else(|| nothing("user"))?).into_response())
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
