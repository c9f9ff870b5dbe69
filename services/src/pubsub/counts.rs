use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

/// What the handlers of one service did since it started. Cloning shares it.
#[derive(Clone, Debug, Default)]
pub struct Counts(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    handler_runs: AtomicU64,
    failed_on_purpose: AtomicU64,
    retried_records: AtomicU64,
}

impl Counts {
    /// How often a handler ran.
    pub fn handler_runs(&self) -> u64 {
        self.0.handler_runs.load(Relaxed)
    }

    /// How many of these runs failed because they were to.
    pub fn failures_on_purpose(&self) -> u64 {
        self.0.failed_on_purpose.load(Relaxed)
    }

    /// Records that were settled after more than one attempt.
    pub fn retried_records(&self) -> u64 {
        self.0.retried_records.load(Relaxed)
    }

    pub(super) fn handler_ran(&self) {
        self.0.handler_runs.fetch_add(1, Relaxed);
    }

    pub(super) fn failed_on_purpose(&self) {
        self.0.failed_on_purpose.fetch_add(1, Relaxed);
    }

    pub(super) fn record_retried(&self) {
        self.0.retried_records.fetch_add(1, Relaxed);
    }
}
