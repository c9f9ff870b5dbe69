//! What comes of the sender's requests.

use std::time::Duration;

use tokio::time::Instant;

use super::{Event, Sender, Sent};
use crate::{
    client::RETRY,
    error::{Error, ErrorKind, Recovery},
    producer::{ack::Written, sequence::Outcome},
    protocol::{ErrorCode, LeaderHint, ProduceAnswer, ProducedPartition},
    topic_partition::TopicPartition,
};

/// The longest silence a broker may ask for.
const THROTTLE_MAX: Duration = Duration::from_secs(60);
/// How often a batch goes to a leader that was named to us without waiting first: brokers that name each other get
/// no storm.
const HINTS_FOLLOWED: u32 = 2;

/// What brokers leave unsaid.
const TOO_LARGE: &str = "the topic's max.message.bytes is smaller than the batch: raise it, or lower batch.size, and \
                         max.request.size for a single record";

/// An answer for one batch.
struct Settling {
    outcome: Outcome,
    log_append_time: Option<i64>,
    error: Option<Error>,
    /// Whether the broker named a leader that we did not know.
    hinted: bool,
}

impl Sender {
    pub(super) fn handle(&mut self, event: Event) {
        match event {
            Event::Produced { broker, sent, result } => {
                let lines = self.brokers.entry(broker).or_default();
                lines.in_flight = lines.in_flight.saturating_sub(1);
                match result {
                    Ok(answer) => self.answered(broker, sent, answer),
                    Err(error) => sent.iter().for_each(|sent| self.unanswered(sent, error.clone())),
                }
            }
            Event::Identified(result) => self.identified(result),
            Event::Refreshed(result) => {
                self.refreshing = false;
                self.refreshed_at = Instant::now();
                if let Err(error) = result {
                    tracing::warn!(%error, "the producer's metadata could not be refreshed");
                }
            }
        }
    }

    fn answered(&mut self, broker: i32, sent: Vec<Sent>, mut answer: ProduceAnswer) {
        if let Ok(throttle @ 1..) = u64::try_from(answer.throttle_ms) {
            // What was answered is done all the same (KIP-219); only what comes next waits.
            let until = Instant::now() + Duration::from_millis(throttle).min(THROTTLE_MAX);
            self.brokers.entry(broker).or_default().muted_until = Some(until);
        }
        let hinted = self.learn_leaders(&answer);
        for sent in sent {
            match take_answer(&mut answer.partitions, &sent.topic_partition) {
                Some(answer) => self.settle(&sent, settling(&sent.topic_partition, answer, hinted)),
                None => {
                    let detail = format!("no answer for {}", sent.topic_partition);
                    let error = Error::new(ErrorKind::Protocol { broker: None, detail });
                    self.unanswered(&sent, error.with_maybe_applied(true));
                }
            }
        }
    }

    /// Takes in who leads now, where brokers say so (KIP-951). Whether that was news.
    fn learn_leaders(&self, answer: &ProduceAnswer) -> bool {
        let hints: Vec<(TopicPartition, LeaderHint)> = answer
            .partitions
            .iter()
            .filter_map(|one| Some((TopicPartition::new(one.topic.as_str(), one.partition), one.current_leader?)))
            .collect();
        !hints.is_empty() && self.shared.client.metadata().learn(&hints, &answer.nodes)
    }

    fn unanswered(&mut self, sent: &Sent, error: Error) {
        let outcome = Outcome::Unanswered { maybe_written: error.maybe_applied() };
        self.settle(sent, Settling { outcome, log_append_time: None, error: Some(error), hinted: false });
    }

    fn settle(&mut self, sent: &Sent, settling: Settling) {
        let Settling { outcome, log_append_time, error, hinted } = settling;
        if let Some(error) = &error {
            tracing::debug!(partition = %sent.topic_partition, %error, "batch refused");
            let moved = matches!(outcome, Outcome::Unanswered { .. }) || error.recovery() == Recovery::RefreshMetadata;
            if moved && !hinted {
                self.stale = Some(self.shared.client.metadata().cluster().generation());
            }
        }
        let env = self.shared.client.env();
        let Some(lane) = self.lanes.get_mut(&sent.slot) else { return };
        let again_at = |attempts| match hinted && attempts <= HINTS_FOLLOWED {
            true => Instant::now(),
            false => Instant::now() + RETRY.after(attempts, env),
        };
        let written = Written { base_offset: None, log_append_time };
        for concluded in lane.outcome(sent.stamp, outcome, written, error, again_at) {
            self.conclude(concluded);
        }
    }
}

/// The answer for a partition. Brokers answer in the order of the request, so it is mostly the first.
fn take_answer(answers: &mut Vec<ProducedPartition>, topic_partition: &TopicPartition) -> Option<ProducedPartition> {
    let is_for = |answer: &ProducedPartition| {
        answer.partition == topic_partition.partition() && answer.topic == topic_partition.topic()
    };
    answers.iter().position(is_for).map(|at| answers.remove(at))
}

fn settling(topic_partition: &TopicPartition, answer: ProducedPartition, hinted: bool) -> Settling {
    let code = answer.code;
    let outcome =
        Outcome::Answered { code, log_start_offset: answer.log_start_offset, base_offset: answer.base_offset };
    let error = (code != ErrorCode::NONE).then(|| {
        let topic_partition = Some(topic_partition.clone());
        let message = answer.message.or_else(|| (code == ErrorCode::MESSAGE_TOO_LARGE).then(|| TOO_LARGE.to_owned()));
        Error::new(ErrorKind::Broker { code, api: "Produce", topic_partition, message })
    });
    let log_append_time = (answer.log_append_time_ms >= 0).then_some(answer.log_append_time_ms);
    Settling { outcome, log_append_time, error, hinted: hinted && answer.current_leader.is_some() }
}
