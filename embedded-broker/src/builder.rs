//! Settings, checked all together before anything starts.

use std::{fmt, io, net::SocketAddr, path::PathBuf, time::Duration};

use ottla_kafka_core::{BrokerAddr, Env};
use tokio::net::TcpListener;

use crate::{
    broker::EmbeddedBroker,
    cluster::Cluster,
    log::Limits,
    storage::{Loaded, Storage},
    topics::{DEFAULT_MAX_MESSAGE_BYTES, Kind, MAX_PARTITIONS, Setting, Topics},
};

/// Where clients of a broker without a listener say they connect to.
const IN_MEMORY_ADDR: (&str, u16) = ("embedded-broker", 9092);

/// Nodes of a cluster.
const MAX_NODES: usize = 9;

/// The broker's settings.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) nodes: usize,
    pub(crate) default_partitions: i32,
    pub(crate) auto_create_topics: bool,
    pub(crate) topic_limits: Limits,
    pub(crate) max_memory: usize,
    pub(crate) initial_rebalance_delay: Duration,
    pub(crate) min_session_timeout: Duration,
}

/// Builds an [`EmbeddedBroker`].
#[derive(Clone, Debug)]
#[must_use]
pub struct EmbeddedBrokerBuilder {
    listen: Option<String>,
    data_dir: Option<PathBuf>,
    env: Env,
    settings: Settings,
}

/// Why the broker did not start.
#[derive(Debug)]
#[non_exhaustive]
pub enum StartError {
    /// Settings that are not valid, every one of them.
    Settings(Vec<String>),
    /// The data directory cannot be used: what it has, or what the operating system says.
    Data(String),
    /// The address cannot be listened on.
    Listen {
        /// The address.
        addr: String,
        /// What the operating system says.
        source: io::Error,
    },
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Settings(problems) => write!(f, "the embedded broker cannot start: {}", problems.join("; ")),
            Self::Data(why) => write!(f, "the embedded broker cannot use its data directory: {why}"),
            Self::Listen { addr, source } => write!(f, "the embedded broker cannot listen on {addr}: {source}"),
        }
    }
}

impl std::error::Error for StartError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Settings(_) | Self::Data(_) => None,
            Self::Listen { source, .. } => Some(source),
        }
    }
}

impl Default for EmbeddedBrokerBuilder {
    fn default() -> Self {
        Self {
            listen: None,
            data_dir: None,
            env: Env::system(),
            settings: Settings {
                nodes: 1,
                default_partitions: 3,
                auto_create_topics: true,
                topic_limits: Limits {
                    max_message_bytes: DEFAULT_MAX_MESSAGE_BYTES,
                    retention_bytes: 256 * 1024 * 1024,
                    retention_ms: None,
                },
                max_memory: 1024 * 1024 * 1024,
                initial_rebalance_delay: Duration::ZERO,
                min_session_timeout: Duration::from_secs(6),
            },
        }
    }
}

impl EmbeddedBrokerBuilder {
    /// Listens for TCP on this address, which must be of this machine only: `127.0.0.1:0` takes any free port.
    /// Without it the broker is reached through [`EmbeddedBroker::connector`] alone.
    pub fn listen(mut self, addr: impl Into<String>) -> Self {
        self.listen = Some(addr.into());
        self
    }

    /// How many nodes the cluster has, each with a listener of its own. Default 1, at most 9. Where the port is given,
    /// the others listen on those after it. They share one memory: what one has, all have, and no move loses a record.
    pub fn nodes(mut self, nodes: usize) -> Self {
        self.settings.nodes = nodes;
        self
    }

    /// Keeps topics, records, producers' sequences and groups' offsets in this directory, for the next start; members
    /// join anew. What is acknowledged survives the end of the process, and the loss of power only after
    /// [`stop`](EmbeddedBroker::stop). Default: memory only.
    pub fn data_dir(mut self, path: impl Into<PathBuf>) -> Self {
        self.data_dir = Some(path.into());
        self
    }

