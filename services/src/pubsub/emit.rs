//! From data to a record on a topic: metadata, schema, trace.

use std::{
    num::{NonZeroU64, NonZeroU128},
    sync::Arc,
};

use bytes::Bytes;
use ottla::{
    Codec, Env, Event, Metadata,
    envelope::{SpanId, Timestamp, TraceContext, TraceId},
    kafka::record::Header,
};
use serde::Serialize;
use tracing::Instrument as _;

use super::{
    origin::Origin,
    publisher::{Outgoing, Publisher},
    refusal::Refusal,
};
use crate::{metrics::Metrics, telemetry};

/// What the service calls itself in the metadata of its records.
const SOURCE: &str = "order-producer";

/// Publishes events and waits for the brokers. Cloning shares it.
#[derive(Clone, Debug)]
pub(super) struct Emitter {
    pub(super) env: Env,
    pub(super) publisher: Arc<dyn Publisher>,
    pub(super) metrics: Metrics,
}

/// What happened, and where it is told.
#[derive(Debug)]
pub(super) struct Happened<T> {
    pub(super) topic: &'static str,
    pub(super) key: Vec<u8>,
    pub(super) event_type: &'static str,
    pub(super) data: T,
}

impl Emitter {
    /// Publishes what happened and waits for the brokers' acknowledgement.
    pub(super) async fn emit<T: Serialize>(
        &self,
        codec: &Codec<T>,
        happened: Happened<T>,
        origin: &Origin,
    ) -> Result<(), Refusal> {
        let topic = happened.topic;
        let trace = self.span(origin.trace);
        let record = self.record(codec, happened, origin, &trace)?;
        let (publishing, span) = (self.metrics.publishing(topic), telemetry::publishing(topic, &trace));
        let published = self.publisher.publish(record).instrument(span.clone()).await;
        if let Err(error) = &published {
            span.record("error", tracing::field::display(error));
        }
        publishing.ended(published.as_ref().map(drop));
        Ok(published?)
    }

    fn record<T: Serialize>(
        &self,
        codec: &Codec<T>,
        happened: Happened<T>,
        origin: &Origin,
        trace: &TraceContext,
    ) -> Result<Outgoing, Refusal> {
        let Happened { topic, key, event_type, data } = happened;
        let metadata = Metadata::new(self.env.uuid().to_string(), event_type, self.now())
            .with_source(SOURCE)
            .with_correlation_id(&origin.correlation_id)
            .with_trace(trace);
        let value = codec.encode(&Event::new(metadata, data));
        let value = value.map_err(|error| Refusal::Internal(error.to_string()))?;
        let traceparent = Header { key: Bytes::from_static(b"traceparent"), value: Some(trace.to_string().into()) };
        Ok(Outgoing { topic, key: key.into(), value: value.into(), headers: vec![traceparent] })
    }

    /// The time on the wall.
    pub(super) fn now(&self) -> Timestamp {
        Timestamp::saturating_from_millis(self.env.now_ms())
    }

    /// A span of our own in the caller's trace, or in a new one.
    fn span(&self, parent: Option<TraceContext>) -> TraceContext {
        let span_id = SpanId::new(NonZeroU64::new(self.env.random_u64()).unwrap_or(NonZeroU64::MIN));
        parent.map(|parent| parent.child(span_id)).unwrap_or_else(|| {
            let trace_id = self.env.uuid().as_u128();
            TraceContext::new(TraceId::new(NonZeroU128::new(trace_id).unwrap_or(NonZeroU128::MIN)), span_id)
        })
    }
}
