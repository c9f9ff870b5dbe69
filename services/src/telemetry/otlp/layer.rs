use std::fmt;

use ottla::Env;
use serde_json::Value;
use tokio::{sync::mpsc, time::Instant};
use tracing::{
    Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};
use tracing_subscriber::{Layer, layer::Context, registry::LookupSpan};

use super::{Ended, SpanCounts};

/// Hands spans to the exporter when they end, and never waits: what does not fit is counted.
///
/// A span that has the field `otel.kind` is one of ours. It has a `trace_id` and a `span_id`, which stand in headers and
/// lines too, or it gets its id here and is of the trace of the span that it is in.
#[derive(Debug)]
pub struct SpanLayer {
    pub(super) env: Env,
    pub(super) queue: mpsc::Sender<Ended>,
    pub(super) counts: SpanCounts,
}

impl SpanLayer {
    /// What has become of spans so far.
    pub fn counts(&self) -> SpanCounts {
        self.counts.clone()
    }
}

/// A span that runs.
struct Open {
    started: Instant,
    start_ms: i64,
    fields: Vec<(&'static str, Value)>,
}

impl Open {
    fn text(&self, name: &str) -> Option<String> {
        let field = self.fields.iter().rev().find(|(field, _)| *field == name);
        field.and_then(|(_, value)| value.as_str()).map(str::to_owned)
    }
}

/// The fields that are places of their own in a span.
const NOT_ATTRIBUTES: [&str; 4] = ["trace_id", "span_id", "parent_id", "otel.kind"];

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for SpanLayer {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id).filter(|span| span.metadata().fields().field("otel.kind").is_some()) else {
            return;
        };
        let mut open = Open { started: Instant::now(), start_ms: self.env.now_ms(), fields: Vec::new() };
        attributes.record(&mut Fields(&mut open.fields));
        if span.metadata().fields().field("span_id").is_none() {
            let trace_id = span.parent().and_then(|parent| parent.extensions().get::<Open>()?.text("trace_id"));
            open.fields.extend(trace_id.map(|trace_id| ("trace_id", trace_id.into())));
            open.fields.push(("span_id", format!("{:016x}", self.env.random_u64().max(1)).into()));
        }
        span.extensions_mut().insert(open);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        if let Some(open) = span.extensions_mut().get_mut::<Open>() {
            values.record(&mut Fields(&mut open.fields));
        }
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let Some(span) = context.span(&id) else { return };
        let Some(open) = span.extensions_mut().remove::<Open>() else { return };
        let (Some(trace_id), Some(span_id)) = (open.text("trace_id"), open.text("span_id")) else { return };
        // A parent in this process is known by its span, one in another by the header it sent.
        let above = span.parent().and_then(|parent| parent.extensions().get::<Open>()?.text("span_id"));
        let kind = match open.text("otel.kind").as_deref() {
            Some("server") => 2,
            Some("client") => 3,
            Some("producer") => 4,
            Some("consumer") => 5,
            _ => 1,
        };
        let start_ns = u64::try_from(open.start_ms).unwrap_or_default().saturating_mul(1_000_000);
        let took = u64::try_from(open.started.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let status = open.fields.iter().find(|(name, _)| *name == "status").and_then(|(_, value)| value.as_u64());
        let ended = Ended {
            name: span.name(),
            parent_id: open.text("parent_id").or(above),
            trace_id,
            span_id,
            kind,
            start_ns,
            end_ns: start_ns.saturating_add(took),
            failed: status.is_some_and(|status| status >= 500) || open.text("error").is_some(),
            attributes: open.fields.into_iter().filter(|(name, _)| !NOT_ATTRIBUTES.contains(name)).collect(),
        };
        if self.queue.try_send(ended).is_err() {
            self.counts.lose(1);
        }
    }
}

struct Fields<'a>(&'a mut Vec<(&'static str, Value)>);

impl Visit for Fields<'_> {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.0.push((field.name(), value.into()));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.0.push((field.name(), value.into()));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.push((field.name(), value.into()));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.0.push((field.name(), value.into()));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.push((field.name(), value.into()));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.push((field.name(), format!("{value:?}").into()));
    }
}
