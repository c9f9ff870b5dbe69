//! The consumer: a member of a group that reads its partitions.

use std::{sync::Arc, time::Duration};

use ottla_kafka_core::{Client, Env, Error, FetchConfig, Fetcher, OffsetReset, StartPosition, Task, TopicPartition};

use crate::{
    assign::AssignBuilder,
    assignor::Assignor,
    config::GroupConfig,
    coordinator::ClientRequests,
    event::Event,
    handle::ConsumerHandle,
    owner::{Asks, Owner, Shared},
    questions::ClusterSide,
    reader::RecordReader,
};

/// How long close may take: commits on their way, then LeaveGroup.
const CLOSE_LIMIT: Duration = Duration::from_secs(20);

/// A member of a consumer group.
///
/// One task of its own keeps the membership alive, commits and fetches; it ends with the consumer. Dropping the
/// consumer without [`close`](Self::close) is like a crash: the group notices after the session timeout.
#[derive(Debug)]
pub struct Consumer {
    handle: ConsumerHandle,
    shared: Arc<Shared>,
    owner: Task,
    config: Arc<GroupConfig>,
    env: Env,
}

impl Consumer {
    /// Starts with Kafka's defaults.
    pub fn builder(client: &Client, group_id: impl Into<String>) -> ConsumerBuilder {
        let mut config = GroupConfig::new(group_id.into());
        config.commit_timeout = client.default_api_timeout();
        ConsumerBuilder { client: client.clone(), config, fetch: FetchConfig::default() }
    }

    /// A consumer of exactly these partitions, from these positions, without a group.
    pub fn assign(
        client: &Client,
        partitions: impl IntoIterator<Item = (TopicPartition, StartPosition)>,
    ) -> AssignBuilder {
        AssignBuilder::new(client, partitions.into_iter().collect())
    }

    /// Starts the owner.
    pub(crate) fn start(client: &Client, config: GroupConfig, fetch: FetchConfig) -> Result<Self, Error> {
        config.check(&fetch)?;
        let config = Arc::new(config);
        let shared = Arc::new(Shared::new());
        let (asks, asked) = Asks::new();
        let holding = client.holding();
        let requests = ClientRequests::new(holding.clone(), Arc::clone(&config));
        // A reset is an event of the consumer: the application begins anew there, and so do its commits.
        let fetcher = Fetcher::new(&holding, fetch.offset_reset(OffsetReset::Error));
        let cluster = ClusterSide::new(client, Arc::clone(&config), fetcher.monitor());
        let owner = Owner::new(Arc::clone(&config), requests, fetcher, Arc::clone(&shared), asked);
        let owner = client.env().spawn("consumer-group", owner.run());
        let handle = ConsumerHandle::new(Arc::clone(&shared), asks, config.commit_timeout, cluster);
        Ok(Self { handle, shared, owner, config, env: client.env().clone() })
    }

    /// The next event. The first call joins the group.
    ///
    /// # Errors
    /// About one partition, such as a position out of range: the others go on, and this one is tried again every
    /// 10 s until a [`seek`](ConsumerHandle::seek) or a rebalance moves it. About the group, such as missing rights:
    /// the next call tries to join again. `Closed` and `FENCED_INSTANCE_ID` are the end; each further call repeats
    /// them.
    ///
    /// # Cancel safety
    /// Safe: an event is either returned or still there.
    pub async fn recv(&mut self) -> Result<Event, Error> {
        self.shared.recv().await
    }

    /// Its records one by one, where asking for the next acknowledges the last: the simplest way to read without
    /// losing any.
    pub fn records(self) -> RecordReader {
        RecordReader::new(self)
    }

    /// Commits, pauses and asks, while `recv` waits elsewhere.
    pub fn handle(&self) -> ConsumerHandle {
        self.handle.clone()
    }

    /// The group's name. Kafka: `group.id`.
    pub fn group_id(&self) -> &str {
        &self.config.group_id
    }

    /// The topics it subscribes to by name; none if it does by a pattern.
    pub fn topics(&self) -> &[Arc<str>] {
        &self.config.topics
    }

    /// How long it may go without a `recv` or a commit; the group's rebalance timeout. Kafka: `max.poll.interval.ms`.
    pub fn max_poll_interval(&self) -> Duration {
        self.config.max_poll_interval
    }

    /// How long a rebalance waits for a [`RevokeGuard`](crate::RevokeGuard).
    pub fn revoke_drain(&self) -> Duration {
        self.config.revoke_drain
    }

    /// The environment of its client.
    pub fn env(&self) -> &Env {
        &self.env
    }

