//! The metrics of a service, with the names of the documents, in Prometheus's and in OpenMetrics' text format.

mod cluster;
mod families;
mod http;
mod labels;
mod process;
mod publishing;
mod registry;
mod store;
mod text;
mod worker;

pub use http::measured;
pub use publishing::Publishing;
pub use registry::Metrics;
pub use store::MeasuredStore;
pub use text::{Format, OPENMETRICS, PROMETHEUS};
pub use worker::WorkerMetrics;
