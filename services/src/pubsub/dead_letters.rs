//! Tells readers of an order that its record is on the dead letter topic.
//!
//! Only a note for readers: the dead letter itself is safe before it is written, and the record settles without it.

use std::{str, sync::Arc};

use ottla::{
    Env, Task,
    delivery::{DeliveryRecord, ErrorClass, Expected, Store, StoreError, Unit},
    envelope::Timestamp,
};
use tokio::sync::mpsc;
use uuid::Uuid;

use super::rows::{self, ORDER_STATES, OrderState, OrderStatus};

/// Takes notes to be written. Cloning shares it.
#[derive(Clone, Debug)]
pub(super) struct Marker(mpsc::Sender<Note>);

#[derive(Debug)]
struct Note {
    id: Uuid,
    reason: String,
}

/// Notes that may wait; beyond, the oldest questions are more than any reader asks.
const WAITING: usize = 10_000;

/// How often a note is tried again when the order's row has just changed.
const CONFLICTS: usize = 5;

impl Marker {
    /// Starts the task that writes; it ends when all markers are dropped and the notes are written.
    pub(super) fn start(env: &Env, store: Arc<dyn Store>) -> (Self, Task) {
        let (sender, mut notes) = mpsc::channel::<Note>(WAITING);
        let clock = env.clone();
        let task = env.spawn("dead letter notes", async move {
            while let Some(note) = notes.recv().await {
                let at = Timestamp::saturating_from_millis(clock.now_ms());
                if let Err(error) = write(&store, &note, at).await {
                    tracing::warn!(order = %note.id, %error, "dead-lettered, but not noted in the store");
                }
            }
        });
        (Self(sender), task)
    }

    /// Notes that `record` is dead-lettered, if its key is an order's id.
    pub(super) fn mark(&self, record: &DeliveryRecord, class: &ErrorClass) {
        let key = record.key().and_then(|key| str::from_utf8(key).ok());
        let Some(id) = key.and_then(|key| key.parse().ok()) else { return };
        if self.0.try_send(Note { id, reason: class.to_string() }).is_err() {
            tracing::warn!(order = %id, "dead-lettered, but too many notes wait for the store");
        }
    }
}

async fn write(store: &Arc<dyn Store>, note: &Note, at: Timestamp) -> Result<(), StoreError> {
    let key = rows::order_key(note.id);
    let mut conflicts = 0;
    loop {
        let row = store.get(ORDER_STATES, &key).await?;
        let expected = row.as_ref().map_or(Expected::Absent, |row| Expected::Version(row.version));
        let known: Option<OrderState> = row.map(|row| rows::parse(ORDER_STATES, &row.value)).transpose()?;
        if known.as_ref().is_some_and(|state| state.status == OrderStatus::Stored) {
            // Another record of the same order was fine.
            return Ok(());
        }
        let requested = known.and_then(|state| state.requested);
        let reason = Some(note.reason.clone());
        let state = OrderState { status: OrderStatus::DeadLettered, at, requested, reason, shared: false };
        match store.apply(Unit::new().put_if(ORDER_STATES, key.clone(), expected, rows::text(&state)?)).await {
            Err(error) if error.is_conflict() && conflicts < CONFLICTS => conflicts += 1,
            result => return result,
        }
    }
}

#[cfg(test)]
mod tests {
    use ottla::{TopicPartition, delivery::MemoryStore};

    use super::*;

    async fn state(store: &Arc<dyn Store>, id: Uuid) -> Option<OrderState> {
        rows::read(store, ORDER_STATES, &rows::order_key(id)).await.expect("reads")
    }

    #[tokio::test]
    async fn an_orders_state_says_so_unless_it_is_stored() {
        let (env, store): (_, Arc<dyn Store>) = (Env::system(), Arc::new(MemoryStore::new()));
        let (fresh, stored) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let at = Timestamp::saturating_from_millis(0);
        let done = OrderState { status: OrderStatus::Stored, at, requested: None, reason: None, shared: false };
        let row = Unit::new().put(ORDER_STATES, rows::order_key(stored), rows::text(&done).expect("JSON"));
        store.apply(row).await.expect("applies");

        let (marker, task) = Marker::start(&env, Arc::clone(&store));
        let record = DeliveryRecord::new(TopicPartition::new("orders", 0), 0, 0);
        for key in [fresh.to_string(), stored.to_string(), "no id".into(), String::new()] {
            marker.mark(&record.clone().with_key(key), &ErrorClass::UNDECODABLE);
        }
        marker.mark(&record, &ErrorClass::UNDECODABLE);
        drop(marker);
        assert!(task.await, "it ended by itself");

        let known = state(&store, fresh).await.expect("noted");
        assert_eq!((known.status, known.reason.as_deref()), (OrderStatus::DeadLettered, Some("undecodable")));
        assert_eq!(state(&store, stored).await, Some(done));
    }
}
