//! Asks the leaders and hands out what they answer.

mod answers;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    fmt,
    sync::Arc,
    time::Duration,
};

use futures_util::{StreamExt, stream::FuturesUnordered};
use tokio::time::{Instant, sleep_until};

use super::{
    FetchConfig, FetchedRecords, Isolation,
    partitions::{Asked, Partitions},
};
use crate::{
    client::{Client, ConnectionKind, RETRY, Target},
    env::BoxFuture,
    error::Error,
    metadata::{Cluster, Topic},
    protocol::{Fetch, FetchAnswer, FetchPartition, FetchTopic},
    topic_partition::TopicPartition,
};

/// How long the fetcher sleeps when nothing is due.
const IDLE: Duration = Duration::from_secs(60);

/// Something that was read, or why nothing more will be.
#[derive(Debug)]
pub enum Fetched {
    /// Records, at least one.
    Records(FetchedRecords),
    /// The position moved over offsets without records: transaction markers, aborted or compacted records.
    Progress {
        /// The partition.
        topic_partition: TopicPartition,
        /// The new position.
        offset: i64,
    },
    /// The partition is not read any more until it is assigned again, for a reason the fetcher cannot heal.
    Failed {
        /// The partition.
        topic_partition: TopicPartition,
        /// The reason.
        error: Error,
    },
}

enum Event {
    Answered { leader: i32, asked: Vec<Asked>, cluster: Arc<Cluster>, result: Result<FetchAnswer, Error> },
    Refreshed(Result<Arc<Cluster>, Error>),
    OutOfRange { asked: Asked, log_start: Option<i64>, high_watermark: Option<i64> },
}

/// Reads assigned partitions, each from its own position: one request at a time to each leader.
pub struct Fetcher {
    client: Client,
    config: FetchConfig,
    partitions: Partitions,
    requests: FuturesUnordered<BoxFuture<'static, Event>>,
    /// Leaders with a request in flight.
    asking: BTreeSet<i32>,
    /// Answers that were not handed out yet. Those of a partition that is sought or unassigned are taken out.
    ready: VecDeque<Fetched>,
    refreshing: bool,
    refreshed_at: Option<Instant>,
    stale: Option<u64>,
}

impl Fetcher {
    /// A fetcher of nothing yet.
    pub fn new(client: &Client, config: FetchConfig) -> Self {
        Self {
            client: client.clone(),
            config,
            partitions: Partitions::default(),
            requests: FuturesUnordered::new(),
            asking: BTreeSet::new(),
            ready: VecDeque::new(),
            refreshing: false,
            refreshed_at: None,
            stale: None,
        }
    }

    /// Reads `topic_partition` from `offset` on. An assigned partition is sought; it stays paused if it is.
    pub fn assign(&mut self, topic_partition: TopicPartition, offset: i64) {
        self.ready.retain(|fetched| fetched.topic_partition() != &topic_partition);
        self.partitions.assign(topic_partition, offset);
    }

    /// Reads the partition no more.
    pub fn unassign(&mut self, topic_partition: &TopicPartition) {
        self.ready.retain(|fetched| fetched.topic_partition() != topic_partition);
        self.partitions.unassign(topic_partition);
    }

    /// Hands out nothing of the partition, and does not ask for more, until it is resumed.
    pub fn pause(&mut self, topic_partition: &TopicPartition) {
        self.partitions.pause(topic_partition, true);
    }

    /// Goes on with a paused partition.
    pub fn resume(&mut self, topic_partition: &TopicPartition) {
        self.partitions.pause(topic_partition, false);
    }

    /// The assigned partitions.
    pub fn assigned(&self) -> impl Iterator<Item = &TopicPartition> {
        self.partitions.assigned()
    }

    /// The offset behind what was handed out.
    pub fn position(&self, topic_partition: &TopicPartition) -> Option<i64> {
        self.partitions.position(topic_partition)
    }

    /// The next thing that was read. It waits as long as there is none; leader changes, broker failures and the like
    /// are retried without end.
    ///
    /// # Cancel safety
    /// Safe: what was read is handed out by the next call.
    pub async fn next(&mut self) -> Fetched {
        loop {
            if let Some(fetched) = self.take_ready() {
                return fetched;
            }
            self.step().await;
        }
    }

    /// Goes on with the requests in flight without handing anything out, and never ends: for an owner that cannot
    /// take more right now. At most one answer a leader waits meanwhile.
    ///
    /// Not to poll the fetcher at all would stop its requests where they are, one perhaps in the middle of a write that
    /// others on its connection wait behind.
    ///
    /// # Cancel safety
    /// Safe: what was read is handed out by [`next`](Self::next).
    pub async fn drive(&mut self) {
        loop {
            self.step().await;
        }
    }

