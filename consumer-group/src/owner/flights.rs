//! The owner's requests in flight: at most one of each kind.

use std::{
    future::poll_fn,
    task::{Context, Poll},
};

use ottla_kafka_core::BoxFuture;

/// The kinds of requests that may be in flight together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flight {
    /// FindCoordinator, JoinGroup or SyncGroup: each replaces the one before.
    Membership,
    Heartbeat,
    Commit,
    Lookup,
    Metadata,
    Leave,
}

const KINDS: usize = Flight::Leave as usize + 1;

/// Futures, polled by their owner: no task of their own.
pub(crate) struct Flights<T>([Option<BoxFuture<'static, T>>; KINDS]);

impl<T> Flights<T> {
    pub(crate) fn new() -> Self {
        Self([const { None }; KINDS])
    }

    /// Starts `future`; what was in its place is dropped.
    pub(crate) fn start(&mut self, flight: Flight, future: impl Future<Output = T> + Send + 'static) {
        if let Some(slot) = self.0.get_mut(flight as usize) {
            *slot = Some(Box::pin(future));
        }
    }

    pub(crate) fn cancel(&mut self, flight: Flight) {
        if let Some(slot) = self.0.get_mut(flight as usize) {
            *slot = None;
        }
    }

    pub(crate) fn is_flying(&self, flight: Flight) -> bool {
        self.0.get(flight as usize).is_some_and(Option::is_some)
    }

    /// Waits for the first to end. Dropping the future loses nothing.
    pub(crate) async fn next(&mut self) -> T {
        poll_fn(|cx| self.poll(cx)).await
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<T> {
        for slot in &mut self.0 {
            if let Some(future) = slot
                && let Poll::Ready(done) = future.as_mut().poll(cx)
            {
                *slot = None;
                return Poll::Ready(done);
            }
        }
        Poll::Pending
    }
}
