//! A Kafka stack for Rust services in pure Rust.
//!
//! Everything a service author needs is here or in one of the modules, which are the crates of the stack:
//! [`kafka`] talks to the cluster, [`consumer`] is a member of a group, [`envelope`] reads and writes events, and
//! `delivery` (by feature, on by default) handles them without losing one.

pub use ottla_envelope as envelope;
pub use ottla_kafka_core as kafka;

/// Membership in consumer groups.
pub use ottla_consumer_group as consumer;

#[cfg(feature = "delivery")]
pub use ottla_delivery as delivery;

/// A broker inside the process, for tests.
#[cfg(feature = "testing")]
pub use ottla_embedded_broker as testing;

pub use ottla_consumer_group::Consumer;
pub use ottla_envelope::{Codec, Event, Metadata, Money, Schema};
pub use ottla_kafka_core::{
    BrokerAddr, Client, Compression, Env, Error, ErrorKind, Producer, ProducerRecord, Recovery, Sasl, Secret, Task,
    Tls, TopicPartition,
};

#[cfg(feature = "delivery")]
pub use ottla_delivery::{Concurrency, Context, Handler, HandlerError, RetryPolicy, Route, Store, Worker};

/// What most services import.
pub mod prelude {
    pub use crate::{
        BrokerAddr, Client, Codec, Consumer, Env, Error, Event, Metadata, Producer, ProducerRecord, TopicPartition,
    };

    #[cfg(feature = "delivery")]
    pub use crate::{Concurrency, Context, Handler, HandlerError, RetryPolicy, Route, Store, Worker};
}

/// The guide, so that its snippets are compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../../docs/guide/first-service.md")]
mod first_service {}
