//! What goes out now: batches that are due, gathered into requests by leader.

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use tokio::time::Instant;

use super::{Event, Sender, Sent};
use crate::{
    client::{Client, ConnectionKind, Target},
    error::{Error, ErrorKind},
    metadata::Cluster,
    producer::{
        accumulator::Waiting,
        gate::Gate,
        lane::{Concluded, Lane},
    },
    protocol::{Produce, ProduceAnswer, ProducePartition, ProduceTopic},
    record::ProducerStamp,
    topic_partition::TopicPartition,
};

/// Batches in flight to one partition, once its leader is proven (rule 9): as many as brokers remember of a producer,
/// so that they recognise each when it comes again.
const IN_FLIGHT_PER_PARTITION: usize = 5;

/// A partition whose next batch may go.
struct Due {
    slot: usize,
    topic_partition: TopicPartition,
}

/// A request in the making.
#[derive(Default)]
struct Filling {
    gate: Arc<Gate>,
    topics: BTreeMap<Arc<str>, Vec<ProducePartition>>,
    sent: Vec<Sent>,
    bytes: usize,
}

impl Filling {
    fn fits(&self, bytes: usize, max_request_size: usize) -> bool {
        self.bytes == 0 || self.bytes.saturating_add(bytes) <= max_request_size
    }

    fn add(&mut self, due: &Due, stamp: ProducerStamp, records: Bytes) {
        self.bytes = self.bytes.saturating_add(records.len());
        let index = due.topic_partition.partition();
        self.topics.entry(due.topic_partition.topic_shared()).or_default().push(ProducePartition { index, records });
        self.sent.push(Sent { slot: due.slot, topic_partition: due.topic_partition.clone(), stamp });
    }
}

impl Sender {
    /// Sends all that is due and may go.
    pub(super) fn dispatch(&mut self) {
        let now = Instant::now();
        self.next_look = now + super::IDLE;
        self.has_more = false;
        let cluster = self.shared.client.metadata().cluster();
        let short = self.is_short_of_memory();
        let waiting = self.shared.accumulator(|accumulator| {
            accumulator.update(&cluster);
            accumulator.waiting(short)
        });
        let due = self.due(waiting, now);
        let leaderless = due.iter().any(|due| cluster.leader(&due.topic_partition).is_none());
        if leaderless || self.stale == Some(cluster.generation()) || now >= self.refreshed_at + super::METADATA_AGE_MAX
        {
            self.refresh(cluster.generation());
        }
        if !due.is_empty() && self.identity().is_some() {
            for (leader, due) in by_leader(due, &cluster) {
                self.send_to(leader, due, now);
            }
        }
        if let Some(at) = self.lanes.values().filter_map(|lane| lane.next_look(now)).min() {
            self.look_again(at);
        }
    }

    /// Whether enqueuers may be waiting for memory: then nothing lingers.
    fn is_short_of_memory(&self) -> bool {
        self.shared.memory.available_permits() < self.shared.config.batch_size
    }

    /// Every partition with a batch that is due and need not wait for an answer, by slot.
    fn due(&mut self, waiting: Vec<Waiting>, now: Instant) -> Vec<Due> {
        let mut due = BTreeMap::new();
        for (slot, lane) in &self.lanes {
            if lane.may_go_again(now)
                && let Some(batch) = lane.next_again()
            {
                due.insert(*slot, batch.topic_partition().clone());
            }
        }
        for Waiting { slot, topic_partition, due_at, deadline } in waiting {
            self.look_again(deadline);
            if self.lanes.get(&slot).is_some_and(|lane| lane.next_again().is_some()) {
                continue;
            }
            if due_at <= now {
                due.insert(slot, topic_partition);
            } else {
                self.look_again(due_at);
            }
        }
        due.into_iter().map(|(slot, topic_partition)| Due { slot, topic_partition }).collect()
    }

