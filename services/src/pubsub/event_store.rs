//! From the topic `orders` to the event store.

use std::str;

use ottla::{Context, Env, Event, Handler, HandlerError, delivery::Expected, envelope::Timestamp};
use serde_json::value::RawValue;

use super::{
    order::Order,
    rows::{self, ORDER_STATES, ORDERS, OrderState, OrderStatus, Requested, StoredOrder},
};

/// Puts each order into the event store once, however often its record comes.
#[derive(Clone, Debug)]
pub(super) struct StoreOrder {
    pub(super) env: Env,
}

impl Handler<Event<Order>> for StoreOrder {
    async fn handle(&self, event: Event<Order>, cx: Context) -> Result<(), HandlerError> {
        let key = rows::order_key(event.data().order_id);
        let store = cx.store()?;
        if let Some(row) = store.get(ORDERS, &key).await? {
            tracing::debug!(order = %event.data().order_id, offset = cx.offset(), "stored already");
            let known: StoredOrder = rows::parse(ORDERS, &row.value)?;
            let handler_runs = known.handler_runs.saturating_add(cx.attempt());
            store.put(ORDERS, key, rows::text(&StoredOrder { handler_runs, ..known })?)?;
            return Ok(());
        }
        let record = cx.record().value().and_then(|value| str::from_utf8(value).ok()).map(str::to_owned);
        let record = record.ok_or_else(|| HandlerError::reject("the record has no text"))?;
        let stored_at = Timestamp::saturating_from_millis(self.env.now_ms());
        let row = StoredOrder {
            partition: cx.topic_partition().partition(),
            offset: cx.offset(),
            stored_at,
            attempts: cx.attempt(),
            handler_runs: cx.attempt(),
            record: RawValue::from_string(record).map_err(HandlerError::reject)?,
        };
        let state = OrderState {
            status: OrderStatus::Stored,
            at: stored_at,
            requested: Some(Requested::from(event.data())),
            reason: None,
            shared: false,
        };
        store.put_if(ORDERS, key.clone(), Expected::Absent, rows::text(&row)?)?;
        store.put(ORDER_STATES, key, rows::text(&state)?)?;
        Ok(())
    }
}
