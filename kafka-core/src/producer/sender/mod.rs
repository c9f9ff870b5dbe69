//! The producer's task: which batch goes when and where.

mod answers;

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use futures_util::{StreamExt, stream::FuturesUnordered};
use kafka_protocol::messages::{InitProducerIdRequest, InitProducerIdResponse, ProducerId};
use tokio::time::{Instant, sleep_until};

use super::{
    Shared,
    lane::{Concluded, Lane, timed_out},
    sequence::Identity,
};
use crate::{
    client::{ConnectionKind, RETRY, Target},
    env::BoxFuture,
    error::Error,
    metadata::Cluster,
    protocol::{Produce, ProduceAnswer, ProducePartition, ProduceTopic},
    record::ProducerStamp,
    topic_partition::TopicPartition,
};

/// Requests in flight to one broker. Kafka: `max.in.flight.requests.per.connection`.
pub(super) const IN_FLIGHT_PER_BROKER: usize = 5;
/// Batches in flight to one partition, once its leader is proven (rule 9): as many as brokers remember of a producer,
/// so that they recognise each when it comes again.
const IN_FLIGHT_PER_PARTITION: usize = 5;
/// Kafka: `metadata.max.age.ms`.
const METADATA_AGE_MAX: Duration = Duration::from_secs(300);
/// How long the producer sleeps when nothing is due.
const IDLE: Duration = Duration::from_secs(60);

/// What a request of the sender came to.
enum Event {
    Produced { broker: i32, sent: Vec<(TopicPartition, ProducerStamp)>, result: Result<ProduceAnswer, Error> },
    Identified(Result<InitProducerIdResponse, Error>),
    Refreshed(Result<Arc<Cluster>, Error>),
}

/// One broker's requests.
#[derive(Default)]
struct Lines {
    in_flight: usize,
    /// The broker asked for silence until then (KIP-219).
    muted_until: Option<Instant>,
    /// The last partition of the last request.
    last: Option<TopicPartition>,
}

struct Sender {
    shared: Arc<Shared>,
    requests: FuturesUnordered<BoxFuture<'static, Event>>,
    lanes: BTreeMap<TopicPartition, Lane>,
    brokers: BTreeMap<i32, Lines>,
    identity: Option<Identity>,
    identifying: bool,
    identity_failures: u32,
    refreshing: bool,
    refreshed_at: Instant,
    /// The metadata generation that a failure has shown to be old.
    stale: Option<u64>,
    next_look: Instant,
}

/// Runs until the producer is closed and drained.
pub(super) async fn run(shared: Arc<Shared>) {
    let mut sender = Sender {
        shared,
        requests: FuturesUnordered::new(),
        lanes: BTreeMap::new(),
        brokers: BTreeMap::new(),
        identity: None,
        identifying: false,
        identity_failures: 0,
        refreshing: false,
        refreshed_at: Instant::now(),
        stale: None,
        next_look: Instant::now(),
    };
    loop {
        sender.expire();
        sender.dispatch();
        if sender.shared.accumulator(|accumulator| accumulator.is_closed() && accumulator.is_drained()) {
            return;
        }
        let shared = Arc::clone(&sender.shared);
        tokio::select! {
            biased;
            Some(event) = sender.requests.next() => sender.handle(event),
            () = shared.wake.notified() => {}
            () = sleep_until(sender.next_look) => {}
        }
    }
}

impl Sender {
    fn look_again(&mut self, at: Instant) {
        self.next_look = self.next_look.min(at);
    }

    fn conclude(&self, concluded: Concluded) {
        let Concluded { batch, result } = concluded;
        if let Err(error) = &result {
            tracing::warn!(partition = %batch.topic_partition, records = batch.count(), %error, "batch not delivered");
        }
        batch.promise.complete(result);
        self.shared.accumulator(|accumulator| accumulator.done(batch.id));
    }

    /// Gives up what is past its deadline.
    fn expire(&mut self) {
        let now = Instant::now();
        let mut expired: Vec<Concluded> = self
            .shared
            .accumulator(|accumulator| accumulator.take_expired(now))
            .into_iter()
            .map(|batch| Concluded { result: Err(timed_out(&batch)), batch })
            .collect();
        expired.extend(self.lanes.values_mut().flat_map(|lane| lane.expire(now)));
        let unknown: Vec<u64> = self.lanes.values_mut().flat_map(|lane| lane.expire_sent(now)).collect();
        self.shared.accumulator(|accumulator| unknown.into_iter().for_each(|id| accumulator.done(id)));
        expired.into_iter().for_each(|concluded| self.conclude(concluded));
    }

