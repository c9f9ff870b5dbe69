//! The data of the orders system, as it stands in records, requests and rows.

use ottla::Money;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// An order with everything a reader needs to know: nobody has to ask another service.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Order {
    /// Its id, which is also the record's key.
    pub order_id: Uuid,
    /// Who ordered.
    pub customer_info: Customer,
    /// What was ordered.
    pub items: Vec<Item>,
    /// The stock of the products ordered, as it was then.
    pub inventory_status: Vec<Stock>,
}

/// A customer.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Customer {
    /// The user's id.
    pub customer_id: String,
    /// The mail address.
    pub email: String,
    /// The full name.
    pub name: String,
    /// Where parcels go.
    pub address: Address,
}

/// A postal address.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Address {
    /// Street and number.
    pub street: String,
    /// The city.
    pub city: String,
    /// The postal code.
    pub postal_code: String,
    /// The country, as ISO 3166-1 alpha-2 names it.
    pub country: String,
}

/// A line of an order.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Item {
    /// The product's id.
    pub product_id: String,
    /// The product's name.
    pub name: String,
    /// How many.
    pub quantity: u32,
    /// The price of one.
    pub unit_price: Money,
    /// The price of all.
    pub line_total: Money,
}

/// What is in stock of a product.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Stock {
    /// The product's id.
    pub product_id: String,
    /// How many are left once this order is served.
    pub available: u32,
    /// Whether there are enough for this order.
    pub in_stock: bool,
}

/// The body of `POST /orders`.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct OrderRequest {
    /// The id that makes a repeat safe; chosen by the service if missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order_id: Option<Uuid>,
    /// Who orders.
    pub customer_id: String,
    /// What is ordered.
    pub items: Vec<RequestedItem>,
}

/// A line of a request.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct RequestedItem {
    /// The product's id.
    pub product_id: String,
    /// How many, 1 to 1000.
    pub quantity: u32,
}

/// The body of `POST /users`, and a user's row.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct User {
    /// The user's id.
    pub user_id: String,
    /// The mail address.
    pub email: String,
    /// The full name.
    pub name: String,
    /// Where parcels go.
    pub address: Address,
}

/// The body of `PUT /inventory/{productId}`, and a product's row.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Product {
    /// The product's name.
    pub name: String,
    /// The price of one.
    pub unit_price: Money,
    /// How many are in stock.
    pub available: u32,
}

impl From<User> for Customer {
    fn from(user: User) -> Self {
        Self { customer_id: user.user_id, email: user.email, name: user.name, address: user.address }
    }
}