    /// Finishes the commits that were asked for and leaves the group, unless it is a static member; within 20 s.
    ///
    /// # Errors
    /// The consumer's task has panicked.
    ///
    /// # Cancel safety
    /// Dropping the future ends the consumer as a crash does.
    pub async fn close(mut self) -> Result<(), Error> {
        self.handle.close(CLOSE_LIMIT).await;
        // If it has not ended by now, it is ended.
        self.owner.abort();
        if (&mut self.owner).await { Ok(()) } else { Err(Error::invalid("the consumer's task has panicked")) }
    }
}

/// A consumer's settings, checked together by [`build`](Self::build).
#[derive(Debug)]
#[must_use]
pub struct ConsumerBuilder {
    client: Client,
    config: GroupConfig,
    fetch: FetchConfig,
}

impl ConsumerBuilder {
    /// The topics to read; at least one, or a [`pattern`](Self::pattern). One that does not exist is waited for.
    pub fn topics<T: Into<Arc<str>>>(mut self, topics: impl IntoIterator<Item = T>) -> Self {
        self.config.topics = topics.into_iter().map(Into::into).collect();
        self.config.topics.sort();
        self.config.topics.dedup();
        self
    }

    /// Reads all topics whose whole name matches this regular expression, instead of topics by name. Topics that come
    /// are found, and topics that go are let go, within `metadata.max.age.ms`; Kafka's own topics never match.
    pub fn pattern(mut self, pattern: impl AsRef<str>) -> Self {
        self.config.set_pattern(pattern.as_ref());
        self
    }

    /// Makes it a static member, which keeps its partitions over a restart within the session timeout (KIP-345).
    /// Default: none. Kafka: `group.instance.id`.
    pub fn instance_id(mut self, id: impl Into<String>) -> Self {
        self.config.instance_id = Some(id.into());
        self
    }

    /// How long the group does without a heartbeat before it gives the partitions to others; default 45 s.
    /// Kafka: `session.timeout.ms`.
    pub fn session_timeout(mut self, timeout: Duration) -> Self {
        self.config.session_timeout = timeout;
        self
    }

    /// How often a heartbeat is sent, and so how soon a rebalance is noticed; default 3 s, at most a third of the
    /// session timeout. Kafka: `heartbeat.interval.ms`.
    pub fn heartbeat_interval(mut self, interval: Duration) -> Self {
        self.config.heartbeat_interval = interval;
        self
    }

    /// How long the application may neither receive nor commit before the member leaves the group; default 300 s.
    /// It is also how long a rebalance waits for members. Kafka: `max.poll.interval.ms`.
    pub fn max_poll_interval(mut self, interval: Duration) -> Self {
        self.config.max_poll_interval = interval;
        self
    }

    /// How long a rebalance waits for a [`RevokeGuard`](crate::RevokeGuard); default 10 s, at most a third of the
    /// max poll interval.
    pub fn revoke_drain(mut self, drain: Duration) -> Self {
        self.config.revoke_drain = drain;
        self
    }

    /// How the group's leader spreads the partitions, the preferred one first; default [`Assignor::Range`]. The group
    /// takes one that all its members offer. Kafka: `partition.assignment.strategy`.
    pub fn assignors(mut self, assignors: impl IntoIterator<Item = Assignor>) -> Self {
        self.config.assignors.clear();
        for assignor in assignors {
            if !self.config.assignors.contains(&assignor) {
                self.config.assignors.push(assignor);
            }
        }
        self
    }

    /// What to do when a position is out of its log's range; default [`OffsetReset::Error`]. It says as well where
    /// reading begins in a topic that was deleted and made anew: by default an error tells of it, and the partition is
    /// assigned anew at the log's start, because the group has no offset in that topic.
    pub fn offset_reset(mut self, reset: OffsetReset) -> Self {
        self.config.offset_reset = reset;
        self
    }

    /// How often the leader looks for new partitions, and a member with a pattern for new topics; default 300 s. Kafka: `metadata.max.age.ms`.
    pub fn metadata_max_age(mut self, age: Duration) -> Self {
        self.config.metadata_max_age = age;
        self
    }

    /// How records are fetched; what happens out of range is said here, by [`offset_reset`](Self::offset_reset).
    pub fn fetch(mut self, fetch: FetchConfig) -> Self {
        self.fetch = fetch;
        self
    }

    /// The consumer. It joins the group when [`recv`](Consumer::recv) is first called.
    ///
    /// # Errors
    /// Every setting that is not valid, named together.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn build(self) -> Result<Consumer, Error> {
        Consumer::start(&self.client, self.config, self.fetch)
    }
}