    /// Sends all that is due and may go.
    fn dispatch(&mut self) {
        let now = Instant::now();
        self.next_look = now + IDLE;
        let cluster = self.shared.client.metadata().cluster();
        let mut due: BTreeMap<i32, Vec<TopicPartition>> = BTreeMap::new();
        let mut leaderless = false;
        for partition in self.candidates() {
            if !self.is_due(&partition, now) {
                continue;
            }
            match cluster.leader(&partition) {
                Some(leader) => due.entry(leader).or_default().push(partition),
                None => leaderless = true,
            }
        }
        if leaderless || self.stale == Some(cluster.generation()) || now >= self.refreshed_at + METADATA_AGE_MAX {
            self.refresh(cluster.generation());
        }
        if !due.is_empty() && self.identity().is_some() {
            for (leader, partitions) in due {
                self.send_to(leader, partitions, now);
            }
        }
        let looks = self.lanes.values().filter_map(|lane| lane.next_look(now)).min();
        let deadline = self.shared.accumulator(|accumulator| accumulator.next_deadline());
        for at in looks.into_iter().chain(deadline) {
            self.look_again(at);
        }
    }

    /// Every partition that has something to send.
    fn candidates(&self) -> Vec<TopicPartition> {
        let mut candidates = self.shared.accumulator(|accumulator| accumulator.partitions());
        let again = self.lanes.iter().filter(|(_, lane)| lane.next_again().is_some());
        candidates.extend(again.map(|(partition, _)| partition.clone()));
        candidates.sort();
        candidates.dedup();
        candidates
    }

    /// Whether the partition's next batch may go now; notes when to look again if not.
    fn is_due(&mut self, partition: &TopicPartition, now: Instant) -> bool {
        let lane = self.lanes.get(partition);
        if let Some(batch) = lane.and_then(Lane::next_again) {
            // Failed batches go one at a time (rule 9), and before newer ones.
            return !lane.is_some_and(Lane::is_sending) && batch.not_before.is_none_or(|at| at <= now);
        }
        let short = self.shared.memory.available_permits() < self.shared.config.batch_size;
        match self.shared.accumulator(|accumulator| accumulator.due_at(partition, short)) {
            Some(at) if at <= now => true,
            Some(at) => {
                self.look_again(at);
                false
            }
            None => false,
        }
    }

    /// The identity to stamp with; asks for one if there is none.
    fn identity(&mut self) -> Option<Identity> {
        if self.identity.is_none() && !self.identifying {
            self.identifying = true;
            let client = self.shared.client.clone();
            let wait = match self.identity_failures {
                0 => Duration::ZERO,
                failures => RETRY.after(failures, client.env()),
            };
            self.requests.push(Box::pin(async move {
                sleep_until(Instant::now() + wait).await;
                let request = InitProducerIdRequest::default()
                    .with_transactional_id(None)
                    .with_transaction_timeout_ms(60_000)
                    .with_producer_id(ProducerId(-1))
                    .with_producer_epoch(-1);
                let limit = client.request_timeout();
                Event::Identified(client.call(Target::Any, ConnectionKind::Control, &request, limit).await)
            }));
        }
        self.identity
    }

    fn refresh(&mut self, generation: u64) {
        if self.refreshing {
            return;
        }
        self.refreshing = true;
        let client = self.shared.client.clone();
        // The answer before was not good enough, so a little time must pass before the next can be better.
        let at = self.refreshed_at + RETRY.after(1, client.env());
        self.requests.push(Box::pin(async move {
            sleep_until(at).await;
            Event::Refreshed(client.metadata().refresh_after(generation).await)
        }));
    }

