//! The span of a record's handling: every line that is logged on the way carries its ids, and its parent is the span
//! that the record's header `traceparent` names, so that a trace goes on across Kafka.

use std::num::{NonZeroU64, NonZeroU128};

use ottla_envelope::{SpanId, TraceContext, TraceId};
use ottla_kafka_core::Env;
use tracing::{Span, field::Empty};

use crate::record::DeliveryRecord;

/// W3C Trace Context's header.
const TRACEPARENT: &str = "traceparent";

/// The span of `record`'s handling. `correlation_id` stays empty until the service has read the record and recorded it.
pub(super) fn handling(env: &Env, record: &DeliveryRecord) -> Span {
    // An error's level, so that a filter which lets an error through has its ids as well.
    let span = tracing::error_span!(
        "handle",
        otel.kind = "consumer",
        topic = record.topic_partition().topic(),
        partition = record.topic_partition().partition(),
        offset = record.offset(),
        correlation_id = Empty,
        trace_id = Empty,
        span_id = Empty,
        parent_id = Empty,
    );
    if span.is_disabled() {
        return span;
    }
    let id = SpanId::new(NonZeroU64::new(env.random_u64()).unwrap_or(NonZeroU64::MIN));
    let trace_id = match parent(record) {
        Some(parent) => {
            span.record("parent_id", tracing::field::display(parent.span_id()));
            parent.trace_id()
        }
        None => TraceId::new(NonZeroU128::new(env.uuid().as_u128()).unwrap_or(NonZeroU128::MIN)),
    };
    span.record("trace_id", tracing::field::display(trace_id));
    span.record("span_id", tracing::field::display(id));
    span
}

/// The span of a unit of work of so many operations, in that of the record's handling. Lines have that one's ids, so that
/// nobody but a collector needs this one.
pub(super) fn storing(operations: usize) -> Span {
    tracing::debug_span!("store", otel.kind = "client", operations, error = Empty)
}

/// Who wrote the record, if it says so as the recommendation has it.
fn parent(record: &DeliveryRecord) -> Option<TraceContext> {
    std::str::from_utf8(record.header(TRACEPARENT)?).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use ottla_kafka_core::{TopicPartition, record::Header};

    use super::*;

    fn written_by(traceparent: Option<&'static [u8]>) -> Option<String> {
        let headers = [(&b"other"[..], Some(&b"x"[..])), (TRACEPARENT.as_bytes(), traceparent)];
        let headers = headers
            .map(|(key, value)| Header { key: Bytes::from_static(key), value: value.map(Bytes::copy_from_slice) });
        let record = DeliveryRecord::new(TopicPartition::new("orders", 0), 0, 0);
        let record = headers.into_iter().fold(record, DeliveryRecord::with_header);
        parent(&record).map(|parent| parent.span_id().to_string())
    }

    #[test]
    fn a_record_names_who_wrote_it_or_nobody() {
        let header = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert_eq!(written_by(Some(header)).as_deref(), Some("00f067aa0ba902b7"));
        for hostile in [None, Some(&b""[..]), Some(&b"\xff\xfe"[..]), Some(&[b'0'; 4096][..])] {
            assert_eq!(written_by(hostile), None);
        }
    }
}
