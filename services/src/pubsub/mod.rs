//! The orders system: `POST /orders` → the topic `orders` → the event store.

mod accept;
mod builder;
mod consumer;
mod counts;
mod dead_letters;
mod enrich;
mod flaky;
mod identity;
mod locks;
mod observer;
pub mod order;
mod publisher;
mod refusal;
mod routes;
pub mod rows;
mod schemas;
mod service;
mod supervisor;
pub mod topics;

#[cfg(test)]
mod tests;

pub use builder::{PubSubBuilder, StartError};
pub use counts::Counts;
pub use flaky::Share;
pub use publisher::{Outgoing, Publisher};
pub use schemas::Schemas;
pub use service::{PubSub, PubSubReport};
