//! Where a request comes from.

use axum::http::{HeaderMap, HeaderName};
use ottla::{Env, envelope::TraceContext};

/// The header that carries a correlation id, in requests and in their answers.
pub(super) const CORRELATION_ID: HeaderName = HeaderName::from_static("x-correlation-id");

/// The caller's correlation id and trace.
#[derive(Clone, Debug)]
pub(super) struct Origin {
    pub(super) correlation_id: String,
    pub(super) trace: Option<TraceContext>,
}

impl Origin {
    /// What the headers say, as far as it is well-formed; without a correlation id the request gets one of its own.
    pub(super) fn of(env: &Env, headers: &HeaderMap) -> Self {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let correlation_id = text(CORRELATION_ID.as_str()).filter(|id| !id.is_empty() && id.len() <= 255);
        let correlation_id = correlation_id.map_or_else(|| env.uuid().to_string(), str::to_owned);
        Self { correlation_id, trace: text("traceparent").and_then(|value| value.parse().ok()) }
    }
}
