//! One attempt at one record: decode, handle, publish, store.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Duration,
};

use futures_util::{FutureExt as _, future::try_join_all};
use ottla_kafka_core::{Error, ErrorCode, ErrorKind};
use tracing::Instrument as _;

use super::{health::StallReason, ports::Sink, route::Route, span};
use crate::{
    context::Context,
    decode::DecodeError,
    effects::{Collected, Effects},
    handler::{ErrorClass, HandlerError},
    record::DeliveryRecord,
    store::{Op, Store, StoreError},
};

/// What became of an attempt.
#[derive(Debug)]
pub(super) enum Outcome {
    /// Handled, and everything it wanted is safe.
    Done,
    /// The route's filter does not want the record.
    Filtered,
    /// It failed, and another attempt may not.
    Failed { class: ErrorClass, error: String, after: Option<Duration> },
    /// It failed as every other attempt would.
    Hopeless { class: ErrorClass, error: String },
    /// Its unit of work lost against another one. Not an attempt.
    Conflict(StoreError),
    /// What it needs is away. Says nothing about the record, so it is not an attempt.
    Outage(StallReason),
    /// The service cannot go on.
    Fatal(String),
}

impl Outcome {
    fn failed(class: ErrorClass, error: String) -> Self {
        Self::Failed { class, error, after: None }
    }

    /// What the store will never do is the record's fault; anything else holds it.
    fn of_store(error: StoreError) -> Self {
        match error {
            StoreError::Refused { .. } => Self::Hopeless { class: ErrorClass::STORE, error: error.to_string() },
            error => Self::Outage(StallReason::Store { error }),
        }
    }

    fn undecodable(error: &DecodeError) -> Self {
        Self::Hopeless { class: error.class().clone(), error: error.to_string() }
    }
}

/// What attempts need beside their record.
#[derive(Clone)]
pub(super) struct Attempts {
    pub(super) sink: Arc<dyn Sink>,
    pub(super) store: Option<Arc<dyn Store>>,
    pub(super) timeout: Duration,
}

impl Attempts {
    /// Runs attempt number `number`.
    pub(super) async fn run(&self, route: &Route, record: &Arc<DeliveryRecord>, number: u32) -> Outcome {
        let effects = Effects::default();
        let cx = Context::new(Arc::clone(record), number, self.store.clone(), effects.clone());
        let ended = self.handle(route, record, cx).await;
        let collected = effects.end();
        let outcome = match ended {
            Ok(()) => return self.apply(collected).await,
            Err(outcome) => outcome,
        };
        match (outcome, collected.store_failure) {
            // A handler that could not read fails in its own words; the store's are the truth.
            (Outcome::Failed { .. }, Some(error)) => Outcome::of_store(error),
            (outcome, _) => outcome,
        }
    }

    async fn handle(&self, route: &Route, record: &DeliveryRecord, cx: Context) -> Result<(), Outcome> {
        let start = || route.wants(record).then(|| route.process.start(record, cx));
        let handling = match catch_unwind(AssertUnwindSafe(start)) {
            Ok(None) => return Err(Outcome::Filtered),
            Ok(Some(Ok(handling))) => handling,
            Ok(Some(Err(error))) => return Err(Outcome::undecodable(&error)),
            Err(panic) => return Err(Outcome::undecodable(&DecodeError::new(panicked("decoder", &*panic)))),
        };
        // A panic may leave what the handler shares in a strange state; it is the handler's own, and it is told so.
        let handling = AssertUnwindSafe(handling).catch_unwind();
        match tokio::time::timeout(self.timeout, handling).await {
            Err(_) => {
                let text = format!("no result within {:?} (handler.timeout)", self.timeout);
                Err(Outcome::failed(ErrorClass::TIMEOUT, text))
            }
            Ok(Err(panic)) => Err(Outcome::failed(ErrorClass::PANIC, panicked("handler", &*panic))),
            Ok(Ok(Err(HandlerError::Retry { after, class, error }))) => Err(Outcome::Failed { class, error, after }),
            Ok(Ok(Err(HandlerError::Reject { error }))) => {
                Err(Outcome::Hopeless { class: ErrorClass::REJECTED, error })
            }
            Ok(Ok(Err(HandlerError::Fatal { error }))) => Err(Outcome::Fatal(error)),
            Ok(Ok(Ok(()))) => Ok(()),
        }
    }

    /// Publishes, then stores. In this order a crash or a conflict in between may publish twice; in the other, a
    /// handler that finds its own row after a crash would never publish at all.
    async fn apply(&self, collected: Collected) -> Outcome {
        let publishes = collected.publishes.into_iter().map(|record| async {
            let topic = Arc::clone(&record.topic);
            self.sink.publish(record).await.map_err(|error| (topic, error))
        });
        if let Err((topic, error)) = try_join_all(publishes).await {
            return if is_the_records_fault(&error) {
                Outcome::failed(ErrorClass::PUBLISH, format!("cannot be published to {topic}: {error}"))
            } else {
                Outcome::Outage(StallReason::Publish { topic, error })
            };
        }
        // A unit that only read has nothing to lose against anybody.
        let writes = collected.unit.ops().iter().any(|op| !matches!(op, Op::Expect { .. }));
        let Some(store) = self.store.as_ref().filter(|_| writes) else { return Outcome::Done };
        let span = span::storing(collected.unit.ops().len());
        let stored = store.apply(collected.unit).instrument(span.clone()).await;
        if let Err(error) = &stored {
            span.record("error", tracing::field::display(error));
        }
        match stored {
            Ok(()) => Outcome::Done,
            Err(error) if error.is_conflict() => Outcome::Conflict(error),
            Err(error) => Outcome::of_store(error),
        }
    }
}

/// Whether the record itself is why it was not written: another record could be.
pub(super) fn is_the_records_fault(error: &Error) -> bool {
    match error.kind() {
        ErrorKind::RecordTooLarge { .. } | ErrorKind::Invalid { .. } => true,
        ErrorKind::Broker { code, .. } => matches!(
            *code,
            ErrorCode::MESSAGE_TOO_LARGE
                | ErrorCode::RECORD_LIST_TOO_LARGE
                | ErrorCode::INVALID_RECORD
                | ErrorCode::INVALID_TIMESTAMP
        ),
        _ => false,
    }
}

/// What a panic said.
fn panicked(who: &str, panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("the {who} panicked: {}", text.unwrap_or("without a text"))
}
