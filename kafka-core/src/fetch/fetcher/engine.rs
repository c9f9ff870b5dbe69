//! The fetcher's task: asks what is due, and waits for answers.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use futures_util::{StreamExt, stream::FuturesUnordered};
use tokio::time::{Instant, sleep_until};

use super::{
    Shared, State,
    answers::Event,
    locate::{held, locate},
    request::request,
};
use crate::{
    client::{Client, ConnectionKind, RETRY, Target},
    env::BoxFuture,
    error::{Error, ErrorKind},
    fetch::{
        partitions::Asked,
        plan::{Question, lost_cause, plan},
        reading::{self, Next},
    },
    metadata::{Cluster, Topic},
    protocol::ErrorCode,
    topic_partition::TopicPartition,
};

/// How long the task sleeps when nothing is due.
const IDLE: Duration = Duration::from_secs(60);

/// What the task owns beside what it shares.
pub(super) struct Engine {
    pub(super) client: Client,
    /// The same with connections of its own, for requests beside those that brokers hold.
    aside: Client,
    pub(super) shared: Arc<Shared>,
    requests: FuturesUnordered<BoxFuture<'static, Event>>,
    /// The generation of metadata that has failed.
    pub(super) stale: Option<u64>,
    pub(super) refreshing: bool,
    pub(super) refreshed_at: Option<Instant>,
    /// How many refreshes in a row did not help.
    refreshes: u32,
}

impl Engine {
    pub(super) fn new(client: Client, shared: Arc<Shared>) -> Self {
        let requests = FuturesUnordered::new();
        let aside = client.holding();
        Self { client, aside, shared, requests, stale: None, refreshing: false, refreshed_at: None, refreshes: 0 }
    }

    /// Runs until it is dropped.
    pub(super) async fn run(mut self) {
        let shared = Arc::clone(&self.shared);
        loop {
            let look = self.ask();
            tokio::select! {
                biased;
                Some(event) = self.requests.next() => {
                    self.handle(event);
                    shared.budget.taker.notify_one();
                }
                () = shared.budget.asker.notified() => {}
                () = sleep_until(look) => {}
            }
        }
    }

    /// Asks all that can be asked; says when to look again.
    fn ask(&mut self) -> Instant {
        let now = Instant::now();
        let cluster = self.client.metadata().cluster();
        let shared = Arc::clone(&self.shared);
        let mut state = shared.state();
        if self.give_up(&mut state, &cluster, now) {
            shared.budget.taker.notify_one();
        }
        let plan = plan(&state.partitions, &state.leaders, &cluster, shared.config.sizes(), now);
        for mut question in plan.questions {
            self.ask_offsets(&mut state, std::mem::take(&mut question.locates), &cluster);
            if question.fetches.is_empty() {
                continue;
            }
            if self.has_room(&mut state, question.max_bytes) {
                self.ask_records(&mut state, question, &cluster);
            } else {
                self.note_memory(&mut state, &question.fetches);
            }
        }
        for partition in &plan.leaderless {
            let leaderless = || Error::broker(ErrorCode::LEADER_NOT_AVAILABLE, "Metadata");
            state.partitions.with(partition, |reading| reading.stalled(now, leaderless));
        }
        if !plan.leaderless.is_empty() || self.stale == Some(cluster.generation()) {
            self.refresh(&state, cluster.generation());
        } else if !self.refreshing {
            self.refreshes = 0;
        }
        let looks = [state.partitions.next_look(now), state.leaders.next_look(now)];
        looks.into_iter().flatten().min().unwrap_or_else(|| now + IDLE)
    }

    /// Whether so much may be asked for. What waits of paused partitions goes, if nothing else can be handed out: it
    /// is had again, and others need not wait behind it.
    fn has_room(&self, state: &mut State, bytes: usize) -> bool {
        let budget = &self.shared.budget;
        budget.has_room(bytes)
            || !state.partitions.has_ready() && state.partitions.evict_paused() && budget.has_room(bytes)
    }

