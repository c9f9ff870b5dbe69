//! What happens to an order between the request and its answer.

use std::{
    num::{NonZeroU64, NonZeroU128},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use ottla::{
    Env, Error, Event, Metadata,
    delivery::{Expected, Store, StoreError, Unit},
    envelope::{Problem, SpanId, Timestamp, TraceContext, TraceId},
    kafka::record::Header,
};
use uuid::Uuid;

use super::{
    enrich::{EnrichError, enrich},
    locks::OrderLocks,
    order::{Order, OrderRequest},
    publisher::{Outgoing, Publisher},
    rows::{self, ORDER_STATES, OrderState, OrderStatus, Requested},
    schemas::Schemas,
    topics::ORDERS,
};
use crate::{detached::Detached, metrics::Metrics};

/// Takes orders. Cloning shares it.
#[derive(Clone, Debug)]
pub(super) struct Acceptor {
    pub(super) env: Env,
    pub(super) store: Arc<dyn Store>,
    pub(super) publisher: Arc<dyn Publisher>,
    pub(super) schemas: Arc<Schemas>,
    pub(super) locks: OrderLocks,
    pub(super) detached: Detached,
    pub(super) metrics: Metrics,
}

/// Where a request comes from.
#[derive(Clone, Debug, Default)]
pub(super) struct Origin {
    pub(super) correlation_id: Option<String>,
    pub(super) trace: Option<TraceContext>,
}

/// Why an order was not accepted.
#[derive(Debug)]
pub(super) enum Refusal {
    /// It names what does not exist.
    Invalid(Vec<Problem>),
    /// Its id belongs to another order.
    OtherOrder,
    /// Nothing was published.
    NotPublished(String),
    /// It may be in the log.
    Unknown(String),
    /// A record of ours does not fit its own schema.
    Internal(String),
}

/// How long another request about the same order is waited for: a little longer than its own publishing may take.
const LOCK_TIMEOUT: Duration = Duration::from_secs(12);

impl Acceptor {
    /// Publishes the order unless it is known, and answers once the brokers have it. It goes on if the caller leaves:
    /// otherwise a client that hangs up and asks again would make a second record.
    pub(super) async fn accept(&self, id: Uuid, request: OrderRequest, origin: Origin) -> Result<(), Refusal> {
        let this = self.clone();
        let work = async move { this.accept_once(id, &request, &origin).await };
        let result = self.detached.start("order", work).ok_or_else(|| {
            Refusal::NotPublished("as many orders as this service takes at a time are on their way".into())
        })?;
        result.await.unwrap_or_else(|_| Err(Refusal::Unknown("the order's task ended early".into())))
    }

    async fn accept_once(&self, id: Uuid, request: &OrderRequest, origin: &Origin) -> Result<(), Refusal> {
        let _guard = tokio::time::timeout(LOCK_TIMEOUT, self.locks.lock(id))
            .await
            .map_err(|_| Refusal::NotPublished("another request about this order takes too long".into()))?;
        let requested = Requested::from(request);
        let state: Option<OrderState> = rows::read(&self.store, ORDER_STATES, &rows::order_key(id)).await?;
        match state.and_then(|state| state.requested) {
            Some(known) if known == requested => return Ok(()),
            Some(_) => return Err(Refusal::OtherOrder),
            None => {}
        }
        let order = enrich(&self.store, id, request).await?;
        let record = self.record(order, origin)?;
        let publishing = self.metrics.publishing(ORDERS);
        let published = self.publisher.publish(record).await;
        publishing.ended(published.as_ref().map(drop));
        published?;
        self.remember(id, requested).await;
        Ok(())
    }

    fn record(&self, order: Order, origin: &Origin) -> Result<Outgoing, Refusal> {
        let trace = self.span(origin.trace);
        let now = Timestamp::saturating_from_millis(self.env.now_ms());
        let correlation_id = origin.correlation_id.clone().unwrap_or_else(|| self.env.uuid().to_string());
        let metadata = Metadata::new(self.env.uuid().to_string(), "order.created", now)
            .with_source("order-producer")
            .with_correlation_id(correlation_id)
            .with_trace(&trace);
        let key = Bytes::from(rows::order_key(order.order_id));
        let value = self.schemas.orders.encode(&Event::new(metadata, order));
        let value = value.map_err(|error| Refusal::Internal(error.to_string()))?;
        let traceparent = Header { key: Bytes::from_static(b"traceparent"), value: Some(trace.to_string().into()) };
        Ok(Outgoing { topic: ORDERS, key, value: value.into(), headers: vec![traceparent] })
    }

    /// A span of our own in the caller's trace, or in a new one.
    fn span(&self, parent: Option<TraceContext>) -> TraceContext {
        let span_id = SpanId::new(NonZeroU64::new(self.env.random_u64()).unwrap_or(NonZeroU64::MIN));
        parent.map(|parent| parent.child(span_id)).unwrap_or_else(|| {
            let trace_id = self.env.uuid().as_u128();
            TraceContext::new(TraceId::new(NonZeroU128::new(trace_id).unwrap_or(NonZeroU128::MIN)), span_id)
        })
    }

    /// Only a hint for repeats and readers: the record itself is safe, so a failure does not fail the order.
    async fn remember(&self, id: Uuid, requested: Requested) {
        let at = Timestamp::saturating_from_millis(self.env.now_ms());
        let state = OrderState { status: OrderStatus::Pending, at, requested: Some(requested), reason: None };
        let written = async {
            let text = rows::text(&state)?;
            // The consumer may have been faster: then its row stays.
            self.store.apply(Unit::new().put_if(ORDER_STATES, rows::order_key(id), Expected::Absent, text)).await
        };
        match written.await {
            Ok(()) | Err(StoreError::Conflict { .. }) => {}
            Err(error) => tracing::warn!(order = %id, %error, "accepted, but not noted in the store"),
        }
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Self::NotPublished(error.to_string())
    }
}

impl From<EnrichError> for Refusal {
    fn from(error: EnrichError) -> Self {
        match error {
            EnrichError::Invalid(problems) => Self::Invalid(problems),
            EnrichError::Store(error) => error.into(),
        }
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        if error.maybe_applied() { Self::Unknown(error.to_string()) } else { Self::NotPublished(error.to_string()) }
    }
}
