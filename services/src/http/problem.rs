use axum::{
    extract::rejection::{PathRejection, QueryRejection},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Map, Value, json};

/// A refusal as RFC 9457 (Problem Details for HTTP APIs) writes it.
#[derive(Clone, Debug)]
pub struct Problem {
    status: StatusCode,
    detail: String,
    retry_after_s: Option<u32>,
    more: Map<String, Value>,
}

impl Problem {
    /// A problem of the kind that its status names.
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into(), retry_after_s: None, more: Map::new() }
    }

    /// 400 with everything that is wrong with a request.
    pub fn invalid(problems: &[ottla::envelope::Problem]) -> Self {
        // RFC 9457 points into the body by a URI fragment.
        let errors: Vec<_> = problems
            .iter()
            .map(|problem| json!({"pointer": format!("#{}", problem.pointer()), "detail": problem.detail()}))
            .collect();
        Self::new(StatusCode::BAD_REQUEST, "The request is not valid.").with("errors", errors)
    }

    /// 503: nothing has happened, and the same request may succeed in `seconds`.
    pub fn try_again(seconds: u32, detail: impl Into<String>) -> Self {
        Self { retry_after_s: Some(seconds), ..Self::new(StatusCode::SERVICE_UNAVAILABLE, detail) }
    }

    /// The same with a further member.
    #[must_use]
    pub fn with(mut self, member: &str, value: impl Into<Value>) -> Self {
        self.more.insert(member.to_owned(), value.into());
        self
    }

    /// The response's status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The whole response in HTTP/1.1, for a connection that ends with it.
    pub(super) fn into_bytes(self) -> Vec<u8> {
        let (status, document) = (self.status, self.document());
        format!(
            "HTTP/1.1 {status}\r\ncontent-type: {MEDIA_TYPE}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{document}",
            document.len()
        )
        .into_bytes()
    }

    fn document(self) -> String {
        let mut document = Map::new();
        document.insert("type".into(), "about:blank".into());
        document.insert("title".into(), self.status.canonical_reason().unwrap_or("Error").into());
        document.insert("status".into(), self.status.as_u16().into());
        document.insert("detail".into(), self.detail.into());
        document.extend(self.more);
        Value::Object(document).to_string()
    }
}

const MEDIA_TYPE: &str = "application/problem+json";

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (status, retry_after_s) = (self.status, self.retry_after_s);
        let headers = [(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE))];
        let mut response = (status, headers, self.document()).into_response();
        if let Some(seconds) = retry_after_s {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}

impl From<PathRejection> for Problem {
    fn from(rejection: PathRejection) -> Self {
        Self::new(StatusCode::BAD_REQUEST, rejection.body_text())
    }
}

impl From<QueryRejection> for Problem {
    fn from(rejection: QueryRejection) -> Self {
        Self::new(StatusCode::BAD_REQUEST, rejection.body_text())
    }
}

/// 404, for paths that no route has.
pub async fn not_found() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "There is nothing here.")
}

/// 405, for methods that a path does not have.
pub async fn method_not_allowed() -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "This path does not have this method.")
}
