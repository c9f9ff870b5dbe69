//! The paths that every service has for whoever runs it: health and metrics.

use std::{fmt, sync::Arc};

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Json, Response},
    routing::get,
};

use crate::{
    health::{Health, HealthReport, Parts},
    metrics::{self, Metrics},
};

/// What a service says about itself whenever it is asked.
pub trait Operated: fmt::Debug + Send + Sync + 'static {
    /// Its consumers and its troubles.
    fn parts(&self) -> Parts;

    /// Brings metrics up to date that are read rather than counted.
    fn refresh(&self, metrics: &Metrics);
}

/// `/health`, `/health/live`, `/health/ready` and `/metrics`.
pub fn router(health: Health, metrics: Metrics, operated: Arc<dyn Operated>) -> Router {
    Router::new()
        .route("/health", get(ready))
        .route("/health/ready", get(ready))
        .route("/health/live", get(live))
        .route("/metrics", get(text))
        .with_state(Operations { health, metrics, operated })
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

async fn text(State(this): State<Operations>) -> Response {
    this.operated.refresh(&this.metrics);
    match this.metrics.text() {
        Ok(text) => ([(header::CONTENT_TYPE, metrics::MEDIA_TYPE)], text).into_response(),
        Err(error) => {
            tracing::error!(%error, "the metrics cannot be written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