    /// Where randomness and tasks come from. Default: the system's.
    pub fn env(mut self, env: Env) -> Self {
        self.env = env;
        self
    }

    /// Partitions of a topic that is created without a number. Default 3. Kafka: `num.partitions`.
    pub fn default_partitions(mut self, partitions: i32) -> Self {
        self.settings.default_partitions = partitions;
        self
    }

    /// Whether asking for the metadata of a topic creates it. Default true. Kafka: `auto.create.topics.enable`.
    pub fn auto_create_topics(mut self, create: bool) -> Self {
        self.settings.auto_create_topics = create;
        self
    }

    /// The longest batch in bytes of a topic that says nothing else. Default 1 MiB + 12. Kafka: `message.max.bytes`.
    pub fn max_message_bytes(mut self, bytes: usize) -> Self {
        self.settings.topic_limits.max_message_bytes = bytes;
        self
    }

    /// What a partition keeps, in bytes; topics may choose less, not more. Default 256 MiB.
    /// Kafka: `log.retention.bytes`.
    pub fn retention_bytes(mut self, bytes: usize) -> Self {
        self.settings.topic_limits.retention_bytes = bytes;
        self
    }

    /// What all partitions together keep, in bytes; the longest give way first. Default 1 GiB.
    pub fn max_memory_bytes(mut self, bytes: usize) -> Self {
        self.settings.max_memory = bytes;
        self
    }

    /// How old records may become, by their own timestamps, in topics that say nothing else. Default: any age.
    /// Kafka: `log.retention.ms`, 7 days.
    pub fn retention(mut self, age: Duration) -> Self {
        self.settings.topic_limits.retention_ms = Some(i64::try_from(age.as_millis()).unwrap_or(i64::MAX));
        self
    }

    /// How long a new group waits for more members before its first assignment. Default 0.
    /// Kafka: `group.initial.rebalance.delay.ms`, 3 s.
    pub fn initial_rebalance_delay(mut self, delay: Duration) -> Self {
        self.settings.initial_rebalance_delay = delay;
        self
    }

    /// The shortest session timeout a member may ask for. Default 6 s. Kafka: `group.min.session.timeout.ms`.
    pub fn min_session_timeout(mut self, timeout: Duration) -> Self {
        self.settings.min_session_timeout = timeout;
        self
    }

    /// Starts the broker.
    ///
    /// # Errors
    /// If settings are not valid (all of them are named), or the address cannot be listened on.
    ///
    /// # Cancel safety
    /// Nothing runs if it is dropped.
    pub async fn start(self) -> Result<EmbeddedBroker, StartError> {
        let mut problems = self.settings.problems();
        let listen = match &self.listen {
            None => None,
            Some(text) => loopback(text).await.map_err(|problem| problems.push(problem)).ok(),
        };
        if !problems.is_empty() {
            return Err(StartError::Settings(problems));
        }
        let cannot = |source| StartError::Listen { addr: self.listen.clone().unwrap_or_default(), source };
        let mut listeners = Vec::new();
        let mut addrs = Vec::new();
        for (_, port) in (0..self.settings.nodes).zip(0..) {
            let listener = match listen {
                None => None,
                Some(addr) => Some(TcpListener::bind(nth(addr, port)).await.map_err(cannot)?),
            };
            let bound = listener.as_ref().map(TcpListener::local_addr).transpose().map_err(cannot)?;
            addrs.push(match bound {
                Some(bound) => BrokerAddr::new(bound.ip().to_string(), bound.port()),
                None => BrokerAddr::new(IN_MEMORY_ADDR.0, IN_MEMORY_ADDR.1.saturating_add(port)),
            });
            listeners.push((listener, bound));
        }
        let stored = match self.data_dir {
            None => None,
            Some(dir) => Some(self.settings.load(&self.env, dir).await.map_err(StartError::Data)?),
        };
        Ok(EmbeddedBroker::serve(Cluster::new(self.settings, addrs, self.env, stored), listeners))
    }
}

