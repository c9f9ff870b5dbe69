//! One record on its way: its attempts, what follows each, and its dead letter.

use std::{pin::pin, sync::Arc, time::Duration};

use ottla_kafka_core::{Error, ErrorCode, ErrorKind, TopicPartition};
use tokio::{
    sync::{oneshot, watch},
    time::Instant,
};
use tracing::{Instrument as _, Span};

use super::{
    attempt::is_the_records_fault,
    health::StallReason,
    lane::{Delivery, LaneEvent, LaneMessage, LaneParts, Mode},
    progress::{Next, Progress, outage_wait},
    route::Route,
    span,
};
use crate::{
    dead_letter::FailureHistory,
    outgoing::OutgoingRecord,
    record::DeliveryRecord,
    settlement::{Acked, Settled},
};

/// A dead letter that takes longer makes its partition's standstill visible, while the producer still tries.
const VISIBLE_AFTER: Duration = Duration::from_secs(5);

/// What the records of a lane have in common.
pub(super) struct Handling {
    pub(super) parts: LaneParts,
    pub(super) topic_partition: TopicPartition,
    pub(super) id: u64,
    pub(super) route: Route,
    pub(super) mode: watch::Receiver<Mode>,
}

/// A record, and what has happened to it.
pub(super) struct Job {
    delivery: Delivery,
    begun: Option<Begun>,
}

struct Begun {
    at: Instant,
    span: Span,
    progress: Progress,
}

impl Job {
    pub(super) fn new(delivery: Delivery) -> Self {
        Self { delivery, begun: None }
    }
}

/// How far a record has come.
pub(super) enum Step {
    Settled,
    /// Its next attempt starts after this wait, and after a commit of what was settled before.
    Retry {
        job: Job,
        wait: Duration,
        committed: oneshot::Receiver<()>,
    },
    /// It would have to wait, and the lane is asked to end.
    GoesBack,
    /// The worker cannot go on.
    Fatal,
}

/// The lane was asked to end.
struct Stopped;

impl Handling {
    /// Takes a record as far as it goes without waiting for its next attempt.
    pub(super) async fn run(&self, job: Job) -> Step {
        let Job { delivery, begun } = job;
        let begun = begun.unwrap_or_else(|| Begun {
            at: Instant::now(),
            span: span::handling(&self.parts.env, &delivery.record),
            progress: Progress::default(),
        });
        let span = begun.span.clone();
        self.deliver(delivery, begun).instrument(span).await
    }

    async fn deliver(&self, delivery: Delivery, mut begun: Begun) -> Step {
        let offset = delivery.pending.offset();
        loop {
            let attempt = begun.progress.attempt();
            let outcome = self.parts.attempts.run(&self.route, &delivery.record, attempt).await;
            let (now_ms, random) = (self.parts.env.now_ms(), self.parts.env.random_u64());
            match begun.progress.next(outcome, &self.route.retry, now_ms, random) {
                Next::Handled => return self.settled(delivery.pending.handled(), attempt, begun.at).await,
                Next::Filtered => return self.settled(delivery.pending.filtered(), attempt, begun.at).await,
                Next::DeadLetter(failure) => return self.give_up(delivery, &failure, begun.at).await,
                Next::Retry { failed, class, wait } => {
                    tracing::info!(%class, attempt = failed, ?wait, "an attempt failed and is followed by another");
                    self.parts.observer.attempt_failed(&self.topic_partition, failed, &class, true);
                    let (committed, commit) = oneshot::channel();
                    self.tell(LaneEvent::Retrying { offset, committed }).await;
                    return Step::Retry { job: Job { delivery, begun: Some(begun) }, wait, committed: commit };
                }
                Next::Again { wait, stalled } => {
                    if let Some(reason) = stalled {
                        self.tell(LaneEvent::Stalled { offset, reason }).await;
                    }
                    if self.wait(tokio::time::sleep(wait)).await.is_err() {
                        return Step::GoesBack;
                    }
                }
                Next::Stop(error) => {
                    self.tell(LaneEvent::Fatal { offset, error }).await;
                    return Step::Fatal;
                }
            }
        }
    }

