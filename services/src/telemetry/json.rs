//! Log lines as JSON: one object a line, the fields of the spans it is in beside its own.

use std::fmt;

use serde_json::{Map, Value};
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    fmt::{
        FmtContext, FormatEvent, FormatFields, FormattedFields,
        format::Writer,
        time::{FormatTime, SystemTime},
    },
    registry::LookupSpan,
};

/// Writes each event as one JSON object. Its spans' fields must be formatted as JSON
/// ([`JsonFields`](tracing_subscriber::fmt::format::JsonFields)); the innermost span's go before the outer ones'.
#[derive(Clone, Copy, Debug, Default)]
pub struct JsonLines;

impl<S, N> FormatEvent<S, N> for JsonLines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut line = Map::new();
        let mut spans = Vec::new();
        for span in context.event_scope().into_iter().flat_map(|scope| scope.from_root()) {
            spans.push(Value::from(span.name()));
            let extensions = span.extensions();
            let fields = extensions.get::<FormattedFields<N>>().map(|fields| fields.fields.as_str());
            let fields = fields.and_then(|text| serde_json::from_str::<Map<String, Value>>(text).ok());
            line.extend(fields.into_iter().flatten().filter(|(name, _)| !name.starts_with("otel.")));
        }
        event.record(&mut Fields(&mut line));
        let mut timestamp = String::new();
        SystemTime.format_time(&mut Writer::new(&mut timestamp))?;
        line.insert("timestamp".into(), timestamp.into());
        line.insert("level".into(), event.metadata().level().as_str().into());
        line.insert("target".into(), event.metadata().target().into());
        if !spans.is_empty() {
            line.insert("spans".into(), spans.into());
        }
        // JSON escapes line breaks, so that nothing that is logged can make a line of its own.
        writeln!(writer, "{}", Value::Object(line))
    }
}

struct Fields<'a>(&'a mut Map<String, Value>);

impl Fields<'_> {
    fn put(&mut self, field: &Field, value: impl Into<Value>) {
        self.0.insert(field.name().trim_start_matches("r#").to_owned(), value.into());
    }
}

impl Visit for Fields<'_> {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, format!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io,
        sync::{Arc, Mutex},
    };

    use tracing_subscriber::fmt::format::JsonFields;

    use super::*;

    #[derive(Clone, Debug, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("no panic").extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn written(work: impl FnOnce()) -> Vec<Map<String, Value>> {
        let written = Written::default();
        let writer = written.clone();
        let subscriber = tracing_subscriber::fmt()
            .fmt_fields(JsonFields::new())
            .event_format(JsonLines)
            .with_writer(move || writer.clone())
            .finish();
        tracing::subscriber::with_default(subscriber, work);
        let bytes = written.0.lock().expect("no panic").clone();
        let text = String::from_utf8(bytes).expect("text");
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }

    #[test]
    fn a_line_has_the_ids_of_the_innermost_span() {
        let lines = written(|| {
            let request = tracing::error_span!("request", correlation_id = "c", trace_id = "t", span_id = "1");
            let _request = request.enter();
            let publish = tracing::error_span!("publish", span_id = "2", late = tracing::field::Empty);
            publish.record("late", 7);
            let _publish = publish.enter();
            tracing::info!(error = ?"a \"quoted\"\nline", "said");
        });
        let [line] = lines.as_slice() else { panic!("{lines:?}") };
        let text = |name: &str| line.get(name).and_then(Value::as_str).unwrap_or_default();
        assert_eq!((text("correlation_id"), text("trace_id"), text("span_id")), ("c", "t", "2"));
        assert_eq!((text("message"), text("level"), line.get("late")), ("said", "INFO", Some(&Value::from(7))));
        assert!(text("timestamp").ends_with('Z') && text("target").contains("json"), "{line:?}");
    }

    #[test]
    fn lines_of_many_threads_do_not_mix() {
        let lines = written(|| {
            let dispatch = tracing::dispatcher::get_default(Clone::clone);
            std::thread::scope(|scope| {
                for thread in 0..8 {
                    let dispatch = dispatch.clone();
                    scope.spawn(move || {
                        tracing::dispatcher::with_default(&dispatch, || {
                            (0..200).for_each(|line| tracing::info!(thread, line, text = "\n{".repeat(50)));
                        });
                    });
                }
            });
        });
        assert_eq!(lines.len(), 8 * 200);
    }
}
