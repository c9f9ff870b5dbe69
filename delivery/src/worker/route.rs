//! What happens to the records of one topic.

use std::{fmt, marker::PhantomData, sync::Arc};

use ottla_kafka_core::BoxFuture;

use super::concurrency::Concurrency;
use crate::{
    context::Context,
    dead_letter::DeadLetters,
    decode::{Decode, DecodeError},
    handler::{Handler, HandlerError},
    record::DeliveryRecord,
    retry::RetryPolicy,
};

/// The way of one topic's records: filter, decoder, handler, and what follows a failure.
///
/// ```
/// use ottla_delivery::{Context, HandlerError, Json, RetryPolicy, Route};
///
/// let route = Route::new(Json, async |order: serde_json::Value, _cx: Context| -> Result<(), HandlerError> {
///     println!("{order}");
///     Ok(())
/// })
/// .filter(|record| record.header("test").is_none())
/// .retry(RetryPolicy::commerce());
/// ```
#[derive(Clone)]
pub struct Route {
    pub(super) process: Arc<dyn Process>,
    pub(super) filter: Option<Arc<Filter>>,
    pub(super) retry: RetryPolicy,
    pub(super) dead_letters: DeadLetters,
    pub(super) concurrency: Concurrency,
}

type Filter = dyn Fn(&DeliveryRecord) -> bool + Send + Sync;

impl Route {
    /// Records are decoded by `decoder` and given to `handler`.
    pub fn new<E: Send + 'static>(decoder: impl Decode<E>, handler: impl Handler<E>) -> Self {
        let process = DecodeAndHandle { decoder, handler, event: PhantomData };
        Self {
            process: Arc::new(process),
            filter: None,
            retry: RetryPolicy::default(),
            dead_letters: DeadLetters::default(),
            concurrency: Concurrency::default(),
        }
    }

    /// Only records for which `wanted` holds are decoded; the others are settled as filtered.
    #[must_use]
    pub fn filter(mut self, wanted: impl Fn(&DeliveryRecord) -> bool + Send + Sync + 'static) -> Self {
        self.filter = Some(Arc::new(wanted));
        self
    }

    /// What follows a failed attempt; [`RetryPolicy::orders`] by default.
    #[must_use]
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.retry = policy;
        self
    }

    /// Where records go that no attempt helps; `<topic>-dlq` by default.
    #[must_use]
    pub fn dead_letters(mut self, dead_letters: DeadLetters) -> Self {
        self.dead_letters = dead_letters;
        self
    }

    /// How many records of one partition are handled at once, and which of them keep their order; one at a time by
    /// default.
    #[must_use]
    pub fn concurrency(mut self, concurrency: Concurrency) -> Self {
        self.concurrency = concurrency;
        self
    }

    pub(super) fn wants(&self, record: &DeliveryRecord) -> bool {
        self.filter.as_ref().is_none_or(|wanted| wanted(record))
    }
}

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Route")
            .field("retry", &self.retry)
            .field("dead_letters", &self.dead_letters)
            .field("concurrency", &self.concurrency)
            .finish_non_exhaustive()
    }
}

/// A decoder and a handler without their types.
pub(super) trait Process: Send + Sync {
    /// Decodes the record; the future handles it.
    fn start(
        &self,
        record: &DeliveryRecord,
        cx: Context,
    ) -> Result<BoxFuture<'_, Result<(), HandlerError>>, DecodeError>;
}

struct DecodeAndHandle<D, H, E> {
    decoder: D,
    handler: H,
    event: PhantomData<fn(E)>,
}

impl<E: Send + 'static, D: Decode<E>, H: Handler<E>> Process for DecodeAndHandle<D, H, E> {
    fn start(
        &self,
        record: &DeliveryRecord,
        cx: Context,
    ) -> Result<BoxFuture<'_, Result<(), HandlerError>>, DecodeError> {
        let event = self.decoder.decode(record)?;
        // The call itself is inside the future: a handler that panics before its first await is caught all the same.
        Ok(Box::pin(async move { self.handler.handle(event, cx).await }))
    }
}
