//! Work that many wait for and that is done once.

use std::{
    pin::pin,
    sync::{Arc, OnceLock},
};

use tokio::sync::Notify;

use crate::env::{Env, Task};

/// Work under way in a task of its own. A waiter that is dropped, or held without being polled, holds nobody up.
#[derive(Debug)]
pub(crate) struct Flight<T> {
    landed: Arc<Landed<T>>,
    task: Task,
}

/// The result, `None` if the work was given up. Waiters are woken in the order in which they came: records that waited
/// for their topic's metadata go on in their order.
#[derive(Debug)]
struct Landed<T> {
    result: OnceLock<Option<T>>,
    waiters: Notify,
}

impl<T> Landed<T> {
    fn land(&self, result: Option<T>) {
        // What has landed before stays.
        let _ = self.result.set(result);
        self.waiters.notify_waiters();
    }
}

/// Tells the waiters when the work is given up.
struct Aloft<T>(Arc<Landed<T>>);

impl<T> Drop for Aloft<T> {
    fn drop(&mut self) {
        self.0.land(None);
    }
}

impl<T: Clone + Send + Sync + 'static> Flight<T> {
    /// Starts `work` as a task called `name`.
    pub(crate) fn start(env: &Env, name: &'static str, work: impl Future<Output = T> + Send + 'static) -> Self {
        let landed = Arc::new(Landed { result: OnceLock::new(), waiters: Notify::new() });
        let aloft = Aloft(Arc::clone(&landed));
        let task = env.spawn(name, async move {
            let result = work.await;
            aloft.0.land(Some(result));
        });
        Self { landed, task }
    }

    /// Whether the result is still to come.
    pub(crate) fn is_under_way(&self) -> bool {
        self.landed.result.get().is_none() && !self.task.is_finished()
    }

    /// The result; `None` if the work was given up.
    pub(crate) fn landing(&self) -> impl Future<Output = Option<T>> + Send + use<T> {
        let landed = Arc::clone(&self.landed);
        async move {
            let mut woken = pin!(landed.waiters.notified());
            // In line before the look: a result that comes in between wakes us.
            woken.as_mut().enable();
            if landed.result.get().is_none() {
                woken.await;
            }
            landed.result.get().cloned().flatten()
        }
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

    #[tokio::test]
    async fn waiters_go_on_in_the_order_in_which_they_came() {
        let (go, gone) = tokio::sync::oneshot::channel::<()>();
        let flight = Flight::start(&Env::system(), "test", async move {
            let _ = gone.await;
        });
        let order = std::sync::Mutex::new(Vec::new());
        let waiters = (0..100).map(|number| {
            let (landing, order) = (flight.landing(), &order);
            async move {
                landing.await;
                order.lock().expect("no panic").push(number);
            }
        });
        let waiters = futures_util::future::join_all(waiters);
        let ((), _) = tokio::join!(
            async {
                tokio::task::yield_now().await;
                go.send(()).expect("the flight waits");
            },
            waiters
        );
        assert!(order.into_inner().expect("no panic").is_sorted());
    }
}
