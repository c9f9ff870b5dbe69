use ottla::{delivery::DeliveryRecord, envelope::TraceContext};
use tracing::Span;

/// The span of a record's way to the brokers; its ids are those that the record carries.
pub fn publishing(topic: &str, trace: &TraceContext) -> Span {
    tracing::error_span!(
        "publish",
        otel.kind = "producer",
        topic,
        trace_id = %trace.trace_id(),
        span_id = %trace.span_id(),
        error = tracing::field::Empty,
    )
}

/// Gives the record's handling its correlation id: the event's, or the record's place where there is no event to ask.
pub fn correlated(record: &DeliveryRecord, correlation_id: Option<&str>) {
    let span = Span::current();
    match correlation_id {
        Some(id) => span.record("correlation_id", tracing::field::display(id)),
        None => {
            let place = format_args!("{}-{}", record.topic_partition(), record.offset());
            span.record("correlation_id", tracing::field::display(place))
        }
    };
}
