//! What the consumer, its handles and the owner share.

use std::{
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use ottla_kafka_core::Error;
use tokio::{sync::Notify, time::Instant};

use super::outbox::Outbox;
use crate::event::Event;

/// The outbox with its wake-ups, and when the application was last heard of.
#[derive(Debug)]
pub(crate) struct Shared {
    outbox: Mutex<Outbox>,
    /// Something waits in the outbox.
    readable: Notify,
    /// The owner should look: something was taken, paused, resumed, or is waited for.
    wake: Notify,
    origin: Instant,
    /// Whether a `recv` waits right now.
    waiting: AtomicBool,
    /// Whether a `recv` found nothing since the owner last looked; it may have been dropped since.
    asked: AtomicBool,
    last_poll_ms: AtomicU64,
}

impl Shared {
    pub(crate) fn new() -> Self {
        Self {
            outbox: Mutex::default(),
            readable: Notify::new(),
            wake: Notify::new(),
            origin: Instant::now(),
            waiting: AtomicBool::new(false),
            asked: AtomicBool::new(false),
            last_poll_ms: AtomicU64::new(0),
        }
    }

    /// The time of this consumer: since it was built.
    pub(crate) fn now(&self) -> Duration {
        self.origin.elapsed()
    }

    /// The moment `time` of this consumer.
    pub(crate) fn instant(&self, time: Duration) -> Instant {
        self.origin + time
    }

    pub(crate) fn outbox(&self) -> MutexGuard<'_, Outbox> {
        self.outbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the outbox, and lets `recv` look at it.
    pub(crate) fn tell<T>(&self, change: impl FnOnce(&mut Outbox) -> T) -> T {
        let result = change(&mut self.outbox());
        self.readable.notify_one();
        result
    }

    /// Changes the outbox on the application's behalf, and lets the owner look at it.
    pub(crate) fn ask<T>(&self, change: impl FnOnce(&mut Outbox) -> T) -> T {
        let result = self.tell(change);
        self.wake.notify_one();
        result
    }

    /// The next event. Dropping the future loses nothing.
    pub(crate) async fn recv(&self) -> Result<Event, Error> {
        let _polling = Polling::begin(self);
        loop {
            if let Some(event) = self.outbox().pop() {
                self.wake.notify_one();
                return event;
            }
            self.asked.store(true, Ordering::SeqCst);
            self.wake.notify_one();
            self.readable.notified().await;
        }
    }

    /// Waits until the owner should look.
    pub(crate) async fn woken(&self) {
        self.wake.notified().await;
    }

    fn is_waiting(&self) -> bool {
        self.waiting.load(Ordering::SeqCst)
    }

    /// Whether the application wants events, and has taken those that were there.
    pub(crate) fn wants_more(&self) -> bool {
        let asked = self.asked.swap(false, Ordering::SeqCst) || self.is_waiting();
        asked && self.outbox().is_empty()
    }

    /// The application is alive.
    pub(crate) fn touch(&self) {
        let now = u64::try_from(self.now().as_millis()).unwrap_or(u64::MAX);
        self.last_poll_ms.fetch_max(now, Ordering::SeqCst);
    }

    /// When the application last polled or settled something: now, while it waits.
    pub(crate) fn last_poll(&self) -> Duration {
        if self.is_waiting() { self.now() } else { Duration::from_millis(self.last_poll_ms.load(Ordering::SeqCst)) }
    }
}

/// A `recv` that waits; the application polls until it ends.
struct Polling<'a>(&'a Shared);

impl<'a> Polling<'a> {
    fn begin(shared: &'a Shared) -> Self {
        shared.touch();
        shared.waiting.store(true, Ordering::SeqCst);
        Self(shared)
    }
}

impl Drop for Polling<'_> {
    fn drop(&mut self) {
        self.0.touch();
        self.0.waiting.store(false, Ordering::SeqCst);
    }
}
