//! Spans to a collector, by OTLP over HTTP in its JSON form: <https://opentelemetry.io/docs/specs/otlp/>.
//!
//! Our ids are our own (they stand in records and logs), so what is left of an exporter is a queue and an encoding: no
//! SDK, no Protobuf, no C.

mod encode;
mod export;
mod layer;

pub use export::{Endpoint, Exporter, Exporting, SpanCounts};
pub use layer::SpanLayer;

use serde_json::Value;

/// A span that has ended.
#[derive(Clone, Debug)]
struct Ended {
    name: &'static str,
    trace_id: String,
    span_id: String,
    parent_id: Option<String>,
    kind: u8,
    start_ns: u64,
    end_ns: u64,
    failed: bool,
    attributes: Vec<(&'static str, Value)>,
}
