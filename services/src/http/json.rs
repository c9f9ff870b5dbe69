use std::time::Duration;

use axum::{
    extract::Request,
    http::{HeaderMap, StatusCode, header},
};
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use ottla::envelope::{DecodeError, Schema};
use serde::de::DeserializeOwned;

use super::Problem;

/// The largest body that is read, in bytes.
pub const MAX_BODY: usize = 1024 * 1024;

/// How long a client may take to send a body.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// A body that has been read, checked and understood.
#[derive(Debug)]
pub struct JsonBody<T> {
    /// The request's headers.
    pub headers: HeaderMap,
    /// What the body says.
    pub value: T,
}

/// Reads a request's JSON body, at most [`MAX_BODY`] bytes, and checks it against `schema`.
///
/// # Errors
/// A problem document with everything that is wrong: 400, 408, 413 or 415.
///
/// # Cancel safety
/// Dropping it drops the part of the body that has been read.
pub async fn read_json<T: DeserializeOwned>(request: Request, schema: &Schema) -> Result<JsonBody<T>, Problem> {
    let (parts, body) = request.into_parts();
    if !is_json(&parts.headers) {
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "The body must be application/json."));
    }
    let body = tokio::time::timeout(BODY_TIMEOUT, Limited::new(body, MAX_BODY).collect())
        .await
        .map_err(|_| Problem::new(StatusCode::REQUEST_TIMEOUT, "The body did not arrive in time."))?
        .map_err(unreadable)?;
    let value = parse(&body.to_bytes(), schema)?;
    Ok(JsonBody { headers: parts.headers, value })
}

fn parse<T: DeserializeOwned>(body: &Bytes, schema: &Schema) -> Result<T, Problem> {
    let value = ottla::envelope::parse_value(body).map_err(|error| match error {
        DecodeError::Schema(problems) => Problem::invalid(&problems),
        other => whole(other.to_string()),
    })?;
    schema.check(&value).map_err(|problems| Problem::invalid(&problems))?;
    // From the text again: a value of JSON has rounded the decimals.
    serde_json::from_slice(body).map_err(|error| whole(error.to_string()))
}

fn whole(detail: String) -> Problem {
    Problem::invalid(&[ottla::envelope::Problem::new("", detail)])
}

fn is_json(headers: &HeaderMap) -> bool {
    let Some(Ok(value)) = headers.get(header::CONTENT_TYPE).map(|value| value.to_str()) else { return false };
    let media_type = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    media_type == "application/json" || (media_type.starts_with("application/") && media_type.ends_with("+json"))
}

fn unreadable(error: Box<dyn std::error::Error + Send + Sync>) -> Problem {
    if error.is::<LengthLimitError>() {
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, format!("The body is larger than {MAX_BODY} bytes."))
    } else {
        Problem::new(StatusCode::BAD_REQUEST, "The body could not be read.")
    }
}