    /// Sends one request to a leader, with one batch of each partition, as far as they fit.
    ///
    /// One a turn: filling it may compress `max.request.size` bytes, which takes milliseconds, at worst some tens. In
    /// between the loop yields, so that a heartbeat on the same thread, due every few seconds, waits no longer.
    fn send_to(&mut self, leader: i32, mut due: Vec<Due>, now: Instant) {
        let lines = self.brokers.entry(leader).or_default();
        if let Some(until) = lines.muted_until.filter(|until| *until > now) {
            return self.look_again(until);
        }
        if lines.in_flight >= self.shared.config.max_in_flight {
            return;
        }
        // Where the last request was full, the next goes on: no partition waits for the others for ever.
        let (last, count) = (lines.last, due.len().max(1));
        let start = due.partition_point(|due| last.is_some_and(|last| due.slot <= last));
        due.rotate_left(start % count);
        let mut filling = Filling::default();
        for due in &due {
            if !filling.fits(self.next_size(due.slot), self.shared.config.max_request_size) {
                break;
            }
            if let Some((stamp, records)) = self.take(due.slot, leader, &filling.gate) {
                filling.add(due, stamp, records);
            }
        }
        if !filling.sent.is_empty() {
            self.send(leader, filling);
            self.has_more = true;
        }
    }

    fn next_size(&self, slot: usize) -> usize {
        match self.lanes.get(&slot).and_then(Lane::next_again) {
            Some(batch) => batch.size(),
            None => self.shared.accumulator(|accumulator| accumulator.first_size(slot)),
        }
    }

    /// Takes the partition's next batch, if its sequence lets one go, and stamps it.
    fn take(&mut self, slot: usize, leader: i32, gate: &Arc<Gate>) -> Option<(ProducerStamp, Bytes)> {
        let lane = self.lanes.entry(slot).or_insert_with(Lane::new);
        let stamped = lane.next_again().is_some_and(|batch| batch.stamp().is_some());
        if !stamped && !lane.sequence.has_room(leader, IN_FLIGHT_PER_PARTITION) {
            return None;
        }
        let spent = lane.sequence.spent().filter(|_| !stamped);
        let identity = self.identity_after(spent)?;
        let lane = self.lanes.get_mut(&slot)?;
        let mut batch = match lane.take_again() {
            Some(batch) => batch,
            None => self.shared.accumulator(|accumulator| accumulator.take(slot))?,
        };
        let stamp = match batch.stamp() {
            Some(stamp) => {
                lane.sequence.sent_to(leader);
                stamp
            }
            None => lane.sequence.stamp(identity, leader, batch.count(), lane.last_sent.elapsed()),
        };
        match batch.encode(stamp) {
            Ok(records) => {
                batch.promise.maybe_written = true;
                batch.gate = Arc::clone(gate);
                lane.put_sent(batch);
                Some((stamp, records))
            }
            Err(cause) => {
                // The sequence goes on without it, as without any batch that is given up.
                lane.sequence.give_up(stamp);
                let error = Error::invalid(format!("a batch for {} cannot be written", batch.topic_partition()));
                self.conclude(Concluded { batch, result: Err(error.with_source(cause)) });
                None
            }
        }
    }

    fn send(&mut self, broker: i32, filling: Filling) {
        let Filling { gate, topics, sent, .. } = filling;
        let limit = self.shared.client.request_timeout();
        let timeout_ms = i32::try_from(limit.as_millis()).unwrap_or(i32::MAX);
        let topics = topics.into_iter().map(|(name, partitions)| ProduceTopic { name, partitions }).collect();
        let request = Produce { acks: -1, timeout_ms, topics };
        let client = self.shared.client.clone();
        let lines = self.brokers.entry(broker).or_default();
        lines.in_flight = lines.in_flight.saturating_add(1);
        lines.last = sent.last().map(|sent| sent.slot);
        self.requests.push(Box::pin(async move {
            let result = send_through(&gate, &client, broker, &request).await;
            Event::Produced { broker, sent, result }
        }));
    }
}

/// Sends the request once there is a connection, if nobody has given up a part of it by then.
async fn send_through(gate: &Gate, client: &Client, broker: i32, request: &Produce) -> Result<ProduceAnswer, Error> {
    let (limit, target) = (client.request_timeout(), Target::Broker(broker));
    let deadline = Instant::now() + limit;
    client.connected(&target, ConnectionKind::Produce, limit).await?;
    if !gate.leave() {
        let what = format!("a connection to broker {broker}");
        return Err(Error::new(ErrorKind::Timeout { what, after: limit }));
    }
    let left = deadline.saturating_duration_since(Instant::now());
    client.call(target, ConnectionKind::Produce, request, left).await
}

fn by_leader(due: Vec<Due>, cluster: &Cluster) -> BTreeMap<i32, Vec<Due>> {
    let mut leaders: BTreeMap<i32, Vec<Due>> = BTreeMap::new();
    for due in due {
        if let Some(leader) = cluster.leader(&due.topic_partition) {
            leaders.entry(leader).or_default().push(due);
        }
    }
    leaders
}
