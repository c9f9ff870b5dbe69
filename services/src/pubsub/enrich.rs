//! From what a client sends to an order that needs no further question.

use std::{collections::BTreeMap, sync::Arc};

use ottla::{
    delivery::{Store, StoreError},
    envelope::Problem,
};
use uuid::Uuid;

use super::{
    order::{Item, Order, OrderRequest, Product, Stock, User},
    rows::{self, CUSTOMERS, STOCK},
};

/// Why an order cannot be completed.
#[derive(Debug)]
pub(super) enum EnrichError {
    /// It names what does not exist.
    Invalid(Vec<Problem>),
    /// The store could not be read.
    Store(StoreError),
}

impl From<StoreError> for EnrichError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// The order with its customer, prices and stock.
pub(super) async fn enrich(
    store: &Arc<dyn Store>,
    order_id: Uuid,
    request: &OrderRequest,
) -> Result<Order, EnrichError> {
    let user: Option<User> = rows::read(store, CUSTOMERS, request.customer_id.as_bytes()).await?;
    let mut products: BTreeMap<&str, Option<Product>> = BTreeMap::new();
    for item in &request.items {
        if !products.contains_key(item.product_id.as_str()) {
            products.insert(&item.product_id, rows::read(store, STOCK, item.product_id.as_bytes()).await?);
        }
    }
    complete(order_id, request, user, &products).map_err(EnrichError::Invalid)
}

fn complete(
    order_id: Uuid,
    request: &OrderRequest,
    user: Option<User>,
    products: &BTreeMap<&str, Option<Product>>,
) -> Result<Order, Vec<Problem>> {
    let mut problems = Vec::new();
    if user.is_none() {
        problems.push(Problem::new("/customer_id", "no such customer"));
    }
    let mut items = Vec::new();
    let mut ordered: BTreeMap<&str, u32> = BTreeMap::new();
    for (at, wanted) in request.items.iter().enumerate() {
        let Some(product) = products.get(wanted.product_id.as_str()).and_then(Option::as_ref) else {
            problems.push(Problem::new(format!("/items/{at}/product_id"), "no such product"));
            continue;
        };
        let Some(line_total) = product.unit_price.times(wanted.quantity) else {
            problems.push(Problem::new(format!("/items/{at}/quantity"), "more than can be counted"));
            continue;
        };
        let so_far = ordered.entry(&wanted.product_id).or_default();
        *so_far = so_far.saturating_add(wanted.quantity);
        items.push(Item {
            product_id: wanted.product_id.clone(),
            name: product.name.clone(),
            quantity: wanted.quantity,
            unit_price: product.unit_price,
            line_total,
        });
    }
    match user {
        Some(user) if problems.is_empty() => {
            let inventory_status = ordered.iter().filter_map(|(id, wanted)| stock(id, *wanted, products)).collect();
            Ok(Order { order_id, customer_info: user.into(), items, inventory_status })
        }
        _ => Err(problems),
    }
}

fn stock(product_id: &str, wanted: u32, products: &BTreeMap<&str, Option<Product>>) -> Option<Stock> {
    let product = products.get(product_id)?.as_ref()?;
    Some(Stock {
        product_id: product_id.to_owned(),
        available: product.available.saturating_sub(wanted),
        in_stock: product.available >= wanted,
    })
}

#[cfg(test)]
mod tests {
    use ottla::Money;

    use super::*;
    use crate::pubsub::order::{Address, RequestedItem};

    fn user() -> User {
        let address = Address { street: "s".into(), city: "c".into(), postal_code: "p".into(), country: "FR".into() };
        User { user_id: "user-456".into(), email: "john@example.com".into(), name: "John Doe".into(), address }
    }

    fn completed(price: i64, available: u32, quantities: &[u32]) -> Result<Order, Vec<Problem>> {
        let lamp = Product { name: "Lamp".into(), unit_price: Money::from_minor(price), available };
        let item = |quantity: &u32| RequestedItem { product_id: "prod-789".into(), quantity: *quantity };
        let items = quantities.iter().map(item).collect();
        let request = OrderRequest { order_id: None, customer_id: "user-456".into(), items };
        complete(Uuid::nil(), &request, Some(user()), &BTreeMap::from([("prod-789", Some(lamp))]))
    }

    #[test]
    fn stock_is_what_the_whole_order_leaves() {
        let check = |available, quantities: &[u32], left, in_stock| {
            let order = completed(4999, available, quantities).expect("complete");
            let stock = Stock { product_id: "prod-789".into(), available: left, in_stock };
            assert_eq!(order.inventory_status, [stock], "{quantities:?} of {available}");
            assert_eq!(order.items.len(), quantities.len());
        };
        check(120, &[2], 118, true);
        check(5, &[2, 3], 0, true);
        check(4, &[2, 3], 0, false);
        check(0, &[1], 0, false);
    }

    #[test]
    fn amounts_are_exact_or_refused() {
        let order = completed(4999, 120, &[2]).expect("complete");
        assert_eq!(order.items[0].line_total.to_string(), "99.98");
        let problems = completed(i64::MAX, 120, &[2]).expect_err("too much");
        assert_eq!(problems[0].pointer(), "/items/0/quantity");
    }
}
