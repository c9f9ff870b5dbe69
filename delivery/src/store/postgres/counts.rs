//! How busy the pool is, for whoever watches.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::time::Instant;

/// How busy a store's pool of connections is. Cloning shares it.
#[derive(Clone, Debug, Default)]
pub struct PoolCounts(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    max: AtomicU64,
    in_use: AtomicU64,
    waiting: AtomicU64,
    acquired: AtomicU64,
    timed_out: AtomicU64,
    waited_us: AtomicU64,
}

impl PoolCounts {
    /// The most connections at a time; 0 before the store has connected.
    pub fn max(&self) -> u64 {
        self.0.max.load(Relaxed)
    }

    /// Connections that a call has now, or is opening.
    pub fn in_use(&self) -> u64 {
        self.0.in_use.load(Relaxed)
    }

    /// Calls that wait for one now.
    pub fn waiting(&self) -> u64 {
        self.0.waiting.load(Relaxed)
    }

    /// Calls that were given one so far.
    pub fn acquired(&self) -> u64 {
        self.0.acquired.load(Relaxed)
    }

    /// Calls that got none in time so far.
    pub fn timed_out(&self) -> u64 {
        self.0.timed_out.load(Relaxed)
    }

    /// How long all calls so far have waited for one, together.
    pub fn waited(&self) -> Duration {
        Duration::from_micros(self.0.waited_us.load(Relaxed))
    }

    pub(super) fn set_max(&self, connections: usize) {
        self.0.max.store(connections as u64, Relaxed);
    }

    pub(super) fn time_out(&self) {
        self.0.timed_out.fetch_add(1, Relaxed);
    }

    /// A call waits until this is dropped.
    pub(super) fn wait(&self) -> Waiting {
        self.0.waiting.fetch_add(1, Relaxed);
        Waiting { counts: self.clone(), since: Instant::now() }
    }

    /// A call has a connection until this is dropped.
    pub(super) fn acquire(&self) -> InUse {
        self.0.acquired.fetch_add(1, Relaxed);
        self.0.in_use.fetch_add(1, Relaxed);
        InUse(self.clone())
    }
}

/// A call that waits.
pub(super) struct Waiting {
    counts: PoolCounts,
    since: Instant,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let waited = u64::try_from(self.since.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.counts.0.waited_us.fetch_add(waited, Relaxed);
        self.counts.0.waiting.fetch_sub(1, Relaxed);
    }
}

/// A connection in use.
pub(super) struct InUse(PoolCounts);

impl Drop for InUse {
    fn drop(&mut self) {
        self.0.0.in_use.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_call_waits_and_then_has_a_connection_until_it_is_dropped() {
        let counts = PoolCounts::default();
        let waiting = counts.wait();
        tokio::time::advance(Duration::from_millis(30)).await;
        assert_eq!((counts.waiting(), counts.in_use()), (1, 0));
        drop(waiting);
        let in_use = counts.acquire();
        assert_eq!((counts.waiting(), counts.in_use(), counts.acquired()), (0, 1, 1));
        assert_eq!(counts.waited(), Duration::from_millis(30));
        drop(in_use);
        assert_eq!((counts.in_use(), counts.acquired(), counts.timed_out()), (0, 1, 0));
    }
}
