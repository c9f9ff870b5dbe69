//! Order ids are taken before the order is published: whoever comes later with another order under the same id is told
//! so by every instance of the service, also when the first has not been stored yet.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::{Arc, Mutex, PoisonError},
};

use ottla::{
    delivery::{Expected, Store, StoreError, Unit},
    envelope::Timestamp,
};
use uuid::Uuid;

use super::{
    refusal::Refusal,
    rows::{self, ORDER_STATES, OrderState, OrderStatus, Requested},
};

/// Who has which order id. Cloning shares what this instance remembers.
#[derive(Clone, Debug)]
pub(super) struct Claims {
    store: Arc<dyn Store>,
    acknowledged: Arc<Mutex<Recent>>,
}

/// What a claim found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Claim {
    /// Nobody had the id.
    New,
    /// This order had it, but whether its record was written is not known: it is published again, and stored once.
    Repeated,
    /// This order's record is in the log.
    Accepted,
}

/// How often a claim is tried again when the order's row has just changed.
const CONFLICTS: usize = 5;

impl Claims {
    pub(super) fn new(store: Arc<dyn Store>) -> Self {
        Self { store, acknowledged: Arc::default() }
    }

    /// Takes `id` for this order.
    pub(super) async fn take(&self, id: Uuid, requested: Requested, at: Timestamp) -> Result<Claim, Refusal> {
        let key = rows::order_key(id);
        let status = OrderStatus::Pending;
        let mut state = OrderState { status, at, requested: Some(requested), reason: None, shared: false };
        for _ in 0..CONFLICTS {
            let (known, expected) = self.read(&key).await?;
            let claim = match known {
                Some(OrderState { requested: Some(other), .. }) if Some(&other) != state.requested.as_ref() => {
                    return Err(Refusal::OtherOrder);
                }
                Some(OrderState { requested: Some(_), status: OrderStatus::Stored, .. }) => return Ok(Claim::Accepted),
                Some(OrderState { requested: Some(_), status: OrderStatus::Pending, .. })
                    if self.recent().contains(id) =>
                {
                    return Ok(Claim::Accepted);
                }
                Some(OrderState { requested: Some(_), shared: true, .. }) => return Ok(Claim::Repeated),
                // What was dead-lettered may have been a stranger's record under this order's key.
                Some(OrderState { requested: Some(_), .. }) => Claim::Repeated,
                Some(_) | None => Claim::New,
            };
            state.shared = claim == Claim::Repeated;
            let text = rows::text(&state)?;
            match self.store.apply(Unit::new().put_if(ORDER_STATES, key.clone(), expected, text)).await {
                Ok(()) => return Ok(claim),
                Err(error) if error.is_conflict() => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Refusal::NotPublished("the order's row changes all the time".to_owned()))
    }

    /// The order's record is in the log: a repeat needs no other.
    pub(super) fn acknowledged(&self, id: Uuid) {
        self.recent().add(id);
    }

    /// Gives back an id whose order was certainly not published, unless another request counts on the claim: it may
    /// have published the order. Only for readers: a claim that stays hinders nobody.
    pub(super) async fn release(&self, id: Uuid) {
        if let Err(error) = self.try_release(id).await {
            tracing::warn!(order = %id, %error, "not published, but still pending in the store");
        }
    }

    async fn try_release(&self, id: Uuid) -> Result<(), StoreError> {
        let key = rows::order_key(id);
        let (known, expected) = self.read(&key).await?;
        if known.is_none_or(|state| state.status != OrderStatus::Pending || state.shared) {
            return Ok(());
        }
        self.store.apply(Unit::new().delete(ORDER_STATES, key, expected)).await
    }

    async fn read(&self, key: &[u8]) -> Result<(Option<OrderState>, Expected), StoreError> {
        let row = self.store.get(ORDER_STATES, key).await?;
        let expected = row.as_ref().map_or(Expected::Absent, |row| Expected::Version(row.version));
        Ok((row.map(|row| rows::parse(ORDER_STATES, &row.value)).transpose()?, expected))
    }

    fn recent(&self) -> std::sync::MutexGuard<'_, Recent> {
        self.acknowledged.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The last orders that were acknowledged: until they are stored, only this instance knows.
#[derive(Debug, Default)]
struct Recent {
    ids: BTreeSet<Uuid>,
    oldest: VecDeque<Uuid>,
}

/// As many as the consumer may be behind before a repeat costs a second record.
const REMEMBERED: usize = 4096;

impl Recent {
    fn contains(&self, id: Uuid) -> bool {
        self.ids.contains(&id)
    }

    fn add(&mut self, id: Uuid) {
        if !self.ids.insert(id) {
            return;
        }
        self.oldest.push_back(id);
        if self.oldest.len() > REMEMBERED
            && let Some(oldest) = self.oldest.pop_front()
        {
            self.ids.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use ottla::delivery::MemoryStore;

    use super::*;
    use crate::pubsub::order::{OrderRequest, RequestedItem};

    fn requested(quantity: u32) -> Requested {
        let items = vec![RequestedItem { product_id: "prod-789".into(), quantity }];
        Requested::from(&OrderRequest { order_id: None, customer_id: "user-456".into(), items })
    }

    fn now() -> Timestamp {
        Timestamp::saturating_from_millis(0)
    }

    /// Two instances of the service on one store.
    fn instances() -> (Claims, Claims) {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        (Claims::new(Arc::clone(&store)), Claims::new(store))
    }

    #[tokio::test]
    async fn an_id_belongs_to_one_order_on_every_instance() {
        let (one, two) = instances();
        let id = Uuid::from_u128(1);
        assert_eq!(one.take(id, requested(1), now()).await.expect("free"), Claim::New);
        assert!(matches!(two.take(id, requested(2), now()).await, Err(Refusal::OtherOrder)));
        // Whether the first has published it, the second cannot know.
        assert_eq!(two.take(id, requested(1), now()).await.expect("the same order"), Claim::Repeated);
        one.acknowledged(id);
        assert_eq!(one.take(id, requested(1), now()).await.expect("the same order"), Claim::Accepted);
    }

    #[tokio::test]
    async fn an_id_that_was_given_back_is_free() {
        let (one, two) = instances();
        let id = Uuid::from_u128(1);
        one.take(id, requested(1), now()).await.expect("free");
        one.release(id).await;
        assert_eq!(two.take(id, requested(2), now()).await.expect("free again"), Claim::New);
    }

    #[tokio::test]
    async fn a_claim_that_another_request_counts_on_is_not_given_back() {
        let (one, two) = instances();
        let id = Uuid::from_u128(1);
        assert_eq!(one.take(id, requested(1), now()).await.expect("free"), Claim::New);
        assert_eq!(two.take(id, requested(1), now()).await.expect("the same order"), Claim::Repeated);
        // The second publishes it; the first could not, and says so.
        one.release(id).await;
        assert!(matches!(one.take(id, requested(2), now()).await, Err(Refusal::OtherOrder)));
        assert_eq!(one.take(id, requested(1), now()).await.expect("the same order"), Claim::Repeated);
    }

    #[tokio::test]
    async fn a_dead_letter_under_an_orders_key_is_no_proof_that_the_order_was_published() {
        let (one, _) = instances();
        let id = Uuid::from_u128(1);
        one.take(id, requested(1), now()).await.expect("free");
        let (known, expected) = one.read(&rows::order_key(id)).await.expect("reads");
        let dead = OrderState { status: OrderStatus::DeadLettered, ..known.expect("claimed") };
        let text = rows::text(&dead).expect("JSON");
        let marked = Unit::new().put_if(ORDER_STATES, rows::order_key(id), expected, text);
        one.store.apply(marked).await.expect("marked");
        assert_eq!(one.take(id, requested(1), now()).await.expect("the same order"), Claim::Repeated);
        assert!(matches!(one.take(id, requested(2), now()).await, Err(Refusal::OtherOrder)));
    }

    #[test]
    fn only_the_last_orders_are_remembered() {
        let mut recent = Recent::default();
        (0..=REMEMBERED as u128).for_each(|n| recent.add(Uuid::from_u128(n)));
        assert!(!recent.contains(Uuid::from_u128(0)));
        assert!(recent.contains(Uuid::from_u128(1)) && recent.contains(Uuid::from_u128(REMEMBERED as u128)));
        assert_eq!((recent.ids.len(), recent.oldest.len()), (REMEMBERED, REMEMBERED));
    }
}