/// The address of the node that comes `after` this many others; port 0 is any free port for each.
fn nth(addr: SocketAddr, after: u16) -> SocketAddr {
    let port = if addr.port() == 0 { 0 } else { addr.port().saturating_add(after) };
    SocketAddr::new(addr.ip(), port)
}

impl Settings {
    /// Reads a data directory, which may take a while.
    async fn load(&self, env: &Env, dir: PathBuf) -> Result<(Storage, Loaded, Topics), String> {
        let (limits, nodes) = (self.topic_limits, i32::try_from(self.nodes).unwrap_or(i32::MAX));
        let load = move || {
            let (storage, mut loaded) = Storage::open(&dir).map_err(|error| error.to_string())?;
            let topics = loaded.topics(limits, nodes).map_err(|(topic, why)| format!("topic {topic}: {why}"))?;
            Ok((storage, loaded, topics))
        };
        env.run_blocking(load).await.unwrap_or_else(|| Err("reading it was cut short".to_owned()))
    }

    /// The replicas of a topic that is created without a number: enough to lose a node.
    pub(crate) fn default_replicas(&self) -> usize {
        self.nodes.min(3)
    }

    /// The broker's settings by Kafka's names.
    pub(crate) fn described(&self) -> Vec<Setting> {
        let limits = self.topic_limits;
        let own = |name, kind, value: String| Setting { name, kind, default: value.clone(), value, given: true };
        let millis = |duration: Duration| duration.as_millis().to_string();
        vec![
            own("auto.create.topics.enable", Kind::Boolean, self.auto_create_topics.to_string()),
            own("default.replication.factor", Kind::Int, self.default_replicas().to_string()),
            own("group.initial.rebalance.delay.ms", Kind::Int, millis(self.initial_rebalance_delay)),
            own("group.min.session.timeout.ms", Kind::Int, millis(self.min_session_timeout)),
            own("log.retention.bytes", Kind::Long, limits.retention_bytes.to_string()),
            own("log.retention.ms", Kind::Long, limits.retention_ms.unwrap_or(-1).to_string()),
            own("message.max.bytes", Kind::Int, limits.max_message_bytes.to_string()),
            own("num.partitions", Kind::Int, self.default_partitions.to_string()),
        ]
    }

    fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if !(1..=MAX_NODES).contains(&self.nodes) {
            problems.push(format!("nodes is {}, not 1 to {MAX_NODES}", self.nodes));
        }
        if !(1..=MAX_PARTITIONS).contains(&self.default_partitions) {
            problems.push(format!("default_partitions is {}, not 1 to {MAX_PARTITIONS}", self.default_partitions));
        }
        if self.topic_limits.max_message_bytes == 0 {
            problems.push("max_message_bytes is 0".to_owned());
        }
        if self.max_memory < self.topic_limits.max_message_bytes {
            let (memory, message) = (self.max_memory, self.topic_limits.max_message_bytes);
            problems.push(format!("max_memory_bytes ({memory}) is less than max_message_bytes ({message})"));
        }
        if self.topic_limits.retention_bytes < self.topic_limits.max_message_bytes {
            problems.push(format!(
                "retention_bytes ({}) is less than max_message_bytes ({})",
                self.topic_limits.retention_bytes, self.topic_limits.max_message_bytes
            ));
        }
        problems
    }
}

/// Where `text` points to, if that is this machine and nobody else can reach it.
async fn loopback(text: &str) -> Result<SocketAddr, String> {
    let found = tokio::net::lookup_host(text).await.map_err(|error| format!("listen '{text}': {error}"))?;
    let found: Vec<_> = found.collect();
    if let Some(outside) = found.iter().find(|addr| !addr.ip().is_loopback()) {
        return Err(format!(
            "listen '{text}' is {}, which others can reach: this broker has no authentication and listens on loopback \
             only, such as 127.0.0.1:9092",
            outside.ip()
        ));
    }
    found.first().copied().ok_or_else(|| format!("listen '{text}' is no address"))
}
