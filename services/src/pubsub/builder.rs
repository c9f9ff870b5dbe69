use std::{
    fmt, io,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use ottla::{
    Client, Compression, Consumer, Error, Producer,
    consumer::ConsumerBuilder,
    delivery::{MemoryStore, PoolCounts, Store},
    envelope::InvalidSchema,
    kafka::{Codec, ProducerBuilder},
};

use super::{flaky::Share, service::PubSub, topics::Layout};
use crate::config;

/// Builds and starts a [`PubSub`].
#[derive(Debug)]
#[must_use = "a builder does nothing until it is started"]
pub struct PubSubBuilder {
    pub(super) client: Client,
    pub(super) store: Arc<dyn Store>,
    pub(super) settings: Settings,
}

/// Which of the two services a process runs. They meet in the topics and in the store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Part {
    /// From HTTP to the topics; by default at port 3010.
    Producer,
    /// From the topics to the tables; by default at port 3011.
    Consumer,
    /// Both, behind one HTTP server; by default at port 3010.
    #[default]
    Both,
}

impl Part {
    pub(super) fn produces(self) -> bool {
        self != Self::Consumer
    }

    pub(super) fn consumes(self) -> bool {
        self != Self::Producer
    }

    fn port(self) -> u16 {
        if self.produces() { 3010 } else { 3011 }
    }
}

/// What may be set.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    listen: Option<SocketAddr>,
    pub(super) part: Part,
    pub(super) layout: Option<Layout>,
    pub(super) flaky: Share,
    pub(super) delivery_timeout: Duration,
    pub(super) max_orders: u32,
    pub(super) instance_id: Option<String>,
    pub(super) records_at_once: usize,
    pub(super) connections: PoolCounts,
    config: Option<config::Settings>,
    compression: Compression,
    grace: Duration,
}

/// Under load a consumer has read thousands of records ahead. Nothing is lost with them: they come again, so a service
/// that is to end does not keep its successor waiting.
const DRAIN_MAX: Duration = Duration::from_secs(2);

impl Settings {
    pub(super) fn listen(&self) -> SocketAddr {
        self.listen.unwrap_or_else(|| (Ipv4Addr::LOCALHOST, self.part.port()).into())
    }

    pub(super) fn creates_topics(&self) -> bool {
        self.config.as_ref().is_none_or(config::Settings::auto_create_topics)
    }

    /// How long the consumers may drain, which leaves a fifth of the grace for the commit and for leaving the group.
    pub(super) fn drain(&self) -> Duration {
        self.grace.mul_f64(0.8).min(DRAIN_MAX)
    }

    pub(super) fn producer(&self, client: &Client) -> ProducerBuilder {
        let builder = self.config.as_ref().map(|config| config.producer(client));
        builder.unwrap_or_else(|| Producer::builder(client)).compression(self.compression)
    }

    pub(super) fn consumer(&self, client: &Client, group: &str) -> ConsumerBuilder {
        let builder = self.config.as_ref().map(|config| config.consumer(client, group));
        builder.unwrap_or_else(|| Consumer::builder(client, group))
    }
}

/// Why the service did not start. An absent cluster is no reason: the service waits for it.
#[derive(Debug)]
#[non_exhaustive]
pub enum StartError {
    /// The address cannot be listened on.
    Listen {
        /// The address.
        addr: SocketAddr,
        /// What the system said.
        error: io::Error,
    },
    /// Settings that contradict each other.
    Settings(Error),
    /// A schema of ours is none.
    Schema(InvalidSchema),
}

impl PubSubBuilder {
    pub(super) fn new(client: Client) -> Self {
        let settings = Settings {
            listen: None,
            part: Part::default(),
            layout: None,
            flaky: Share::default(),
            delivery_timeout: Duration::from_secs(5),
            max_orders: 4096,
            instance_id: None,
            records_at_once: 32,
            connections: PoolCounts::default(),
            config: None,
            compression: Codec::Lz4.into(),
            grace: Duration::from_secs(25),
        };
        Self { client, store: Arc::new(MemoryStore::new()), settings }
    }

    /// Which of the two services run here; both by default.
    pub fn part(mut self, part: Part) -> Self {
        self.settings.part = part;
        self
    }

    /// Where HTTP is served; on loopback at the [`Part`]'s port by default, port 0 is any.
    pub fn listen(mut self, addr: SocketAddr) -> Self {
        self.settings.listen = Some(addr);
        self
    }

    /// Where rows are kept; by default in memory, which the process forgets.
    pub fn store(mut self, store: Arc<dyn Store>) -> Self {
        self.store = store;
        self
    }

    /// Where a store on PostgreSQL counts how busy its connections are, for `/metrics`.
    pub fn connections(mut self, counts: PoolCounts) -> Self {
        self.settings.connections = counts;
        self
    }

    /// How missing topics are created; by default as the number of brokers allows.
    pub fn layout(mut self, layout: Layout) -> Self {
        self.settings.layout = Some(layout);
        self
    }

    /// How the cluster is used, as the `KAFKA_*` variables say.
    pub(crate) fn configured(mut self, config: config::Settings) -> Self {
        self.settings.config = Some(config);
        self
    }

    /// How records are compressed; lz4 by default. Kafka: `compression.type`.
    pub fn compression(mut self, compression: impl Into<Compression>) -> Self {
        self.settings.compression = compression.into();
        self
    }

    /// How much time [`PubSub::shutdown`] will have, 25 s by default: four fifths of it are for the consumers to drain.
    pub fn grace(mut self, grace: Duration) -> Self {
        self.settings.grace = grace;
        self
    }

    /// The share of orders whose handler fails once, for demos; none by default.
    pub fn flaky(mut self, share: Share) -> Self {
        self.settings.flaky = share;
        self
    }

    /// How long an order's record may take to be acknowledged; 5 s by default. Kafka: `delivery.timeout.ms`.
    pub fn delivery_timeout(mut self, timeout: Duration) -> Self {
        self.settings.delivery_timeout = timeout;
        self
    }

    /// How many orders may be on their way to the brokers; 4,096 by default. Further ones are answered 503.
    pub fn max_orders(mut self, orders: u32) -> Self {
        self.settings.max_orders = orders.max(1);
        self
    }

    /// A name that this instance keeps over restarts, so that after a crash it has its partitions back at once instead
    /// of after the session timeout; none by default. No two instances may share it. Kafka: `group.instance.id`.
    pub fn instance_id(mut self, id: impl Into<String>) -> Self {
        self.settings.instance_id = Some(id.into());
        self
    }

    /// How many orders, and how many users, of one partition are stored at once, those of one key in their order; 32 by
    /// default. A store that commits many units of work together needs many; one with few connections, hardly more.
    pub fn records_at_once(mut self, records: usize) -> Self {
        self.settings.records_at_once = records.max(1);
        self
    }

    /// Starts the service. Without brokers it starts too: it is not ready, says why, and goes on trying.
    ///
    /// # Errors
    /// [`StartError`] names what has to be changed.
    ///
    /// # Cancel safety
    /// Dropping it starts nothing.
    pub async fn start(self) -> Result<PubSub, StartError> {
        PubSub::start(self).await
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listen { addr, error } => write!(f, "cannot listen on {addr}: {error}"),
            Self::Settings(error) => error.fmt(f),
            Self::Schema(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for StartError {}
