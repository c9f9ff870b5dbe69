//! The producer's id and epoch: asked for, bumped, replaced.

use std::time::Duration;

use kafka_protocol::messages::{InitProducerIdRequest, InitProducerIdResponse, ProducerId};
use tokio::time::{Instant, sleep_until};

use super::{Event, Sender};
use crate::{
    client::{ConnectionKind, RETRY, Target},
    error::{Error, ErrorKind},
    producer::{accumulator::Accumulator, lane::Concluded, sequence::Identity},
    protocol::ErrorCode,
};

impl Sender {
    /// The identity to stamp with; asks for one if there is none.
    pub(super) fn identity(&mut self) -> Option<Identity> {
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

    /// The identity after `spent`, of which a partition may use no more (rules 3 to 6); the other partitions follow
    /// when they have drained.
    pub(super) fn identity_after(&mut self, spent: Option<Identity>) -> Option<Identity> {
        if spent.is_some() && spent == self.identity {
            self.identity = self.identity.and_then(Identity::bumped);
            if self.identity.is_none() {
                // No epoch is left: a new producer id is asked for at the next look.
                self.look_again(Instant::now());
            }
        }
        self.identity
    }

    pub(super) fn identified(&mut self, result: Result<InitProducerIdResponse, Error>) {
        self.identifying = false;
        let result = result.and_then(|answer| match ErrorCode(answer.error_code) {
            // Without an identity of its own nothing would tell a retry from another record.
            ErrorCode::NONE if answer.producer_id.0 < 0 || answer.producer_epoch < 0 => {
                let detail =
                    format!("InitProducerId gave id {} and epoch {}", answer.producer_id.0, answer.producer_epoch);
                Err(Error::new(ErrorKind::Protocol { broker: None, detail }))
            }
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
}
