//! A Kafka protocol client in pure Rust: metadata, an idempotent producer, fetch and admin.
//!
//! Applications use it through the `ottla` crate. Every part takes an [`Env`], so that tests own time,
//! randomness and tasks, and an [`Arc<dyn Connector>`](Connector), so that they own the network.

mod admin;
mod client;
mod connector;
mod delay;
mod env;
mod error;
mod fetch;
mod flight;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod metadata;
mod network;
mod producer;
#[doc(hidden)]
pub mod protocol;
mod race;
pub mod record;
mod security;
mod topic_partition;

pub use admin::{
    Admin, BrokerDescription, ClusterDescription, ConfigChange, ConfigEntry, ConfigResource, ConfigSource,
    GroupDescription, GroupListing, GroupMember, GroupState, GroupType, ListedGroup, ListedOffset, LogDir, NewTopic,
    OffsetSpec, ReplicaSize, ResourceType, TopicDescription,
};
pub use client::{Client, ClientBuilder, ConnectionCounts, Metadata};
#[doc(hidden)]
pub use client::{ConnectionKind, Target};
pub use connector::{BrokerAddr, Connector, Io, IoStream, ParseBrokerAddrError, TcpConnector};
pub use env::{BoxFuture, Clock, Env, Rng, Spawner, Task};
pub use error::{Error, ErrorKind, Recovery};
pub use fetch::{
    FetchConfig, FetchMonitor, Fetched, FetchedRecords, Fetcher, Isolation, LogOffsets, OffsetReset, Stall,
    StartPosition,
};
pub use metadata::{Cluster, Partition, Topic};
pub use producer::{Ack, Producer, ProducerBuilder, ProducerRecord, RecordMetadata};
pub use protocol::ErrorCode;
pub use record::{Codec, Compression, Decompression};
#[cfg(any(feature = "sasl", feature = "tls"))]
pub use security::Secret;
#[cfg(feature = "sasl")]
pub use security::{Sasl, TokenProvider};
#[cfg(feature = "tls")]
pub use security::{Tls, TlsBuilder};
pub use topic_partition::TopicPartition;