    /// Asks for what is due, then waits for an answer or until something else is due.
    async fn step(&mut self) {
        self.ask();
        let look = self.partitions.next_look().unwrap_or_else(|| Instant::now() + IDLE);
        tokio::select! {
            biased;
            Some(event) = self.requests.next() => self.handle(event),
            () = sleep_until(look) => {}
        }
    }

    fn take_ready(&mut self) -> Option<Fetched> {
        let free = |fetched: &Fetched| !self.partitions.is_paused(fetched.topic_partition());
        let at = self.ready.iter().position(free)?;
        let fetched = self.ready.remove(at)?;
        match &fetched {
            Fetched::Records(records) => self.partitions.advance(records.topic_partition(), records.next_offset()),
            Fetched::Progress { topic_partition, offset } => self.partitions.advance(topic_partition, *offset),
            Fetched::Failed { .. } => {}
        }
        Some(fetched)
    }

    /// Asks every leader that has something to be asked for and no request in flight.
    fn ask(&mut self) {
        let cluster = self.client.metadata().cluster();
        let mut by_leader: BTreeMap<i32, Vec<Asked>> = BTreeMap::new();
        let mut leaderless = false;
        for asked in self.partitions.askable(Instant::now()) {
            match cluster.leader(&asked.topic_partition) {
                Some(leader) if !self.asking.contains(&leader) => by_leader.entry(leader).or_default().push(asked),
                Some(_) => {}
                None => leaderless = true,
            }
        }
        if leaderless || self.stale == Some(cluster.generation()) {
            self.refresh(cluster.generation());
        }
        for (leader, asked) in by_leader {
            self.ask_leader(leader, asked, &cluster);
        }
    }

    fn ask_leader(&mut self, leader: i32, asked: Vec<Asked>, cluster: &Arc<Cluster>) {
        let mut topics: Vec<FetchTopic> = Vec::new();
        for one in &asked {
            self.partitions.busy(&one.topic_partition);
            let partition = FetchPartition {
                index: one.topic_partition.partition(),
                current_leader_epoch: -1,
                offset: one.offset,
                max_bytes: self.config.partition_bytes,
            };
            let name = one.topic_partition.topic_shared();
            match topics.iter_mut().find(|topic| topic.name == name) {
                Some(topic) => topic.partitions.push(partition),
                None => {
                    let id = cluster.topic(&name).map(Topic::id).unwrap_or_default();
                    topics.push(FetchTopic { name, id, partitions: vec![partition] });
                }
            }
        }
        let request = Fetch {
            max_wait_ms: i32::try_from(self.config.max_wait.as_millis()).unwrap_or(i32::MAX),
            min_bytes: self.config.min_bytes,
            max_bytes: self.config.max_bytes,
            isolation: i8::from(self.config.isolation == Isolation::ReadCommitted),
            topics,
        };
        self.asking.insert(leader);
        let (client, cluster) = (self.client.clone(), Arc::clone(cluster));
        let limit = client.request_timeout().saturating_add(self.config.max_wait);
        self.requests.push(Box::pin(async move {
            let result = client.call(Target::Broker(leader), ConnectionKind::Fetch, &request, limit).await;
            Event::Answered { leader, asked, cluster, result }
        }));
    }

    fn refresh(&mut self, generation: u64) {
        if self.refreshing {
            return;
        }
        self.refreshing = true;
        let client = self.client.clone();
        let topics: BTreeSet<Arc<str>> = self.partitions.assigned().map(TopicPartition::topic_shared).collect();
        let at = self.refreshed_at.map_or_else(Instant::now, |at| at + RETRY.after(1, client.env()));
        self.requests.push(Box::pin(async move {
            sleep_until(at).await;
            let names: Vec<&str> = topics.iter().map(|name| &**name).collect();
            let known = client.metadata().topics(&names).await;
            Event::Refreshed(match known {
                Ok(cluster) if cluster.generation() > generation => Ok(cluster),
                Ok(_) => client.metadata().refresh_after(generation).await,
                Err(error) => Err(error),
            })
        }));
    }
}

impl Fetched {
    /// The partition that it is about.
    pub fn topic_partition(&self) -> &TopicPartition {
        match self {
            Self::Records(records) => records.topic_partition(),
            Self::Progress { topic_partition, .. } | Self::Failed { topic_partition, .. } => topic_partition,
        }
    }
}

impl fmt::Debug for Fetcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fetcher")
            .field("partitions", &self.partitions)
            .field("asking", &self.asking)
            .finish_non_exhaustive()
    }
}
