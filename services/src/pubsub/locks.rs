use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::OwnedMutexGuard;
use uuid::Uuid;

type Lock = Arc<tokio::sync::Mutex<()>>;

/// One holder per order at a time, so that two requests about one order do not publish it twice. Cloning shares them.
#[derive(Clone, Debug, Default)]
pub(super) struct OrderLocks(Arc<Mutex<BTreeMap<Uuid, Lock>>>);

/// Holds an order's lock until dropped.
#[derive(Debug)]
pub(super) struct OrderGuard {
    // Dropped in this order: the lock is given on before its place is cleared.
    _held: OwnedMutexGuard<()>,
    _place: Place,
}

/// Removes the order's entry when nobody else holds it or waits for it, also if the waiting is cancelled.
#[derive(Debug)]
struct Place {
    id: Uuid,
    lock: Option<Lock>,
    locks: OrderLocks,
}

impl OrderLocks {
    /// Waits until nobody else holds the order.
    ///
    /// # Cancel safety
    /// Safe: a dropped wait holds nothing.
    pub(super) async fn lock(&self, id: Uuid) -> OrderGuard {
        let lock = Arc::clone(self.map().entry(id).or_default());
        let place = Place { id, lock: Some(Arc::clone(&lock)), locks: self.clone() };
        OrderGuard { _held: lock.lock_owned().await, _place: place }
    }

    fn map(&self) -> MutexGuard<'_, BTreeMap<Uuid, Lock>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut map = self.locks.map();
        self.lock = None;
        // All clones are made and dropped under the map's lock or before it is taken: the map's own is the last.
        if map.get(&self.id).is_some_and(|lock| Arc::strong_count(lock) == 1) {
            map.remove(&self.id);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn one_holder_an_order_and_nothing_stays_behind() {
        let locks = OrderLocks::default();
        let (a, b) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let first = locks.lock(a).await;
        assert!(locks.lock(b).now_or_never().is_some());
        let mut second = Box::pin(locks.lock(a));
        assert!(second.as_mut().now_or_never().is_none());
        drop(first);
        assert!(locks.map().contains_key(&a), "somebody waits");
        drop(second);
        assert!(!locks.map().contains_key(&a), "the wait was cancelled");
        let second = locks.lock(a).now_or_never().expect("free");
        drop(second);
        assert!(locks.map().is_empty());
    }
}