    /// Nothing can be asked for. That is a stall if nothing waits to be handed out either: the application keeps it all.
    fn note_memory(&self, state: &mut State, asked: &[Asked]) {
        if state.partitions.has_ready() {
            return;
        }
        let (now, used) = (Instant::now(), self.shared.budget.used());
        let full = || {
            Error::new(ErrorKind::Full).with_source(format!("{used} bytes of records are kept by whoever read them"))
        };
        for Asked { topic_partition, .. } in asked {
            state.partitions.with(topic_partition, |reading| reading.stalled(now, full));
        }
    }

    /// Stops or resets partitions that the cluster's description gives no hope for. Whether any was stopped.
    fn give_up(&self, state: &mut State, cluster: &Cluster, now: Instant) -> bool {
        let patience = self.client.default_api_timeout();
        let lost: Vec<_> = state
            .partitions
            .iter_mut()
            .filter(|(_, reading)| !matches!(reading.state, reading::State::Busy | reading::State::Failed))
            .filter_map(|(partition, reading)| {
                Some((partition.clone(), lost_cause(partition, reading, cluster, now, patience)?))
            })
            .collect();
        let reset = self.shared.config.offset_reset.start(self.client.env().now_ms());
        for (partition, error) in &lost {
            state.partitions.with(partition, |reading| match (error.kind(), reset) {
                (ErrorKind::TopicRecreated { offset, .. }, Some(start)) => {
                    tracing::warn!(topic_partition = %partition, %error, ?start, "the position is reset");
                    reading.reset(*offset, start);
                }
                _ => reading.fail(error.clone()),
            });
        }
        !lost.is_empty()
    }

    fn ask_records(&mut self, state: &mut State, question: Question, cluster: &Arc<Cluster>) {
        for asked in &question.fetches {
            let id = cluster.topic(asked.topic_partition.topic()).map(Topic::id).unwrap_or_default();
            state.partitions.busy(&asked.topic_partition, id);
        }
        state.leaders.asked(&question);
        let charge = self.shared.budget.charge(question.max_bytes);
        let client = if question.is_aside { self.aside.clone() } else { self.client.clone() };
        let cluster = Arc::clone(cluster);
        let request = request(&question, &self.shared.config, &cluster);
        let limit = client.request_timeout().saturating_add(question.wait);
        self.requests.push(Box::pin(async move {
            let asked_at = Instant::now();
            let target = Target::Broker(question.leader);
            let result = client.call(target, ConnectionKind::Fetch, &request, limit).await;
            Event::Answered { question, asked_at, cluster, charge, result }
        }));
    }

    fn ask_offsets(&mut self, state: &mut State, asked: Vec<Asked>, cluster: &Cluster) {
        if asked.is_empty() {
            return;
        }
        for Asked { topic_partition, .. } in &asked {
            let id = cluster.topic(topic_partition.topic()).map(Topic::id).unwrap_or_default();
            state.partitions.busy(topic_partition, id);
        }
        let (client, generation) = (self.client.clone(), cluster.generation());
        let isolation = self.shared.config.isolation;
        self.requests.push(Box::pin(async move {
            let found = locate(&client, &asked, isolation).await;
            Event::Located { asked, generation, found }
        }));
    }

    /// Asks what the log holds: Kafka refuses an offset without saying so.
    pub(super) fn ask_held(&mut self, asked: Asked, offset: i64) {
        let (client, isolation) = (self.client.clone(), self.shared.config.isolation);
        self.requests.push(Box::pin(async move {
            let held = held(&client, &asked.topic_partition, isolation).await;
            Event::OutOfRange { asked, offset, held }
        }));
    }

    fn refresh(&mut self, state: &State, generation: u64) {
        if self.refreshing {
            return;
        }
        self.refreshing = true;
        self.refreshes = self.refreshes.saturating_add(1);
        let client = self.client.clone();
        let topics: BTreeSet<Arc<str>> = state.partitions.assigned().map(TopicPartition::topic_shared).collect();
        let wait = RETRY.after(self.refreshes, client.env());
        let at = self.refreshed_at.map_or_else(Instant::now, |at| at + wait);
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

impl Asked {
    /// The offset that is asked for.
    pub(super) fn offset(&self) -> i64 {
        match self.next {
            Next::Fetch(offset) => offset,
            Next::Locate(_) => -1,
        }
    }
}
