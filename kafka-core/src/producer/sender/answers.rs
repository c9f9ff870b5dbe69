//! What comes of the sender's requests.

use std::{collections::BTreeMap, time::Duration};

use kafka_protocol::messages::InitProducerIdResponse;
use tokio::time::Instant;

use super::{Event, Sender};
use crate::{
    client::RETRY,
    error::{Error, ErrorKind, Recovery},
    producer::{
        accumulator::Accumulator,
        ack::Written,
        lane::Concluded,
        sequence::{Identity, Outcome},
    },
    protocol::{ErrorCode, ProduceAnswer, ProducedPartition},
    record::ProducerStamp,
    topic_partition::TopicPartition,
};

impl Sender {
    pub(super) fn handle(&mut self, event: Event) {
        match event {
            Event::Produced { broker, sent, result } => self.produced(broker, sent, result),
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

    fn identified(&mut self, result: Result<InitProducerIdResponse, Error>) {
        self.identifying = false;
        let result = result.and_then(|answer| match ErrorCode(answer.error_code) {
            ErrorCode::NONE => Ok(Identity { producer_id: answer.producer_id.0, epoch: answer.producer_epoch }),
            code => Err(Error::broker(code, "InitProducerId")),
        });
        match result {
            Ok(identity) => {
                self.identity = Some(identity);
                self.identity_failures = 0;
            }
            Err(error) if error.is_retriable() => {
                self.identity_failures = self.identity_failures.saturating_add(1);
                tracing::info!(%error, failures = self.identity_failures, "no producer id yet");
            }
            Err(error) => {
                let waiting = self.shared.accumulator(Accumulator::take_all);
                for batch in waiting {
                    self.conclude(Concluded { batch, result: Err(error.clone()) });
                }
            }
        }
    }

    fn produced(
        &mut self,
        broker: i32,
        sent: Vec<(TopicPartition, ProducerStamp)>,
        result: Result<ProduceAnswer, Error>,
    ) {
        let lines = self.brokers.entry(broker).or_default();
        lines.in_flight = lines.in_flight.saturating_sub(1);
        match result {
            Ok(answer) => {
                if let Ok(throttle @ 1..) = u64::try_from(answer.throttle_ms) {
                    lines.muted_until = Some(Instant::now() + Duration::from_millis(throttle.min(60_000)));
                }
                let mut answers: BTreeMap<(String, i32), ProducedPartition> =
                    answer.partitions.into_iter().map(|one| ((one.topic.clone(), one.partition), one)).collect();
                for (partition, stamp) in sent {
                    let key = (partition.topic().to_owned(), partition.partition());
                    match answers.remove(&key) {
                        Some(answer) => self.answered(&partition, stamp, &answer),
                        None => {
                            let detail = format!("no answer for {partition}");
                            let error = Error::new(ErrorKind::Protocol { broker: None, detail });
                            self.unanswered(&partition, stamp, error.with_maybe_applied(true));
                        }
                    }
                }
            }
            Err(error) => {
                for (partition, stamp) in sent {
                    self.unanswered(&partition, stamp, error.clone());
                }
            }
        }
    }

    fn answered(&mut self, partition: &TopicPartition, stamp: ProducerStamp, answer: &ProducedPartition) {
        let code = answer.code;
        let outcome =
            Outcome::Answered { code, log_start_offset: answer.log_start_offset, base_offset: answer.base_offset };
        let error = (code != ErrorCode::NONE).then(|| {
            let topic_partition = Some(partition.clone());
            Error::new(ErrorKind::Broker { code, api: "Produce", topic_partition, message: answer.message.clone() })
        });
        let log_append_time = (answer.log_append_time_ms >= 0).then_some(answer.log_append_time_ms);
        self.settle(partition, stamp, outcome, Written { base_offset: None, log_append_time }, error);
    }

    fn unanswered(&mut self, partition: &TopicPartition, stamp: ProducerStamp, error: Error) {
        let outcome = Outcome::Unanswered { maybe_written: error.maybe_applied() };
        self.settle(partition, stamp, outcome, Written::default(), Some(error));
    }

    fn settle(
        &mut self,
        partition: &TopicPartition,
        stamp: ProducerStamp,
        outcome: Outcome,
        written: Written,
        error: Option<Error>,
    ) {
        if let Some(error) = &error {
            tracing::debug!(%partition, %error, "batch refused");
            if matches!(outcome, Outcome::Unanswered { .. }) || error.recovery() == Recovery::RefreshMetadata {
                self.stale = Some(self.shared.client.metadata().cluster().generation());
            }
        }
        let env = self.shared.client.env().clone();
        let Some(lane) = self.lanes.get_mut(partition) else { return };
        let again_at = |attempts| Instant::now() + RETRY.after(attempts, &env);
        for concluded in lane.outcome(stamp, outcome, written, error, again_at) {
            self.conclude(concluded);
        }
    }
}
