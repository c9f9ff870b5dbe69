//! The broker as its owner sees it.

use std::{fmt, io, net::SocketAddr, sync::Arc};

use ottla_kafka_core::{BoxFuture, BrokerAddr, Connector, Io, Task};
use tokio::net::TcpListener;

use crate::{
    builder::{EmbeddedBrokerBuilder, StartError},
    cluster::{Cluster, MoveError},
    dispatch::At,
    faults::Faults,
    frame::MAX_FRAME,
    server::{MAX_CONNECTIONS, Server},
};

/// What an in-memory connection holds in each direction before the writer waits, in bytes.
const PIPE: usize = 256 * 1024;

/// A Kafka cluster in this process: one node, or several that share one memory. Dropping it ends it; its records are
/// gone then.
#[derive(Debug)]
pub struct EmbeddedBroker {
    cluster: Arc<Cluster>,
    nodes: Vec<Arc<Server>>,
    /// What time does: to groups, and to records.
    clocks: Vec<Task>,
}

impl EmbeddedBroker {
    /// Settings for a broker.
    pub fn builder() -> EmbeddedBrokerBuilder {
        EmbeddedBrokerBuilder::default()
    }

    /// Serves a cluster, with a listener for each of its nodes or none.
    pub(crate) fn serve(cluster: Cluster, listeners: Vec<(Option<TcpListener>, Option<SocketAddr>)>) -> Self {
        let cluster = Arc::new(cluster);
        let addrs: Vec<_> = cluster.nodes().alive().map(|(node, addr)| (node, addr.clone())).collect();
        let serve = |((node, addr), (listener, bound))| {
            let server = Server::new(At { cluster: Arc::clone(&cluster), node }, addr, bound);
            server.serve(listener);
            server
        };
        let nodes: Vec<_> = addrs.into_iter().zip(listeners).map(serve).collect();
        let (timed, kept) = (Arc::clone(&cluster), Arc::clone(&cluster));
        let env = cluster.env();
        let clocks = vec![
            env.spawn("embedded-broker-timer", async move { timed.coordinator().run_timer().await }),
            env.spawn("embedded-broker-housekeeping", async move { kept.keep_house().await }),
        ];
        let broker = Self { nodes, clocks, cluster };
        broker.print_limits();
        broker
    }

    /// Where its first node listens; for a broker without a listener, the address its connector answers to.
    pub fn addr(&self) -> BrokerAddr {
        self.addrs().next().unwrap_or_else(|| BrokerAddr::new("nowhere", 0))
    }

    /// Where its nodes listen, from node 1 on.
    pub fn addrs(&self) -> impl Iterator<Item = BrokerAddr> {
        self.nodes.iter().map(|node| node.addr().clone())
    }

    /// Connections to this broker's nodes through memory instead of TCP.
    pub fn connector(&self) -> Arc<dyn Connector> {
        Arc::new(MemoryConnector(self.nodes.clone()))
    }

    /// The faults to be made.
    pub fn faults(&self) -> Faults {
        self.cluster.faults().clone()
    }

    /// The node that leads a partition, `None` if there is no such partition or none of its nodes is up.
    pub fn leader(&self, topic: &str, partition: i32) -> Option<i32> {
        self.cluster.topics().partition(topic, partition).ok()?.leader()
    }

    /// Has a node lead a partition, in a new leader epoch; clients of the old leader get `NOT_LEADER_OR_FOLLOWER`.
    ///
    /// # Errors
    /// If there is no such partition or node, or the node is down.
    pub fn move_leader(&self, topic: &str, partition: i32, node: i32) -> Result<(), MoveError> {
        self.cluster.move_leader(topic, partition, node)
    }

    /// The node that coordinates a group, `None` if none is up.
    pub fn coordinator(&self, group: &str) -> Option<i32> {
        self.cluster.nodes().coordinator(group)
    }

    /// Has a node coordinate a group; who waits or asks at the old one gets `NOT_COORDINATOR`.
    ///
    /// # Errors
    /// If there is no such node, or it is down.
    pub fn move_coordinator(&self, group: &str, node: i32) -> Result<(), MoveError> {
        self.cluster.move_coordinator(group, node)
    }

