//! The tables of the orders system, as JSON rows in a store.

use std::sync::Arc;

use ottla::{
    delivery::{Expected, Store, StoreError, Unit},
    envelope::Timestamp,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::value::RawValue;
use uuid::Uuid;

use super::order::{OrderRequest, RequestedItem, User};

/// Users by id: a [`CustomerRow`] each.
pub const CUSTOMERS: &str = "customers";
/// Products by id.
pub const STOCK: &str = "stock";
/// The event store: one [`StoredOrder`] an order, by order id.
pub const ORDERS: &str = "orders";
/// What is known of an order, by order id: an [`OrderState`].
pub const ORDER_STATES: &str = "order_states";
/// All of them.
pub const TABLES: [&str; 4] = [CUSTOMERS, STOCK, ORDERS, ORDER_STATES];

/// A row of the event store.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct StoredOrder {
    /// The partition of `orders` that the record stands in.
    pub partition: i32,
    /// The record's offset there.
    pub offset: i64,
    /// When it was stored.
    pub stored_at: Timestamp,
    /// The attempt that stored it, from 1.
    pub attempts: u32,
    /// How often the handler ran for this order in all, redeliveries included.
    pub handler_runs: u32,
    /// The record's value, to the letter.
    pub record: Box<RawValue>,
}

/// A row of the customers table.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct CustomerRow {
    /// The user, as its last event says.
    #[serde(flatten)]
    pub user: User,
    /// That event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<Seen>,
}

/// The event that a row comes from.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Seen {
    /// Its id.
    pub event_id: String,
    /// The partition it stands in.
    pub partition: i32,
    /// Its offset there.
    pub offset: i64,
    /// When the row was written.
    pub at: Timestamp,
}

impl Seen {
    /// Whether an event at this place, created at this time, is this one or an older one. Two partitions have no order
    /// between them. An event that was created after the row was written is newer whatever its offset says: the topic
    /// was made anew.
    pub fn is_newer_than(&self, partition: i32, offset: i64, created_ms: i64) -> bool {
        self.partition == partition && offset <= self.offset && created_ms <= self.at.millis()
    }
}

/// What is known of an order.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct OrderState {
    /// How far it has come.
    pub status: OrderStatus,
    /// Since when.
    pub at: Timestamp,
    /// What was ordered, to tell a repeat from another order under the same id; unknown for most dead letters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requested: Option<Requested>,
    /// Why it is where it is, if it is dead-lettered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Whether more than one request has claimed the pending order: none of them may give it back.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub shared: bool,
}

/// How far an order has come.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum OrderStatus {
    /// Its record is on the topic.
    Pending,
    /// It is in the event store.
    Stored,
    /// Its record is on the dead letter topic.
    DeadLettered,
}

/// What was ordered, by whom.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Requested {
    customer_id: String,
    items: Vec<RequestedItem>,
}

impl From<&OrderRequest> for Requested {
    fn from(request: &OrderRequest) -> Self {
        Self { customer_id: request.customer_id.clone(), items: request.items.clone() }
    }
}

impl From<&super::order::Order> for Requested {
    fn from(order: &super::order::Order) -> Self {
        let items = order.items.iter();
        let items = items.map(|item| RequestedItem { product_id: item.product_id.clone(), quantity: item.quantity });
        Self { customer_id: order.customer_info.customer_id.clone(), items: items.collect() }
    }
}

impl Requested {
    /// Who ordered.
    pub fn customer_id(&self) -> &str {
        &self.customer_id
    }
}

/// An order's key in [`ORDERS`] and [`ORDER_STATES`], and of its record: its id in lower case with hyphens.
pub fn order_key(id: Uuid) -> Vec<u8> {
    id.hyphenated().to_string().into_bytes()
}

/// A row read as `T`.
pub(super) async fn read<T: DeserializeOwned>(
    store: &Arc<dyn Store>,
    table: &str,
    key: &[u8],
) -> Result<Option<T>, StoreError> {
    let Some(row) = store.get(table, key).await? else { return Ok(None) };
    parse(table, &row.value).map(Some)
}

/// A row's value as `T`.
pub(super) fn parse<T: DeserializeOwned>(table: &str, value: &[u8]) -> Result<T, StoreError> {
    serde_json::from_slice(value).map_err(|error| StoreError::Corrupt { detail: format!("a row of {table}: {error}") })
}

/// `value` as a row's value.
pub(super) fn text<T: Serialize>(value: &T) -> Result<Vec<u8>, StoreError> {
    serde_json::to_vec(value).map_err(|error| StoreError::Corrupt { detail: error.to_string() })
}

/// Writes one row whatever it was; says whether it is new.
pub(super) async fn upsert<T: Serialize>(
    store: &Arc<dyn Store>,
    table: &str,
    key: &str,
    value: &T,
) -> Result<bool, StoreError> {
    let value = text(value)?;
    let key = key.as_bytes().to_vec();
    let new = Unit::new().put_if(table, key.clone(), Expected::Absent, value.clone());
    match store.apply(new).await {
        Ok(()) => Ok(true),
        Err(error) if error.is_conflict() => store.apply(Unit::new().put(table, key, value)).await.map(|()| false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_event_is_known_by_its_place() {
        let at = Timestamp::saturating_from_millis(1_000);
        let seen = Seen { event_id: "e".into(), partition: 1, offset: 7, at };
        for (partition, offset, created_ms, older) in [
            (1, 6, 900, true),
            (1, 7, 900, true),
            (1, 8, 900, false),
            // Another partition says nothing, nor does an offset of a topic that was deleted and made anew.
            (2, 6, 900, false),
            (1, 0, 1_001, false),
        ] {
            assert_eq!(seen.is_newer_than(partition, offset, created_ms), older, "{partition} {offset} {created_ms}");
        }
    }
}
