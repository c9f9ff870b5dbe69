//! What became of the records that were handed to the producer.

use std::collections::VecDeque;

use futures_util::FutureExt;
use ottla::{
    Error,
    kafka::{Ack, RecordMetadata},
};

/// Acknowledgements that are waited for, and those that were counted.
#[derive(Debug, Default)]
pub(super) struct Tally {
    waiting: VecDeque<Ack>,
    counts: Counts,
}

/// How many records ended how.
#[derive(Clone, Debug, Default)]
pub(super) struct Counts {
    /// Acknowledged: they are in the log.
    pub(super) acked: u64,
    /// Definitely not in the log.
    pub(super) failed: u64,
    /// In the log or not.
    pub(super) unknown: u64,
    /// The first failure.
    pub(super) first: Option<Error>,
}

impl Tally {
    /// Waits for one more acknowledgement.
    pub(super) fn add(&mut self, ack: Ack) {
        self.waiting.push_back(ack);
    }

    /// How many are waited for.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Counts those whose fate is known by now.
    pub(super) fn look(&mut self) {
        while self.next().now_or_never().flatten().is_some() {}
    }

    /// Waits for the fate of the one that waits longest; `None` if none does.
    ///
    /// # Cancel safety
    /// Safe: it is counted once.
    pub(super) async fn next(&mut self) -> Option<()> {
        let result = self.waiting.front_mut()?.await;
        self.waiting.pop_front();
        self.counts.count(result);
        Some(())
    }

    /// Waits for the fate of all.
    pub(super) async fn all(&mut self) {
        while self.next().await.is_some() {}
    }

    /// Counts a record that was never enqueued.
    pub(super) fn refused(&mut self, error: Error) {
        self.counts.count(Err(error));
    }

    /// Whether any has failed.
    pub(super) fn has_failed(&self) -> bool {
        self.counts.first.is_some()
    }

    /// The counts; who still waits counts as unknown.
    pub(super) fn into_counts(mut self) -> Counts {
        self.look();
        let left = u64::try_from(self.waiting.len()).unwrap_or(u64::MAX);
        self.counts.unknown = self.counts.unknown.saturating_add(left);
        self.counts
    }
}

impl Counts {
    fn count(&mut self, result: Result<RecordMetadata, Error>) {
        let count = match &result {
            Ok(_) => &mut self.acked,
            Err(error) if error.maybe_applied() => &mut self.unknown,
            Err(_) => &mut self.failed,
        };
        *count = count.saturating_add(1);
        if let Err(error) = result {
            self.first.get_or_insert(error);
        }
    }
}
