//! Work that goes on when the request it began with is dropped.

use std::{
    fmt,
    future::Future,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use ottla::{Env, Task};
use tokio::sync::{Semaphore, oneshot};
use tracing::Instrument as _;

/// Tasks whose results somebody waits for, but which end by themselves. Cloning shares them.
#[derive(Clone)]
pub(crate) struct Detached {
    env: Env,
    free: Arc<Semaphore>,
    limit: u32,
    running: Arc<Mutex<Vec<Task>>>,
}

impl Detached {
    /// At most `limit` tasks at a time.
    pub(crate) fn new(env: Env, limit: u32) -> Self {
        Self { env, free: Arc::new(Semaphore::new(limit as usize)), limit, running: Arc::default() }
    }

    /// Starts a task; `None` if as many run as may. Dropping the receiver leaves the task running.
    pub(crate) fn start<T: Send + 'static>(
        &self,
        name: &'static str,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Option<oneshot::Receiver<T>> {
        let permit = Arc::clone(&self.free).try_acquire_owned().ok()?;
        let (done, result) = oneshot::channel();
        // What it says belongs to the request that started it.
        let work = work.in_current_span();
        let task = self.env.spawn(name, async move {
            let value = work.await;
            // A client that has gone does not want it.
            let _ = done.send(value);
            drop(permit);
        });
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.retain(|task| !task.is_finished());
        running.push(task);
        Some(result)
    }

    /// Starts nothing more, and waits until all have ended, at most `grace`; says whether all did.
    ///
    /// # Cancel safety
    /// Safe: the tasks go on, and it may be called again.
    pub(crate) async fn close(&self, grace: Duration) -> bool {
        let all = self.free.acquire_many(self.limit);
        let Ok(Ok(permits)) = tokio::time::timeout(grace, all).await else { return false };
        permits.forget();
        true
    }
}

impl fmt::Debug for Detached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Detached").field("free", &self.free.available_permits()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn work_ends_although_nobody_waits_and_the_limit_holds() {
        let detached = Detached::new(Env::system(), 1);
        let (go, gone) = oneshot::channel::<()>();
        let (told, tell) = oneshot::channel();
        let result = detached.start("first", async move {
            gone.await.expect("told to go on");
            told.send(7).expect("the test waits");
        });
        drop(result.expect("room for one"));
        assert!(detached.start("second", async {}).is_none());
        assert!(!detached.close(Duration::from_secs(1)).await);
        go.send(()).expect("it waits");
        assert_eq!(tell.await, Ok(7));
        assert!(detached.close(Duration::from_secs(1)).await);
        assert!(detached.start("after the end", async {}).is_none());
    }
}
