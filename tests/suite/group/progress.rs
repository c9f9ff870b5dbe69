//! How far a group has come, judged as it goes: nothing is skipped, nothing stands still, and no commit is ahead.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use ottla_kafka_core::TopicPartition;
use tokio::time::Instant;

use crate::harness::Outcome;

/// What all members of a group have handled, by partition. Cloning shares it.
#[derive(Clone, Debug, Default)]
pub(super) struct Progress(Arc<Mutex<BTreeMap<i32, Handled>>>);

/// One partition.
#[derive(Clone, Copy, Debug)]
struct Handled {
    /// Every record before this offset was handled by somebody.
    before: i64,
    /// Since when the record at `before` has been in the log without being handled.
    waiting_since: Option<Instant>,
    longest_wait: Duration,
    /// The highest commit that was seen.
    committed: i64,
}

impl Progress {
    fn partitions(&self) -> MutexGuard<'_, BTreeMap<i32, Handled>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A member handled the records from `first` to before `next`.
    pub(super) fn handled(&self, partition: i32, first: i64, next: i64) -> Outcome {
        let mut partitions = self.partitions();
        let handled = partitions.entry(partition).or_insert_with(Handled::nothing);
        if first > handled.before {
            return Err(format!("partition {partition}: {} to {first} were skipped", handled.before).into());
        }
        if next > handled.before {
            handled.before = next;
            handled.end_wait();
        }
        Ok(())
    }

    /// The producer has an acknowledgement for the record at `offset`: it can be read from now on.
    pub(super) fn written(&self, partition: i32, offset: i64) {
        let mut partitions = self.partitions();
        let handled = partitions.entry(partition).or_insert_with(Handled::nothing);
        if offset >= handled.before {
            handled.waiting_since.get_or_insert_with(Instant::now);
        }
    }

    /// The group's commits, as the coordinator knows them: none is ahead of what was handled.
    pub(super) fn committed(&self, offsets: impl IntoIterator<Item = (TopicPartition, i64)>) -> Outcome {
        let mut partitions = self.partitions();
        for (of, offset) in offsets {
            let handled = partitions.entry(of.partition()).or_insert_with(Handled::nothing);
            if offset > handled.before {
                return Err(format!("{of}: {offset} is committed, {} is handled", handled.before).into());
            }
            handled.committed = handled.committed.max(offset);
        }
        Ok(())
    }

    /// The longest time that a record which could be read was not handled, and nothing before it.
    pub(super) fn longest_wait(&self) -> Duration {
        let now = |handled: &Handled| handled.waiting_since.map_or(Duration::ZERO, |since| since.elapsed());
        self.partitions().values().map(|handled| handled.longest_wait.max(now(handled))).max().unwrap_or_default()
    }
}

impl Handled {
    fn nothing() -> Self {
        Self { before: 0, waiting_since: None, longest_wait: Duration::ZERO, committed: 0 }
    }

    /// There may be more to read: the next acknowledgement says so.
    fn end_wait(&mut self) {
        if let Some(since) = self.waiting_since.take() {
            self.longest_wait = self.longest_wait.max(since.elapsed());
        }
    }
}
