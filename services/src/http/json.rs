use std::time::Duration;

use axum::{
    extract::Request,
    http::{HeaderMap, HeaderValue, StatusCode, header},
};
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use ottla::envelope::{DecodeError, Schema};
use serde::de::DeserializeOwned;

use super::{Problem, ending::Ending};

/// The largest body that is read, in bytes.
pub const MAX_BODY: usize = 1024 * 1024;

/// How long a client may take to send a body.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// The same once the server is to end.
const LAST_CALL: Duration = Duration::from_secs(1);

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
/// A problem document with everything that is wrong: 400, 408, 413 or 415; 503 if the server ends before the body came.
///
/// # Cancel safety
/// Dropping it drops the part of the body that has been read.
pub async fn read_json<T: DeserializeOwned>(request: Request, schema: &Schema) -> Result<JsonBody<T>, Problem> {
    let (parts, body) = request.into_parts();
    acceptable(&parts.headers).map_err(|why| Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, why))?;
    let ending = parts.extensions.get::<Ending>().cloned();
    let body = tokio::select! {
        biased;
        body = tokio::time::timeout(BODY_TIMEOUT, Limited::new(body, MAX_BODY).collect()) => body,
        () = last_call(ending) => return Err(Problem::try_again(1, "The service ends before the body has arrived.")),
    };
    let body = body
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

/// Completes when bodies are not waited for any more, because the server is to end.
async fn last_call(ending: Option<Ending>) {
    let Some(mut ending) = ending else { return std::future::pending().await };
    ending.told().await;
    tokio::time::sleep(LAST_CALL).await;
}

/// Whether the body says that it is JSON, which is UTF-8 (RFC 8259, 8.1), and not compressed.
fn acceptable(headers: &HeaderMap) -> Result<(), &'static str> {
    let mut types = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(media_type), None) = (types.next().and_then(|value| value.to_str().ok()), types.next()) else {
        return Err("The body must be application/json.");
    };
    let mut parts = media_type.split(';').map(|part| part.trim().to_ascii_lowercase());
    let name = parts.next().unwrap_or_default();
    if name != "application/json" && !(name.starts_with("application/") && name.ends_with("+json")) {
        return Err("The body must be application/json.");
    }
    let charset = |part: String| part.strip_prefix("charset=").map(|charset| charset.trim_matches('"').to_owned());
    if parts.filter_map(charset).any(|charset| charset != "utf-8") {
        return Err("The body must be in UTF-8.");
    }
    let plain = |value: &HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"identity");
    if !headers.get_all(header::CONTENT_ENCODING).iter().all(plain) {
        return Err("The body must not be compressed.");
    }
    Ok(())
}

fn unreadable(error: Box<dyn std::error::Error + Send + Sync>) -> Problem {
    if error.is::<LengthLimitError>() {
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, format!("The body is larger than {MAX_BODY} bytes."))
    } else {
        Problem::new(StatusCode::BAD_REQUEST, "The body could not be read.")
    }
}
