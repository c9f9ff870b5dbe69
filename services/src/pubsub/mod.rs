//! The orders system: `POST /orders` → the topic `orders` → the event store, and `POST /users` → the topic `users` →
//! the customers table, from which orders are enriched.

mod accept;
mod builder;
mod claims;
mod consumer_state;
mod consuming;
mod counts;
mod customers;
mod dead_letters;
mod emit;
mod enrich;
mod event_store;
mod events;
mod flaky;
mod identity;
mod keeper;
mod locks;
mod observer;
pub mod order;
mod origin;
mod producing;
mod publisher;
mod refusal;
mod routes;
pub mod rows;
mod schemas;
mod service;
mod supervisor;
pub mod topics;
mod users;

#[cfg(test)]
mod tests;

pub use builder::{Part, PubSubBuilder, StartError};
pub use counts::Counts;
pub use flaky::Share;
pub use publisher::{Outgoing, Publisher};
pub use schemas::Schemas;
pub use service::{PubSub, PubSubReport};
