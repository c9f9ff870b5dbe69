use serde_json::{Value, json};

use super::Ended;

/// `STATUS_CODE_ERROR`; a span that did not fail leaves its status unset.
const ERROR: u8 = 2;

/// The body of an `ExportTraceServiceRequest`.
pub(super) fn request(service: &str, spans: &[Ended]) -> String {
    let resource = json!({"attributes": [
        attribute("service.name", &service.into()),
        attribute("service.version", &env!("CARGO_PKG_VERSION").into()),
    ]});
    let scope = json!({"name": "ottla", "version": env!("CARGO_PKG_VERSION")});
    let spans: Vec<Value> = spans.iter().map(span).collect();
    json!({"resourceSpans": [{"resource": resource, "scopeSpans": [{"scope": scope, "spans": spans}]}]}).to_string()
}

fn span(ended: &Ended) -> Value {
    let attributes: Vec<Value> = ended.attributes.iter().map(|(name, value)| attribute(name, value)).collect();
    json!({
        "traceId": ended.trace_id,
        "spanId": ended.span_id,
        "parentSpanId": ended.parent_id.as_deref().unwrap_or_default(),
        "name": ended.name,
        "kind": ended.kind,
        // Protobuf's JSON writes 64-bit numbers as text.
        "startTimeUnixNano": ended.start_ns.to_string(),
        "endTimeUnixNano": ended.end_ns.to_string(),
        "attributes": attributes,
        "status": if ended.failed { json!({"code": ERROR}) } else { json!({}) },
    })
}

fn attribute(name: &str, value: &Value) -> Value {
    let value = match value {
        Value::Bool(value) => json!({"boolValue": value}),
        Value::Number(value) if value.is_f64() => json!({"doubleValue": value}),
        Value::Number(value) => json!({"intValue": value.to_string()}),
        Value::String(value) => json!({"stringValue": value}),
        other => json!({"stringValue": other.to_string()}),
    };
    json!({"key": name, "value": value})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_written_as_collectors_read_it() {
        let ended = Ended {
            name: "publish",
            trace_id: "4bf92f3577b34da6a3ce929d0e0e4736".to_owned(),
            span_id: "00f067aa0ba902b7".to_owned(),
            parent_id: None,
            kind: 4,
            start_ns: 1,
            end_ns: u64::MAX,
            failed: true,
            attributes: vec![("topic", "orders".into()), ("offset", 7.into())],
        };
        let body: Value = serde_json::from_str(&request("orders", &[ended])).expect("JSON");
        let span = body.pointer("/resourceSpans/0/scopeSpans/0/spans/0").expect("a span");
        let expected = json!({
            "traceId": "4bf92f3577b34da6a3ce929d0e0e4736", "spanId": "00f067aa0ba902b7", "parentSpanId": "",
            "name": "publish", "kind": 4, "startTimeUnixNano": "1", "endTimeUnixNano": "18446744073709551615",
            "attributes": [
                {"key": "topic", "value": {"stringValue": "orders"}}, {"key": "offset", "value": {"intValue": "7"}}
            ],
            "status": {"code": 2},
        });
        assert_eq!(*span, expected);
        let service = body.pointer("/resourceSpans/0/resource/attributes/0/value/stringValue");
        assert_eq!(service, Some(&"orders".into()));
    }
}
