//! What is known of the cluster: brokers, topics, leaders. Pure: the client asks, this remembers.

mod cluster;

pub use cluster::{Cluster, Partition, Topic};
