//! What the outside world gives a library: wall time, randomness and tasks.
//!
//! Monotonic time is not here: it is `tokio::time`, which a test can pause.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use tokio::task::JoinHandle;
use uuid::Uuid;

/// A boxed future that may move between threads.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Wall time, for record timestamps and envelopes.
pub trait Clock: fmt::Debug + Send + Sync {
    /// Milliseconds since 1970-01-01T00:00:00Z.
    fn now_ms(&self) -> i64;
}

/// Randomness. In production it is the operating system's; only tests and simulations seed it.
pub trait Rng: fmt::Debug + Send + Sync {
    /// Fills `bytes`.
    fn fill(&self, bytes: &mut [u8]);
}

/// Starts tasks. A simulation runs blocking work inline and knows which node a task belongs to.
pub trait Spawner: fmt::Debug + Send + Sync {
    /// Starts `future` as a task called `name`.
    fn spawn(&self, name: &'static str, future: BoxFuture<'static, ()>) -> JoinHandle<()>;

    /// Runs `work`, which may block, off the event loop.
    fn spawn_blocking(&self, work: Box<dyn FnOnce() + Send>) -> JoinHandle<()>;
}

/// The seams to the outside world, given to every builder. Cloning shares them.
#[derive(Clone, Debug)]
pub struct Env {
    clock: Arc<dyn Clock>,
    rng: Arc<dyn Rng>,
    spawner: Arc<dyn Spawner>,
}

impl Env {
    /// The system's clock and random numbers, and tokio's tasks.
    pub fn system() -> Self {
        Self::new(Arc::new(SystemClock), Arc::new(OsRng), Arc::new(TokioSpawner))
    }

    /// An environment of the caller's own parts.
    pub fn new(clock: Arc<dyn Clock>, rng: Arc<dyn Rng>, spawner: Arc<dyn Spawner>) -> Self {
        Self { clock, rng, spawner }
    }

    /// Wall time in milliseconds since 1970.
    pub fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }

    /// Fills `bytes` with random ones.
    pub fn fill(&self, bytes: &mut [u8]) {
        self.rng.fill(bytes);
    }

    /// A random number.
    pub fn random_u64(&self) -> u64 {
        let mut bytes = [0; 8];
        self.rng.fill(&mut bytes);
        u64::from_le_bytes(bytes)
    }

    /// A random (version 4) UUID.
    pub fn uuid(&self) -> Uuid {
        let mut bytes = [0; 16];
        self.rng.fill(&mut bytes);
        uuid::Builder::from_random_bytes(bytes).into_uuid()
    }

    /// Starts a task that its [`Task`] owns.
    pub fn spawn(&self, name: &'static str, future: impl Future<Output = ()> + Send + 'static) -> Task {
        Task(self.spawner.spawn(name, Box::pin(future)))
    }

    /// Runs work that may block, off the event loop; `None` if it panicked.
    ///
    /// # Cancel safety
    /// The work runs to its end even if the future is dropped.
    pub async fn run_blocking<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
        let (done, result) = tokio::sync::oneshot::channel();
        let handle = self.spawner.spawn_blocking(Box::new(move || {
            // The receiver is gone only if the caller was dropped; the work is done all the same.
            let _ = done.send(work());
        }));
        match result.await {
            Ok(value) => Some(value),
            Err(_) => {
                let _ = handle.await;
                None
            }
        }
    }
}

/// A task that ends when its owner drops it; awaiting it waits for its end.
#[derive(Debug)]
#[must_use = "dropping a task ends it"]
pub struct Task(JoinHandle<()>);

impl Task {
    /// Asks the task to end at its next await.
    pub fn abort(&self) {
        self.0.abort();
    }

    /// Whether it has ended.
    pub fn is_finished(&self) -> bool {
        self.0.is_finished()
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Future for Task {
    type Output = bool;

    /// True unless the task panicked. Awaiting `&mut task` leaves the owner its handle.
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<bool> {
        Pin::new(&mut self.0).poll(cx).map(|end| end.err().is_none_or(|e| e.is_cancelled()))
    }
}

#[derive(Debug)]
struct SystemClock;

impl Clock for SystemClock {
    fn now_ms(&self) -> i64 {
        #[allow(clippy::disallowed_methods, reason = "this is the seam itself")]
        let now = std::time::SystemTime::now();
        match now.duration_since(std::time::UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
            Err(_) => 0,
        }
    }
}

#[derive(Debug)]
struct OsRng;

impl Rng for OsRng {
    fn fill(&self, bytes: &mut [u8]) {
        #[allow(clippy::expect_used, reason = "without randomness no id is safe: nothing sensible can follow")]
        getrandom::fill(bytes).expect("the operating system gives random numbers");
    }
}

#[derive(Debug)]
struct TokioSpawner;

impl Spawner for TokioSpawner {
    fn spawn(&self, _name: &'static str, future: BoxFuture<'static, ()>) -> JoinHandle<()> {
        #[allow(clippy::disallowed_methods, reason = "this is the seam itself")]
        tokio::spawn(future)
    }

    fn spawn_blocking(&self, work: Box<dyn FnOnce() + Send>) -> JoinHandle<()> {
        #[allow(clippy::disallowed_methods, reason = "this is the seam itself")]
        tokio::task::spawn_blocking(work)
    }
}
