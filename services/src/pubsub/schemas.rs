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
