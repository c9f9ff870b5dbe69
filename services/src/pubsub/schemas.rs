use std::fmt;

use ottla::{Codec, Schema, envelope::InvalidSchema};

use super::order::{Order, User};

/// The schemas of the orders system, compiled once.
#[derive(Clone)]
pub struct Schemas {
    /// `POST /orders`.
    pub order_request: Schema,
    /// `POST /users`.
    pub user_request: Schema,
    /// `PUT /inventory/{productId}`.
    pub inventory_request: Schema,
    /// Records on `orders`.
    pub orders: Codec<Order>,
    /// Records on `users`.
    pub users: Codec<User>,
}

impl Schemas {
    /// Compiles them.
    ///
    /// # Errors
    /// One of the files is no schema.
    pub fn compile() -> Result<Self, InvalidSchema> {
        let orders = Schema::compile(include_str!("../../schemas/orders.json"))?;
        let users = Schema::compile(include_str!("../../schemas/users.json"))?;
        Ok(Self {
            order_request: Schema::compile(include_str!("../../schemas/requests/order.json"))?,
            user_request: Schema::compile(include_str!("../../schemas/requests/user.json"))?,
            inventory_request: Schema::compile(include_str!("../../schemas/requests/inventory.json"))?,
            orders: Codec::ecst().with_schema(orders),
            users: Codec::ecst().with_schema(users),
        })
    }
}

impl fmt::Debug for Schemas {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Schemas")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn address() -> Value {
        json!({"street": "1 Main St", "city": "Paris", "postal_code": "75001", "country": "FR"})
    }

    fn order() -> Value {
        json!({
            "order_id": "550e8400-e29b-41d4-a716-446655440000",
            "customer_info": {
                "customer_id": "user-456", "email": "john@example.com", "name": "John Doe", "address": address()
            },
            "items": [
                {"product_id": "prod-789", "name": "Lamp", "quantity": 2, "unit_price": 49.99, "line_total": 99.98}
            ],
            "inventory_status": [{"product_id": "prod-789", "available": 118, "in_stock": true}],
            "metadata": {"event_id": "e-1", "event_type": "order.created", "timestamp": "2024-01-15T10:30:00.000Z"}
        })
    }

    #[test]
    fn the_documented_records_are_read_and_written() {
        let schemas = Schemas::compile().expect("schemas");
        let event = schemas.orders.decode("orders", order().to_string().as_bytes()).expect("reads");
        schemas.orders.encode(&event).expect("writes");
        let mut user = json!({
            "user_id": "user-456", "email": "john@example.com", "name": "John Doe", "address": address(),
            "metadata": {"event_id": "e-2", "timestamp": 1_705_314_600}
        });
        let event = schemas.users.decode("users", user.to_string().as_bytes()).expect("reads");
        schemas.users.encode(&event).expect("writes");
        user["email"] = json!("nowhere");
        let error = schemas.users.decode("users", user.to_string().as_bytes()).expect_err("refused");
        assert_eq!(error.kind(), "schema");
    }

    #[test]
    fn what_an_order_lacks_is_told_by_its_place() {
        let schemas = Schemas::compile().expect("schemas");
        let check = |pointer: &str, value: Value, told: &str| {
            let mut order = order();
            *order.pointer_mut(pointer).expect("it is there") = value;
            let error = schemas.orders.decode("orders", order.to_string().as_bytes()).expect_err("refused").to_string();
            assert!(error.contains(told), "{pointer}: {error}");
        };
        check("/order_id", json!("order-1"), "/order_id: ");
        check("/items", json!([]), "/items: ");
        check("/items/0/quantity", json!(0), "/items/0/quantity: ");
        check("/items/0/unit_price", json!(-1), "/items/0/unit_price: ");
        check("/items/0/line_total", json!(99.985), "2 decimals");
        check("/customer_info/address", json!({}), "\"street\" is a required property");
        check("/metadata/event_type", json!("order.cancelled"), "/metadata/event_type: ");
        check("/metadata/timestamp", json!("soon"), "timestamp");
        check("/metadata", json!(null), "/metadata: ");
    }
}