    async fn settled(&self, settled: Settled, attempts: u32, began: Instant) -> Step {
        self.parts.observer.processing_seconds(&self.topic_partition, began.elapsed());
        self.parts.observer.settled(&self.topic_partition, settled.settlement(), attempts);
        self.tell(LaneEvent::Settled(settled)).await;
        Step::Settled
    }

    /// Settles a record that no attempt helps.
    async fn give_up(&self, Delivery { pending, record }: Delivery, failure: &FailureHistory, began: Instant) -> Step {
        let attempts = failure.attempts;
        self.parts.observer.attempt_failed(&self.topic_partition, attempts, &failure.class, false);
        let Ok(copy) = self.dead_letter(&record, failure).await else { return Step::GoesBack };
        let (class, error) = (&failure.class, failure.error.as_str());
        tracing::warn!(%class, error, attempts, "a dead letter was written");
        self.parts.observer.dead_lettered(&record, class);
        self.settled(pending.dead_lettered(copy), attempts, began).await
    }

    /// Writes the dead letter, for as long as it takes.
    async fn dead_letter(&self, record: &DeliveryRecord, failure: &FailureHistory) -> Result<Acked, Stopped> {
        let (letters, group) = (&self.route.dead_letters, &self.parts.group_id);
        let mut letter = letters.letter(record, failure, group);
        let mut outages = 0_u32;
        loop {
            let mut publish = pin!(self.parts.attempts.sink.publish(letter.clone()));
            let published = tokio::select! {
                biased;
                published = &mut publish => published,
                () = tokio::time::sleep(VISIBLE_AFTER) => {
                    let error = Error::new(ErrorKind::Timeout { what: "dead letter".to_owned(), after: VISIBLE_AFTER });
                    self.stalled_by(record, &letter.topic, error).await;
                    publish.await
                }
            };
            match published {
                Ok(copy) => return Ok(copy),
                Err(error) => {
                    outages = outages.saturating_add(1);
                    if error.code() == Some(ErrorCode::INVALID_TIMESTAMP) {
                        // Its topic is stricter than the record's, or a clock went back: the time of the copy will do,
                        // as a header keeps the record's own.
                        letter.timestamp = None;
                    } else if is_the_records_fault(&error) {
                        // The headers may be what made it too large, or a lower level than its record's.
                        let timestamp = letter.timestamp;
                        letter = OutgoingRecord { timestamp, ..letters.smallest(record, failure, group) };
                    }
                    if outages > 1 || !is_the_records_fault(&error) {
                        self.stalled_by(record, &letter.topic, error).await;
                        self.wait(tokio::time::sleep(outage_wait(outages, self.parts.env.random_u64()))).await?;
                    }
                }
            }
        }
    }

    async fn stalled_by(&self, record: &DeliveryRecord, topic: &Arc<str>, error: Error) {
        let reason = StallReason::DeadLetter { topic: Arc::clone(topic), error };
        self.tell(LaneEvent::Stalled { offset: record.offset(), reason }).await;
    }

    /// Waits until the next attempt may start; false if the lane is asked to end before.
    pub(super) async fn until_next(&self, wait: Duration, committed: oneshot::Receiver<()>) -> bool {
        let waited = self.wait(async {
            tokio::time::sleep(wait).await;
            // An error is a worker that has ended, and this lane with it.
            let _ = committed.await;
        });
        waited.await.is_ok()
    }

    /// Waits for `future`, unless the lane is asked to end.
    async fn wait(&self, future: impl Future<Output = ()>) -> Result<(), Stopped> {
        let mut mode = self.mode.clone();
        tokio::select! {
            biased;
            _ = mode.wait_for(|mode| *mode != Mode::Run) => Err(Stopped),
            () = future => Ok(()),
        }
    }

    pub(super) async fn tell(&self, event: LaneEvent) {
        let message = LaneMessage { topic_partition: self.topic_partition.clone(), lane: self.id, event };
        // An error is a worker that has ended: nobody commits anything any more.
        let _ = self.parts.events.send(message).await;
    }
}
