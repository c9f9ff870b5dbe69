//! Administration: the cluster, topics, settings, groups, offsets, records and log directories.
//!
//! A call about several items has a result for each. What can heal (a controller or coordinator that has moved, a
//! lost connection) is asked again for the items it concerns, within the client's default API timeout.

mod asking;
mod brokers;
mod cluster;
mod configs;
mod groups;
mod handle;
mod items;
mod leaders;
mod log_dirs;
mod offsets;
mod records;
mod topics;
mod wire;

pub use cluster::{BrokerDescription, ClusterDescription};
pub use configs::{ConfigChange, ConfigEntry, ConfigResource, ConfigSource, ResourceType};
pub use groups::{GroupDescription, GroupListing, GroupMember, GroupState, GroupType, ListedGroup};
pub use handle::Admin;
pub use log_dirs::{LogDir, ReplicaSize};
pub use offsets::{ListedOffset, OffsetSpec};
pub use topics::{NewTopic, TopicDescription};
