//! The producer's task: which batch goes when and where.

mod answers;
mod dispatch;
mod identity;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use futures_util::{StreamExt, stream::FuturesUnordered};
use kafka_protocol::messages::InitProducerIdResponse;
use tokio::{
    task::yield_now,
    time::{Instant, sleep_until},
};

use super::{
    handle::Shared,
    lane::{Concluded, Lane, timed_out},
    sequence::Identity,
};
use crate::{
    client::RETRY, env::BoxFuture, error::Error, metadata::Cluster, protocol::ProduceAnswer, record::ProducerStamp,
    topic_partition::TopicPartition,
};

/// Requests in flight to one broker. Kafka: `max.in.flight.requests.per.connection`.
pub(super) const IN_FLIGHT_PER_BROKER: usize = 5;
/// Kafka: `metadata.max.age.ms`.
const METADATA_AGE_MAX: Duration = Duration::from_secs(300);
/// How long the producer sleeps when nothing is due.
const IDLE: Duration = Duration::from_secs(60);

/// What a request of the sender came to.
enum Event {
    Produced { broker: i32, sent: Vec<Sent>, result: Result<ProduceAnswer, Error> },
    Identified(Result<InitProducerIdResponse, Error>),
    Refreshed(Result<Arc<Cluster>, Error>),
}

/// A batch in a request.
struct Sent {
    slot: usize,
    topic_partition: TopicPartition,
    stamp: ProducerStamp,
}

/// One broker's requests.
#[derive(Default)]
struct Lines {
    in_flight: usize,
    /// The broker asked for silence until then (KIP-219).
    muted_until: Option<Instant>,
    /// The slot of the last partition of the last request.
    last: Option<usize>,
}

struct Sender {
    shared: Arc<Shared>,
    requests: FuturesUnordered<BoxFuture<'static, Event>>,
    /// By slot.
    lanes: BTreeMap<usize, Lane>,
    brokers: BTreeMap<i32, Lines>,
    identity: Option<Identity>,
    identifying: bool,
    identity_failures: u32,
    refreshing: bool,
    refreshed_at: Instant,
    /// The metadata generation that a failure has shown to be old.
    stale: Option<u64>,
    next_look: Instant,
    /// Whether the last turn sent something, and more may follow at once.
    has_more: bool,
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
        has_more: false,
    };
    loop {
        sender.expire();
        sender.dispatch();
        if sender.shared.accumulator(|accumulator| accumulator.is_closed() && accumulator.is_drained()) {
            return;
        }
        let (shared, has_more) = (Arc::clone(&sender.shared), sender.has_more);
        tokio::select! {
            biased;
            Some(event) = sender.requests.next() => sender.handle(event),
            () = yield_now(), if has_more => {}
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
            tracing::warn!(partition = %batch.topic_partition(), records = batch.count(), %error, "batch not delivered");
        }
        batch.promise.complete(result);
        let (id, buffer) = (batch.id, batch.into_buffer());
        self.shared.accumulator(|accumulator| {
            accumulator.done(id);
            buffer.into_iter().for_each(|buffer| accumulator.recycle(buffer));
        });
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
}
