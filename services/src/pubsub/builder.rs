use std::{
    fmt, io,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use ottla::{
    Client, Error,
    delivery::{MemoryStore, Store},
    envelope::InvalidSchema,
    kafka::FetchConfig,
};

use super::{flaky::Share, service::PubSub, topics::Layout};

/// Builds and starts a [`PubSub`].
#[derive(Debug)]
#[must_use = "a builder does nothing until it is started"]
pub struct PubSubBuilder {
    pub(super) client: Client,
    pub(super) store: Arc<dyn Store>,
    pub(super) settings: Settings,
}

/// What may be set.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) listen: SocketAddr,
    pub(super) layout: Option<Layout>,
    pub(super) create_topics: bool,
    /// Session timeout and heartbeat interval.
    pub(super) session: (Duration, Duration),
    pub(super) fetch: FetchConfig,
    pub(super) flaky: Share,
    pub(super) delivery_timeout: Duration,
    pub(super) max_orders: u32,
    pub(super) instance_id: Option<String>,
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
            listen: (Ipv4Addr::LOCALHOST, 3010).into(),
            layout: None,
            create_topics: true,
            session: (Duration::from_secs(45), Duration::from_secs(3)),
            fetch: FetchConfig::default(),
            flaky: Share::default(),
            delivery_timeout: Duration::from_secs(5),
            max_orders: 4096,
            instance_id: None,
        };
        Self { client, store: Arc::new(MemoryStore::new()), settings }
    }

    /// Where HTTP is served; 127.0.0.1:3010 by default, port 0 is any.
    pub fn listen(mut self, addr: SocketAddr) -> Self {
        self.settings.listen = addr;
        self
    }

    /// Where rows are kept; by default in memory, which the process forgets.
    pub fn store(mut self, store: Arc<dyn Store>) -> Self {
        self.store = store;
        self
    }

    /// How missing topics are created; by default as the number of brokers allows.
    pub fn layout(mut self, layout: Layout) -> Self {
        self.settings.layout = Some(layout);
        self
    }

    /// Whether missing topics are created; they are by default. Otherwise the service is not ready until they are there.
    pub fn create_topics(mut self, create: bool) -> Self {
        self.settings.create_topics = create;
        self
    }

    /// How long the group does without a heartbeat of this member, 45 s by default, and how often one is sent, 3 s.
    /// Kafka: `session.timeout.ms`, `heartbeat.interval.ms`.
    pub fn session(mut self, timeout: Duration, heartbeat_interval: Duration) -> Self {
        self.settings.session = (timeout, heartbeat_interval);
        self
    }

    /// How orders are fetched.
    pub fn fetch(mut self, fetch: FetchConfig) -> Self {
        self.settings.fetch = fetch;
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
