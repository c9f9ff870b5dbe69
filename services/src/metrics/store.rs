use std::sync::Arc;

use bytes::Bytes;
use ottla::{
    delivery::{PoolCounts, Row, Store, StoreError, StreamEntry, Unit},
    kafka::BoxFuture,
};
use tokio::time::Instant;

use super::{
    Metrics,
    cluster::raise,
    labels::{Operation, StoreFailure},
};

impl Metrics {
    /// Shows how busy the connections to PostgreSQL are, from now on.
    pub(crate) fn watch_connections(&self, counts: PoolCounts) {
        // A process has one store; a second one would be shown by its own metrics.
        let _ = self.inner().connections.set(counts);
    }

    /// Reads how busy the connections are.
    pub(crate) fn look_at_connections(&self) {
        let Some(counts) = self.inner().connections.get() else { return };
        let storing = &self.inner().storing;
        for (gauge, number) in
            [(&storing.max, counts.max()), (&storing.in_use, counts.in_use()), (&storing.waiting, counts.waiting())]
        {
            gauge.set(i64::try_from(number).unwrap_or(i64::MAX));
        }
        raise(&storing.acquired, counts.acquired());
        raise(&storing.timed_out, counts.timed_out());
        storing.waited.inc_by((counts.waited().as_secs_f64() - storing.waited.get()).max(0.0));
    }
}

/// A store whose operations are counted and timed.
#[derive(Debug)]
pub struct MeasuredStore {
    inner: Arc<dyn Store>,
    metrics: Metrics,
}

impl MeasuredStore {
    /// Measures what `inner` does.
    pub fn new(inner: Arc<dyn Store>, metrics: Metrics) -> Self {
        for operation in ["get", "scan", "read", "apply"] {
            drop(metrics.inner().serving.store_seconds.get_or_create(&Operation { operation }));
        }
        for error in ["conflict", "failed"] {
            drop(metrics.inner().serving.store_errors.get_or_create(&StoreFailure { operation: "apply", error }));
        }
        Self { inner, metrics }
    }

    fn measure<'a, T: 'a>(
        &'a self,
        operation: &'static str,
        work: BoxFuture<'a, Result<T, StoreError>>,
    ) -> BoxFuture<'a, Result<T, StoreError>> {
        Box::pin(async move {
            let running = Running::begin(&self.metrics, operation);
            let result = work.await;
            if let Err(error) = &result {
                let error = if error.is_conflict() { "conflict" } else { "failed" };
                self.metrics.inner().serving.store_errors.get_or_create(&StoreFailure { operation, error }).inc();
            }
            drop(running);
            result
        })
    }
}

/// An operation; one that is dropped has taken its time, too.
struct Running<'a> {
    metrics: &'a Metrics,
    operation: &'static str,
    began: Instant,
}

impl<'a> Running<'a> {
    fn begin(metrics: &'a Metrics, operation: &'static str) -> Self {
        metrics.inner().serving.store_in_flight.inc();
        Self { metrics, operation, began: Instant::now() }
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let serving = &self.metrics.inner().serving;
        serving.store_in_flight.dec();
        let labels = Operation { operation: self.operation };
        serving.store_seconds.get_or_create(&labels).observe(self.began.elapsed().as_secs_f64());
    }
}

impl Store for MeasuredStore {
    fn get<'a>(&'a self, table: &'a str, key: &'a [u8]) -> BoxFuture<'a, Result<Option<Row>, StoreError>> {
        self.measure("get", self.inner.get(table, key))
    }

    fn scan<'a>(
        &'a self,
        table: &'a str,
        after: Option<&'a [u8]>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<(Bytes, Row)>, StoreError>> {
        self.measure("scan", self.inner.scan(table, after, limit))
    }

    fn read<'a>(
        &'a self,
        stream: &'a str,
        from: u64,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<StreamEntry>, StoreError>> {
        self.measure("read", self.inner.read(stream, from, limit))
    }

    fn apply(&self, unit: Unit) -> BoxFuture<'_, Result<(), StoreError>> {
        self.measure("apply", self.inner.apply(unit))
    }
}
