//! The topics of the orders system and their layout.

use std::{fmt, str::FromStr};

use ottla::{
    Client, Error,
    kafka::{Cluster, ErrorCode, NewTopic},
};

/// Orders, by order id.
pub const ORDERS: &str = "orders";
/// Orders that could not be handled.
pub const ORDERS_DLQ: &str = "orders-dlq";
/// Users, by user id.
pub const USERS: &str = "users";
/// Users that could not be handled.
pub const USERS_DLQ: &str = "users-dlq";

/// The group that stores orders.
pub const ORDERS_GROUP: &str = "orders-consumer-group";
/// The group that keeps the customers table.
pub const USERS_GROUP: &str = "users-consumer-group";

/// All topics, each before its dead letter topic, which takes the number of partitions from it.
pub(crate) const CATALOGUE: [&str; 4] = [ORDERS, ORDERS_DLQ, USERS, USERS_DLQ];

/// How many copies and partitions the topics get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// 3 partitions, 1 copy.
    Development,
    /// 12 partitions, 3 copies, 2 of which must have a record before it is acknowledged.
    Production,
}

/// Not the name of a layout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownLayout(String);

/// The largest record batch of `orders` and `users`, in bytes: Kafka's own default of `max.message.bytes`.
pub(super) const MAX_MESSAGE: u32 = 1_048_588;

/// What the headers of a dead letter may add to a record at the limit, in bytes.
pub(super) const HEADERS: u32 = 64 * 1024;

impl Layout {
    /// The layout that a cluster of so many brokers can hold.
    pub fn for_brokers(brokers: usize) -> Self {
        if brokers >= 3 { Self::Production } else { Self::Development }
    }

    fn partitions(self) -> usize {
        match self {
            Self::Development => 3,
            Self::Production => 12,
        }
    }

    fn replicas(self) -> u8 {
        match self {
            Self::Development => 1,
            Self::Production => 3,
        }
    }

    fn min_in_sync(self) -> u8 {
        match self {
            Self::Development => 1,
            Self::Production => 2,
        }
    }
}

impl FromStr for Layout {
    type Err = UnknownLayout;

    fn from_str(name: &str) -> Result<Self, UnknownLayout> {
        match name {
            "development" => Ok(Self::Development),
            "production" => Ok(Self::Production),
            other => Err(UnknownLayout(other.to_owned())),
        }
    }
}

impl fmt::Display for UnknownLayout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no layout {:?}: development or production", self.0)
    }
}

impl std::error::Error for UnknownLayout {}

/// Looks for `topics` and, if it may, creates those which are missing, by the admin API; `layout` decides how, or the
/// number of brokers. A topic stands before its dead letter topic, which takes the number of partitions from it.
///
/// # Errors
/// What is missing, and why; nothing is wrong with asking again.
pub(super) async fn ensure(
    client: &Client,
    topics: &[&'static str],
    layout: Option<Layout>,
    create: bool,
) -> Result<(), String> {
    let unreachable = |error: Error| format!("no cluster: {error}");
    let metadata = client.metadata();
    let mut cluster = metadata.topics(topics).await.map_err(unreachable)?;
    if missing(&cluster, topics).is_empty() {
        return Ok(());
    }
    // What is known of a topic that was missing may be old.
    cluster = metadata.refresh_after(cluster.generation()).await.map_err(unreachable)?;
    match missing(&cluster, topics).as_slice() {
        [] => return Ok(()),
        names if !create => return Err(format!("missing, and not to be created by us: {}", names.join(", "))),
        _ => {}
    }
    let layout = layout.unwrap_or_else(|| Layout::for_brokers(cluster.brokers().len()));
    let wanted: Vec<_> = missing(&cluster, topics).into_iter().map(|name| new_topic(name, layout, &cluster)).collect();
    let results = client.admin().create_topics(&wanted).await.map_err(|error| error.to_string())?;
    for (name, result) in results {
        match result {
            Ok(()) => tracing::info!(topic = name, ?layout, "created"),
            Err(error) if error.code() == Some(ErrorCode::TOPIC_ALREADY_EXISTS) => {}
            Err(error) => return Err(format!("{name} cannot be created: {error}")),
        }
    }
    // Brokers learn of a new topic one after the other.
    let cluster = metadata.refresh_after(cluster.generation()).await.map_err(unreachable)?;
    match missing(&cluster, topics).as_slice() {
        [] => Ok(()),
        names => Err(format!("created, but not known to all brokers yet: {}", names.join(", "))),
    }
}

fn missing(cluster: &Cluster, topics: &[&'static str]) -> Vec<&'static str> {
    let there = |name: &str| cluster.topic(name).is_some_and(|topic| topic.error().is_none());
    topics.iter().copied().filter(|name| !there(name)).collect()
}

fn new_topic(name: &str, layout: Layout, cluster: &Cluster) -> NewTopic {
    let source = name.strip_suffix("-dlq").and_then(|source| cluster.topic(source));
    let known = source.filter(|topic| topic.error().is_none()).map(|topic| topic.partitions().len());
    Plan::new(name, layout, known).new_topic(name)
}

/// How a topic is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) partitions: usize,
    pub(crate) replicas: u8,
    pub(crate) configs: [(&'static str, String); 2],
}

impl Plan {
    /// A topic of dead letters has as many partitions as its `source` has now.
    pub(crate) fn new(name: &str, layout: Layout, source: Option<usize>) -> Self {
        let max_message = if name.ends_with("-dlq") { MAX_MESSAGE + HEADERS } else { MAX_MESSAGE };
        Self {
            partitions: source.unwrap_or(layout.partitions()),
            replicas: layout.replicas(),
            configs: [
                ("max.message.bytes", max_message.to_string()),
                ("min.insync.replicas", layout.min_in_sync().to_string()),
            ],
        }
    }

    /// The topic as it is created.
    pub(crate) fn new_topic(&self, name: &str) -> NewTopic {
        let partitions = i32::try_from(self.partitions).unwrap_or(i32::MAX);
        let topic = NewTopic::new(name, partitions, self.replicas.into());
        self.configs.iter().fold(topic, |topic, (name, value)| topic.config(*name, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_brokers_hold_the_production_layout() {
        for (brokers, layout) in [(0, Layout::Development), (2, Layout::Development), (3, Layout::Production)] {
            assert_eq!(Layout::for_brokers(brokers), layout);
        }
        assert_eq!("production".parse(), Ok(Layout::Production));
        assert!("Production".parse::<Layout>().is_err());
    }

    #[test]
    fn a_dead_letter_topic_has_room_for_the_headers() {
        let cluster = Cluster::default();
        let topic = |name| new_topic(name, Layout::Production, &cluster);
        let orders = NewTopic::new("orders", 12, 3).config("max.message.bytes", "1048588");
        assert_eq!(topic(ORDERS), orders.config("min.insync.replicas", "2"));
        let letters = NewTopic::new("orders-dlq", 12, 3).config("max.message.bytes", "1114124");
        assert_eq!(topic(ORDERS_DLQ), letters.config("min.insync.replicas", "2"));
    }
}
