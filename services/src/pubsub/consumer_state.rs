use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ottla::delivery::{HealthHandle, WorkerReport};

use crate::{health::Parts, metrics::Metrics};

/// How one consumer is. Cloning shares it.
#[derive(Clone, Debug)]
pub(super) struct ConsumerState {
    topic: &'static str,
    group: &'static str,
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    trouble: Option<String>,
    worker: Option<HealthHandle>,
    report: Option<WorkerReport>,
}

impl ConsumerState {
    pub(super) fn new(topic: &'static str, group: &'static str) -> Self {
        Self { topic, group, inner: Arc::default() }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn trouble(&self, trouble: String) {
        self.inner().trouble = Some(trouble);
    }

    pub(super) fn started(&self, worker: HealthHandle) {
        *self.inner() = Inner { trouble: None, worker: Some(worker), report: None };
    }

    pub(super) fn ended(&self, report: WorkerReport) {
        let mut inner = self.inner();
        inner.worker = None;
        inner.report = Some(report);
    }

    /// The last worker's report, once it has ended.
    pub(super) fn report(&self) -> Option<WorkerReport> {
        self.inner().report.clone()
    }

    /// Whether it is in its group, and why it does not work, if it does not.
    pub(super) fn parts(&self) -> Parts {
        let inner = self.inner();
        let health = inner.worker.as_ref().map(HealthHandle::current);
        let starting = || Some(format!("the consumer of {} is starting", self.topic));
        let not_ready = match &health {
            Some(health) if health.ready() => None,
            Some(health) => {
                let stalled =
                    health.stalled().first().map(|s| format!("{} stands still: {}", s.topic_partition(), s.reason()));
                stalled.or_else(|| health.trouble().map(ToString::to_string)).or_else(starting)
            }
            None => inner.trouble.clone().or_else(starting),
        };
        let joined = health.is_some_and(|health| health.joined());
        Parts { connected_consumers: usize::from(joined), not_ready }
    }

    pub(super) fn refresh(&self, metrics: &Metrics) {
        let health = self.inner().worker.as_ref().map(HealthHandle::current);
        let assigned = health.as_ref().map_or(&[][..], |health| health.assigned());
        metrics.assigned(self.group, assigned);
    }
}
