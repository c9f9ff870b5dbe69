//! The ids of a request: the caller's where they are well-formed, else new ones.

use std::{
    num::{NonZeroU64, NonZeroU128},
    sync::Arc,
};

use axum::{
    extract::{MatchedPath, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method},
    middleware::Next,
    response::Response,
};
use ottla::{
    Env,
    envelope::{SpanId, TraceContext, TraceId},
};
use tokio::time::Instant;
use tracing::{Instrument, Span};

use super::Limit;

/// The header with the id that a request shares with everything it causes.
const CORRELATION_ID: HeaderName = HeaderName::from_static("x-correlation-id");
/// W3C Trace Context.
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// So many requests a second have a line of their own at `info`; all have one at `debug`.
const LINES_A_SECOND: u32 = 20;

/// What [`traced`] works with. Cloning shares it.
#[derive(Clone, Debug)]
pub struct Requests {
    env: Env,
    lines: Arc<Limit>,
}

impl Requests {
    /// Ids come from `env`.
    pub fn new(env: Env) -> Self {
        Self { env, lines: Arc::new(Limit::a_second(LINES_A_SECOND)) }
    }
}

/// The middleware that gives each request its span, and its answer the correlation id. What comes behind it finds the
/// ids in the request's headers: there the span that it causes has this one as its parent.
pub async fn traced(State(requests): State<Requests>, mut request: Request, next: Next) -> Response {
    let ids = Ids::of(&requests.env, request.headers());
    let span = ids.span(request.method(), request.extensions().get::<MatchedPath>());
    ids.write(request.headers_mut());
    let (reads, began) = (matches!(*request.method(), Method::GET | Method::HEAD), Instant::now());
    let mut response = next.run(request).instrument(span.clone()).await;
    if let Ok(id) = HeaderValue::from_str(&ids.correlation_id) {
        response.headers_mut().insert(CORRELATION_ID, id);
    }
    let (status, took) = (response.status().as_u16(), began.elapsed());
    span.record("status", status);
    span.in_scope(|| match status {
        500.. => tracing::warn!(status, ?took, "answered with an error"),
        _ if !reads && requests.lines.allows() => tracing::info!(status, ?took, "answered"),
        _ => tracing::debug!(status, ?took, "answered"),
    });
    response
}

struct Ids {
    correlation_id: String,
    parent: Option<TraceContext>,
    own: TraceContext,
}

impl Ids {
    fn of(env: &Env, headers: &HeaderMap) -> Self {
        let text = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
        let correlation_id = text(&CORRELATION_ID).filter(|id| !id.is_empty() && id.len() <= 255);
        let parent: Option<TraceContext> = text(&TRACEPARENT).and_then(|value| value.parse().ok());
        let span_id = SpanId::new(NonZeroU64::new(env.random_u64()).unwrap_or(NonZeroU64::MIN));
        let own = parent.map(|parent| parent.child(span_id)).unwrap_or_else(|| {
            let trace_id = env.uuid().as_u128();
            TraceContext::new(TraceId::new(NonZeroU128::new(trace_id).unwrap_or(NonZeroU128::MIN)), span_id)
        });
        Self { correlation_id: correlation_id.map_or_else(|| env.uuid().to_string(), str::to_owned), parent, own }
    }

    fn span(&self, method: &Method, route: Option<&MatchedPath>) -> Span {
        let span = tracing::error_span!(
            "request",
            otel.kind = "server",
            method = %method,
            route = route.map_or("unmatched", MatchedPath::as_str),
            correlation_id = self.correlation_id,
            trace_id = %self.own.trace_id(),
            span_id = %self.own.span_id(),
            parent_id = tracing::field::Empty,
            status = tracing::field::Empty,
        );
        if let Some(parent) = self.parent {
            span.record("parent_id", tracing::field::display(parent.span_id()));
        }
        span
    }

    fn write(&self, headers: &mut HeaderMap) {
        let texts = [(CORRELATION_ID, self.correlation_id.clone()), (TRACEPARENT, self.own.to_string())];
        for (name, text) in texts {
            if let Ok(value) = HeaderValue::from_str(&text) {
                headers.insert(name, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(headers: &[(&'static str, &'static str)]) -> Ids {
        let headers =
            headers.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        Ids::of(&Env::system(), &headers.collect())
    }

    #[test]
    fn the_callers_ids_are_kept_and_the_span_is_new() {
        let traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let ids = ids(&[("x-correlation-id", "corr-1"), ("traceparent", traceparent)]);
        assert_eq!(
            (ids.correlation_id.as_str(), ids.parent.map(|p| p.to_string()).as_deref()),
            ("corr-1", Some(traceparent))
        );
        assert_eq!(ids.own.trace_id().to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_ne!(ids.own.span_id().to_string(), "00f067aa0ba902b7");
        let mut headers = HeaderMap::new();
        ids.write(&mut headers);
        assert_eq!(headers.get(TRACEPARENT).and_then(|value| value.to_str().ok()), Some(&*ids.own.to_string()));
    }

    #[test]
    fn ids_that_are_none_are_replaced() {
        let long: &'static str = Box::leak("x".repeat(256).into_boxed_str());
        for (correlation_id, traceparent) in [("", "00-zz"), (long, "00-0-0-00")] {
            let ids = ids(&[("x-correlation-id", correlation_id), ("traceparent", traceparent)]);
            assert_eq!((ids.correlation_id.len(), ids.parent), (36, None));
            assert_eq!(ids.own.trace_id().to_string().len(), 32);
        }
    }
}