    /// Fills requests for one leader, as many as may be in flight; each partition has one batch in a request.
    fn send_to(&mut self, leader: i32, mut partitions: Vec<TopicPartition>, now: Instant) {
        let lines = self.brokers.entry(leader).or_default();
        if let Some(until) = lines.muted_until.filter(|until| *until > now) {
            return self.look_again(until);
        }
        // Where the last request was full, the next goes on: no partition waits for the others for ever.
        let start = partitions.partition_point(|partition| lines.last.as_ref().is_some_and(|last| partition <= last));
        let count = partitions.len().max(1);
        partitions.rotate_left(start % count);
        let mut waiting = VecDeque::from(partitions);
        while self.brokers.entry(leader).or_default().in_flight < IN_FLIGHT_PER_BROKER {
            let taken = self.fill(leader, &mut waiting);
            if taken.is_empty() {
                return;
            }
            let more: Vec<TopicPartition> = taken.into_iter().filter(|partition| self.is_due(partition, now)).collect();
            waiting.extend(more);
        }
    }

    /// Sends one request with what fits of the partitions that wait; says which those are.
    fn fill(&mut self, leader: i32, waiting: &mut VecDeque<TopicPartition>) -> Vec<TopicPartition> {
        let mut topics: BTreeMap<Arc<str>, Vec<ProducePartition>> = BTreeMap::new();
        let mut sent = Vec::new();
        let mut taken = Vec::new();
        let mut bytes = 0_usize;
        while let Some(partition) = waiting.front() {
            let next = self.next_size(partition);
            if bytes > 0 && bytes.saturating_add(next) > self.shared.config.max_request_size {
                break;
            }
            let Some(partition) = waiting.pop_front() else { break };
            if let Some((stamp, records)) = self.take(&partition, leader) {
                bytes = bytes.saturating_add(next);
                let index = partition.partition();
                topics.entry(partition.topic_shared()).or_default().push(ProducePartition { index, records });
                sent.push((partition.clone(), stamp));
                taken.push(partition);
            }
        }
        if !sent.is_empty() {
            self.brokers.entry(leader).or_default().last = taken.last().cloned();
            self.send(leader, topics, sent);
        }
        taken
    }

    fn next_size(&self, partition: &TopicPartition) -> usize {
        match self.lanes.get(partition).and_then(Lane::next_again) {
            Some(batch) => batch.size(),
            None => self.shared.accumulator(|accumulator| accumulator.first_size(partition)),
        }
    }

    /// Takes the partition's next batch, if its sequence lets one go, and stamps it.
    fn take(&mut self, partition: &TopicPartition, leader: i32) -> Option<(ProducerStamp, bytes::Bytes)> {
        let lane = self.lanes.entry(partition.clone()).or_insert_with(Lane::new);
        let stamped = lane.next_again().is_some_and(|batch| batch.stamp().is_some());
        if !stamped && !lane.sequence.has_room(leader, IN_FLIGHT_PER_PARTITION) {
            return None;
        }
        let mut identity = self.identity?;
        if !stamped && lane.sequence.spent() == Some(identity) {
            // Rules 3 to 6: the epoch is spent for this partition; the others follow when they have drained.
            self.identity = identity.bumped();
            match self.identity {
                Some(bumped) => identity = bumped,
                None => {
                    self.look_again(Instant::now());
                    return None;
                }
            }
        }
        let mut batch = match lane.take_again() {
            Some(batch) => batch,
            None => self.shared.accumulator(|accumulator| accumulator.take(partition))?,
        };
        let stamp = match batch.stamp() {
            Some(stamp) => {
                lane.sequence.sent_to(leader);
                stamp
            }
            None => lane.sequence.stamp(identity, leader, batch.count(), lane.last_sent.elapsed()),
        };
        let records = batch.encode(stamp);
        batch.promise.maybe_written = true;
        lane.put_sent(batch);
        Some((stamp, records))
    }

    fn send(
        &mut self,
        broker: i32,
        topics: BTreeMap<Arc<str>, Vec<ProducePartition>>,
        sent: Vec<(TopicPartition, ProducerStamp)>,
    ) {
        let limit = self.shared.client.request_timeout();
        let timeout_ms = i32::try_from(limit.as_millis()).unwrap_or(i32::MAX);
        let topics = topics.into_iter().map(|(name, partitions)| ProduceTopic { name, partitions }).collect();
        let request = Produce { acks: -1, timeout_ms, topics };
        let client = self.shared.client.clone();
        let lines = self.brokers.entry(broker).or_default();
        lines.in_flight = lines.in_flight.saturating_add(1);
        self.requests.push(Box::pin(async move {
            let result = client.call(Target::Broker(broker), ConnectionKind::Produce, &request, limit).await;
            Event::Produced { broker, sent, result }
        }));
    }
}
