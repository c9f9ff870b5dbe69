use crate::{Object, SpanId, Timestamp, TraceContext, TraceId};

/// What surrounds the data of an event. Ids are free texts: a UUID, `corr-123456`, `user-123`.
#[derive(Clone, Debug, PartialEq)]
pub struct Metadata {
    pub(crate) event_id: String,
    pub(crate) event_type: String,
    pub(crate) timestamp: Timestamp,
    pub(crate) version: String,
    pub(crate) source: String,
    pub(crate) correlation_id: String,
    pub(crate) causation_id: Option<String>,
    pub(crate) trace_id: Option<String>,
    pub(crate) span_id: Option<String>,
    pub(crate) more: Object,
    pub(crate) assumed: Vec<&'static str>,
}

impl Metadata {
    /// The version of an event whose record names none.
    pub const DEFAULT_VERSION: &str = "1.0";

    /// The source of an event whose record names none.
    pub const UNKNOWN_SOURCE: &str = "unknown";

    /// The metadata of a new event; its correlation id is its own id, until another is given.
    pub fn new(event_id: impl Into<String>, event_type: impl Into<String>, timestamp: Timestamp) -> Self {
        let event_id = event_id.into();
        Self {
            correlation_id: event_id.clone(),
            event_id,
            event_type: event_type.into(),
            timestamp,
            version: Self::DEFAULT_VERSION.into(),
            source: Self::UNKNOWN_SOURCE.into(),
            causation_id: None,
            trace_id: None,
            span_id: None,
            more: Object::new(),
            assumed: Vec::new(),
        }
    }

    /// The version of the data's schema. Default: 1.0.
    #[must_use]
    pub fn with_version(mut self, version: impl Into<String>) -> Self {
        self.version = version.into();
        self
    }

    /// The service that made the event.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<String>) -> Self {
        self.source = source.into();
        self
    }

    /// The id that all events of one request carry.
    #[must_use]
    pub fn with_correlation_id(mut self, id: impl Into<String>) -> Self {
        self.correlation_id = id.into();
        self
    }

    /// The event that caused this one: its id, its correlation id and its trace.
    #[must_use]
    pub fn caused_by(mut self, cause: &Metadata) -> Self {
        self.causation_id = Some(cause.event_id.clone());
        self.correlation_id.clone_from(&cause.correlation_id);
        self.trace_id.clone_from(&cause.trace_id);
        self.span_id.clone_from(&cause.span_id);
        self
    }

    /// The span that makes the event.
    #[must_use]
    pub fn with_trace(mut self, trace: &TraceContext) -> Self {
        self.trace_id = Some(trace.trace_id().to_string());
        self.span_id = Some(trace.span_id().to_string());
        self
    }

    /// The event's own id.
    pub fn event_id(&self) -> &str {
        &self.event_id
    }

    /// What happened, like `order.created`.
    pub fn event_type(&self) -> &str {
        &self.event_type
    }

    /// When it happened.
    pub fn timestamp(&self) -> Timestamp {
        self.timestamp
    }

    /// The version of the data's schema.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The service that made the event.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The id that all events of one request carry.
    pub fn correlation_id(&self) -> &str {
        &self.correlation_id
    }

    /// The id of the event that caused this one.
    pub fn causation_id(&self) -> Option<&str> {
        self.causation_id.as_deref()
    }

    /// The trace's id, as it was read.
    pub fn trace_id(&self) -> Option<&str> {
        self.trace_id.as_deref()
    }

    /// The span's id, as it was read.
    pub fn span_id(&self) -> Option<&str> {
        self.span_id.as_deref()
    }

    /// The span that made the event, if its ids are W3C's.
    pub fn trace(&self) -> Option<TraceContext> {
        let trace_id: TraceId = self.trace_id.as_deref()?.parse().ok()?;
        let span_id: SpanId = self.span_id.as_deref()?.parse().ok()?;
        Some(TraceContext::new(trace_id, span_id))
    }

    /// Further metadata, which we only pass on.
    pub fn more(&self) -> &Object {
        &self.more
    }

    /// Further metadata, to be changed.
    pub fn more_mut(&mut self) -> &mut Object {
        &mut self.more
    }

    /// The fields that the record did not have, so that a service can count sloppy producers.
    pub fn assumed(&self) -> &[&'static str] {
        &self.assumed
    }
}
