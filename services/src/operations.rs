//! The paths that every service has for whoever runs it: health and metrics.

use std::{fmt, sync::Arc};

use axum::{
    Router,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    middleware,
    response::{IntoResponse, Json, Response},
    routing::get,
};

use crate::{
    health::{Health, HealthReport, Parts},
    metrics::{self, Format, Metrics},
    telemetry::{self, Requests},
};

/// What a service says about itself whenever it is asked.
pub trait Operated: fmt::Debug + Send + Sync + 'static {
    /// Its consumers and its troubles.
    fn parts(&self) -> Parts;

    /// Brings metrics up to date that are read rather than counted.
    fn refresh(&self, metrics: &Metrics);
}

/// A service's own paths, and `/health`, `/health/live`, `/health/ready` and `/metrics` beside them; every request is
/// counted and timed.
pub fn router(routes: Router, health: Health, metrics: Metrics, operated: Arc<dyn Operated>) -> Router {
    let measured = middleware::from_fn_with_state(metrics.clone(), metrics::measured);
    let traced = middleware::from_fn_with_state(Requests::new(health.client().env().clone()), telemetry::traced);
    let operations = Router::new()
        .route("/health", get(ready))
        .route("/health/ready", get(ready))
        .route("/health/live", get(live))
        .route("/metrics", get(text))
        .with_state(Operations { health, metrics, operated });
    // Probes and scrapes come every few seconds: they are counted, not traced.
    routes.layer(traced).merge(operations).layer(measured)
}

#[derive(Clone)]
struct Operations {
    health: Health,
    metrics: Metrics,
    operated: Arc<dyn Operated>,
}

async fn ready(State(this): State<Operations>) -> Response {
    answer(this.health.ready(&this.operated.parts()).await)
}

async fn live(State(this): State<Operations>) -> Response {
    answer(this.health.live(&this.operated.parts()))
}

fn answer(report: HealthReport) -> Response {
    let status = if report.healthy() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(report)).into_response()
}

async fn text(State(this): State<Operations>, headers: HeaderMap) -> Response {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    let format = Format::accepted(accept);
    this.operated.refresh(&this.metrics);
    this.metrics.ready(this.health.ready(&this.operated.parts()).await.healthy());
    this.metrics.look_at(this.health.client());
    this.metrics.look_at_spans();
    this.metrics.look_at_connections();
    match this.metrics.text(format) {
        Ok(text) => ([(header::CONTENT_TYPE, format.media_type())], text).into_response(),
        Err(error) => {
            tracing::error!(%error, "the metrics cannot be written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
