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

    /// Each text of `value`, by its place.
    fn texts(value: &Value, pointer: String, into: &mut Vec<String>) {
        match value {
            Value::String(_) => into.push(pointer),
            Value::Array(items) => {
                items.iter().enumerate().for_each(|(at, item)| texts(item, format!("{pointer}/{at}"), into));
            }
            Value::Object(fields) => {
                fields.iter().for_each(|(name, field)| texts(field, format!("{pointer}/{name}"), into));
            }
            _ => {}
        }
    }

    #[test]
    fn a_nul_is_refused_in_every_text() {
        let schemas = Schemas::compile().expect("schemas");
        let user =
            json!({"user_id": "user-456", "email": "john@example.com", "name": "John Doe", "address": address()});
        let mut user_record = user.clone();
        user_record["metadata"] = json!({"event_id": "e-2", "timestamp": 1_705_314_600});
        let item = json!({"product_id": "prod-789", "quantity": 2});
        let requested = json!({"order_id": order()["order_id"], "customer_id": "user-456", "items": [item]});
        let product = json!({"name": "Lamp", "unit_price": 1, "available": 1});
        type Check<'a> = Box<dyn Fn(&Value) -> bool + 'a>;
        let takes = |schema: &Schema| -> Check<'static> {
            let schema = schema.clone();
            Box::new(move |value| schema.check(value).is_ok())
        };
        let orders: Check<'_> = Box::new(|value| schemas.orders.decode("orders", value.to_string().as_bytes()).is_ok());
        let users: Check<'_> = Box::new(|value| schemas.users.decode("users", value.to_string().as_bytes()).is_ok());
        for (valid, takes) in [
            (order(), orders),
            (user_record, users),
            (user, takes(&schemas.user_request)),
            (requested, takes(&schemas.order_request)),
            (product, takes(&schemas.inventory_request)),
        ] {
            assert!(takes(&valid), "{valid}");
            let mut places = Vec::new();
            texts(&valid, String::new(), &mut places);
            assert!(!places.is_empty());
            for place in places {
                let mut bad = valid.clone();
                let text = bad.pointer_mut(&place).expect("it is there");
                *text = format!("{}\0", text.as_str().unwrap_or_default()).into();
                assert!(!takes(&bad), "{place} of {bad}");
            }
        }
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
