//! Counts and times requests. Their label is the route, never the path: a path has ids in it.

use axum::{
    extract::{MatchedPath, Request, State},
    http::Method,
    middleware::Next,
    response::Response,
};
use tokio::time::Instant;

use super::{
    Metrics,
    labels::{self, Route},
};

/// The middleware that counts a router's requests.
pub async fn measured(State(metrics): State<Metrics>, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map_or("unmatched", MatchedPath::as_str);
    let (method, route) = (known(request.method()), route.to_owned());
    let serving = &metrics.inner().serving;
    let (began, _in_flight) = (Instant::now(), InFlight::begin(&metrics));
    let response = next.run(request).await;
    let status = response.status().as_u16();
    serving.requests.get_or_create(&labels::Request { method, route: route.clone(), status }).inc();
    serving.request_seconds.get_or_create(&Route { method, route }).observe(began.elapsed().as_secs_f64());
    response
}

/// A client that hangs up drops the request's future.
struct InFlight<'a>(&'a Metrics);

impl<'a> InFlight<'a> {
    fn begin(metrics: &'a Metrics) -> Self {
        metrics.inner().serving.requests_in_flight.inc();
        Self(metrics)
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.inner().serving.requests_in_flight.dec();
    }
}

/// Whoever asks may invent methods.
fn known(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "POST" => "POST",
        "PUT" => "PUT",
        "DELETE" => "DELETE",
        "HEAD" => "HEAD",
        _ => "other",
    }
}