    /// Closes every connection of a node at once, as a crash does, and refuses new ones. The others lead and coordinate
    /// in its place. What was appended or committed stays, whether or not a client was told.
    ///
    /// # Errors
    /// If there is no such node.
    ///
    /// # Cancel safety
    /// The node is down even if it is dropped; connections may then still be closing.
    pub async fn kill_node(&self, node: i32) -> Result<(), MoveError> {
        let server = self.node(node)?;
        if server.is_up() {
            self.cluster.node_lost(node);
        }
        server.shut_down().await;
        Ok(())
    }

    /// Has a node serve again on its address. It leads what nobody leads, in a new epoch.
    ///
    /// # Errors
    /// If there is no such node, or its address cannot be listened on.
    ///
    /// # Cancel safety
    /// If it is dropped, the node is down.
    pub async fn restart_node(&self, node: i32) -> Result<(), StartError> {
        self.kill_node(node).await.map_err(|error| StartError::Settings(vec![error.to_string()]))?;
        let server = self.node(node).map_err(|error| StartError::Settings(vec![error.to_string()]))?;
        let listener = server.listen_again().await;
        let listener = listener.map_err(|source| StartError::Listen { addr: server.addr().to_string(), source })?;
        self.cluster.node_returned(node);
        server.serve(listener);
        Ok(())
    }

    /// Like [`kill_node`](Self::kill_node), of all nodes.
    ///
    /// # Cancel safety
    /// If it is dropped, some nodes may still be up.
    pub async fn kill(&self) {
        for server in &self.nodes {
            if self.kill_node(server.node()).await.is_err() {
                return;
            }
        }
    }

    /// Serves again on the same addresses, with what it had; every leader begins a new epoch.
    ///
    /// # Errors
    /// If an address cannot be listened on.
    ///
    /// # Cancel safety
    /// If it is dropped, some nodes are down.
    pub async fn restart(&self) -> Result<(), StartError> {
        self.kill().await;
        for server in &self.nodes {
            self.restart_node(server.node()).await?;
        }
        Ok(())
    }

    /// Ends the broker and waits for its tasks.
    ///
    /// # Cancel safety
    /// The broker ends even if it is dropped.
    pub async fn stop(mut self) {
        self.kill().await;
        for clock in std::mem::take(&mut self.clocks) {
            clock.abort();
            clock.await;
        }
        let cluster = Arc::clone(&self.cluster);
        let synced = self.cluster.env().run_blocking(move || cluster.sync()).await;
        if let Some(Err(error)) = synced {
            tracing::warn!(%error, "what was written may not be on the disk");
        }
    }

    fn node(&self, node: i32) -> Result<&Arc<Server>, MoveError> {
        self.nodes.iter().find(|server| server.node() == node).ok_or(MoveError::UnknownNode(node))
    }

    fn print_limits(&self) {
        let addrs: Vec<String> = self.addrs().map(|addr| addr.to_string()).collect();
        let settings = self.cluster.settings();
        let records = match self.cluster.storage() {
            None => "in memory only".to_owned(),
            Some(storage) => format!("in {}", storage.dir().display()),
        };
        tracing::info!(
            addr = addrs.join(","),
            nodes = self.nodes.len(),
            records,
            partition_bytes_max = settings.topic_limits.retention_bytes,
            memory_bytes_max = settings.max_memory,
            message_bytes_max = settings.topic_limits.max_message_bytes,
            request_bytes_max = MAX_FRAME,
            connections_max = MAX_CONNECTIONS,
            "embedded broker, for this machine only: no replication, no transactions, no authentication; not Apache Kafka"
        );
    }
}

impl Drop for EmbeddedBroker {
    fn drop(&mut self) {
        for server in &self.nodes {
            server.abort();
        }
    }
}

/// Connects through memory, to the nodes of one broker only.
struct MemoryConnector(Vec<Arc<Server>>);

impl fmt::Debug for MemoryConnector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|node| node.addr())).finish()
    }
}

impl Connector for MemoryConnector {
    fn connect<'a>(&'a self, addr: &'a BrokerAddr) -> BoxFuture<'a, io::Result<Io>> {
        Box::pin(async move {
            let Some(node) = self.0.iter().find(|node| node.addr() == addr) else {
                let why = format!("nothing listens on {addr} in this process");
                return Err(io::Error::new(io::ErrorKind::ConnectionRefused, why));
            };
            let (ours, theirs) = tokio::io::duplex(PIPE);
            node.open(Box::new(theirs), "memory".to_owned())?;
            Ok(Box::new(ours) as Io)
        })
    }
}
