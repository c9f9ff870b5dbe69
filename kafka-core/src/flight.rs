//! Work that many wait for and that is done once.

use tokio::sync::watch;

use crate::env::{Env, Task};

/// Work under way in a task of its own. A waiter that is dropped, or held without being polled, holds nobody up.
#[derive(Debug)]
pub(crate) struct Flight<T> {
    landed: watch::Receiver<Option<T>>,
    task: Task,
}

impl<T: Clone + Send + Sync + 'static> Flight<T> {
    /// Starts `work` as a task called `name`.
    pub(crate) fn start(env: &Env, name: &'static str, work: impl Future<Output = T> + Send + 'static) -> Self {
        let (done, landed) = watch::channel(None);
        let task = env.spawn(name, async move {
            let result = work.await;
            done.send_replace(Some(result));
        });
        Self { landed, task }
    }

    /// Whether the result is still to come.
    pub(crate) fn is_under_way(&self) -> bool {
        self.landed.borrow().is_none() && !self.task.is_finished()
    }

    /// The result; `None` if the work was given up.
    pub(crate) fn landing(&self) -> impl Future<Output = Option<T>> + Send + use<T> {
        let mut landed = self.landed.clone();
        async move { landed.wait_for(Option::is_some).await.ok().and_then(|result| result.clone()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_waiter_that_is_not_polled_holds_nobody_up() {
        let (go, gone) = tokio::sync::oneshot::channel::<()>();
        let flight = Flight::start(&Env::system(), "test", async move {
            let _ = gone.await;
            7
        });
        let mut held = Box::pin(flight.landing());
        assert!(futures_util::poll!(&mut held).is_pending());
        assert!(flight.is_under_way());
        go.send(()).expect("the flight waits");
        assert_eq!(flight.landing().await, Some(7));
        assert_eq!(held.await, Some(7));
        assert!(!flight.is_under_way());
    }

    #[tokio::test]
    async fn giving_it_up_tells_the_waiters() {
        let flight = Flight::start(&Env::system(), "test", std::future::pending::<u8>());
        let landing = flight.landing();
        drop(flight);
        assert_eq!(landing.await, None);
    }
}
