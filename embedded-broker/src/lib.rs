//! An in-process Kafka-protocol broker for demos and tests.
//!
//! One node or several that share one memory, records in memory or in a directory, reachable from this machine only: no
//! replication, no transactions, no authentication. What it does not do it refuses; it never pretends. Apache Kafka is the authority: that something
//! works here does not mean that it works on Kafka.
//!
//! ```
//! # async fn example() -> Result<(), ottla_embedded_broker::StartError> {
//! use ottla_embedded_broker::{Api, EmbeddedBroker, Fault};
//!
//! let broker = EmbeddedBroker::builder().listen("127.0.0.1:0").start().await?;
//! // The next two Produce requests are applied, but their connection breaks before the answer.
//! broker.faults().add(Api::Produce, Fault::Disconnect.after_applying().times(2));
//! println!("kcat -b {} -L", broker.addr());
//! broker.stop().await;
//! # Ok(())
//! # }
//! ```

mod api;
mod broker;
mod builder;
mod changes;
mod cluster;
mod connection;
mod coordinator;
mod dispatch;
mod faults;
mod frame;
mod group;
mod handlers;
mod log;
mod nodes;
mod server;
mod storage;
mod throttle;
mod topics;

pub use api::Api;
pub use broker::EmbeddedBroker;
pub use builder::{EmbeddedBrokerBuilder, StartError};
pub use cluster::MoveError;
pub use faults::{Fault, Faults, Planned};
