use tokio::time::Instant;

use super::{
    ack::Written,
    batch::Batch,
    sequence::{Outcome, Sequence, Verdict},
};
use crate::{
    error::{Error, ErrorKind},
    record::ProducerStamp,
};

/// One partition's batches that have been sent at least once, and its sequence.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) sequence: Sequence,
    /// On the wire, in the order they were sent.
    sent: Vec<Batch>,
    /// To be sent again, oldest first.
    again: Vec<Batch>,
    pub(super) last_sent: Instant,
}

/// A batch that left its lane, with its fate.
pub(super) struct Concluded {
    pub(super) batch: Batch,
    pub(super) result: Result<Written, Error>,
}

impl Lane {
    pub(super) fn new() -> Self {
        Self { sequence: Sequence::default(), sent: Vec::new(), again: Vec::new(), last_sent: Instant::now() }
    }

    /// The batch that goes next because it failed before.
    pub(super) fn next_again(&self) -> Option<&Batch> {
        self.again.get(self.place_of_next())
    }

    /// Whether that batch may go now: failed batches go one at a time (rule 9), when all others are answered.
    pub(super) fn may_go_again(&self, now: Instant) -> bool {
        self.sent.is_empty() && self.next_again().is_some_and(|batch| batch.not_before.is_none_or(|at| at <= now))
    }

    pub(super) fn take_again(&mut self) -> Option<Batch> {
        let place = self.place_of_next();
        (place < self.again.len()).then(|| self.again.remove(place))
    }

    /// The oldest goes first, but under a spent identity those that may be in the log must show what became of them
    /// before the others get a new stamp.
    fn place_of_next(&self) -> usize {
        let stamped = self.sequence.spent().and_then(|_| self.again.iter().position(|batch| batch.stamp().is_some()));
        stamped.unwrap_or(0)
    }

    pub(super) fn put_sent(&mut self, batch: Batch) {
        self.last_sent = Instant::now();
        self.sent.push(batch);
    }

    /// What became of the batch with `stamp`: it is concluded, or goes again after `not_before`. An acknowledgement
    /// also concludes those that it has overtaken.
    pub(super) fn outcome(
        &mut self,
        stamp: ProducerStamp,
        outcome: Outcome,
        written: Written,
        error: Option<Error>,
        not_before: impl FnOnce(u32) -> Instant,
    ) -> Vec<Concluded> {
        let Some(at) = self.sent.iter().position(|batch| batch.stamp() == Some(stamp)) else { return Vec::new() };
        let mut batch = self.sent.remove(at);
        let mut verdict = self.sequence.decide(stamp, outcome);
        if is_hopeless(outcome, error.as_ref()) || batch.deadline <= Instant::now() {
            verdict = match verdict {
                Verdict::Retry => self.sequence.give_up(stamp),
                Verdict::Restamp => Verdict::Failed { maybe_applied: false },
                concluded => concluded,
            };
        }
        let error = error.or_else(|| batch.last_error.take());
        let mut concluded = Vec::new();
        match verdict {
            Verdict::Acknowledged { base_offset } => {
                concluded = self.overtaken_by(batch.id);
                concluded.push(Concluded { batch, result: Ok(Written { base_offset, ..written }) });
            }
            Verdict::Failed { maybe_applied } => {
                let error = error.unwrap_or_else(|| timed_out(&batch));
                concluded.push(Concluded { batch, result: Err(error.with_maybe_applied(maybe_applied)) });
            }
            Verdict::Retry | Verdict::Restamp => {
                if verdict == Verdict::Restamp {
                    batch.unstamp();
                }
                batch.attempts = batch.attempts.saturating_add(1);
                batch.not_before = Some(not_before(batch.attempts));
                batch.last_error = error;
                let place = self.again.partition_point(|other| other.id < batch.id);
                self.again.insert(place, batch);
            }
        }
        self.release_spent();
        concluded
    }

    /// Takes the batches that waited for a new stamp when a later one was acknowledged: sent now, they would stand
    /// behind it.
    fn overtaken_by(&mut self, id: u64) -> Vec<Concluded> {
        let overtaken = self.again.extract_if(.., |batch| batch.id < id && batch.stamp().is_none());
        overtaken
            .map(|mut batch| {
                let error = batch.last_error.take().unwrap_or_else(|| timed_out(&batch));
                Concluded { batch, result: Err(error.with_maybe_applied(false)) }
            })
            .collect()
    }

    /// Under a spent identity, those that cannot be in the log are stamped anew.
    fn release_spent(&mut self) {
        for batch in &mut self.again {
            if batch.stamp().is_some_and(|stamp| self.sequence.release(stamp)) {
                batch.unstamp();
            }
        }
    }

    /// The batches in requests whose time is up: nobody waits for them any more. One whose request still waits for a
    /// connection keeps that from leaving; of the others the fate is unknown. They stay until their answer is in,
    /// because nothing may overtake them.
    pub(super) fn expire_sent(&mut self, now: Instant) -> Vec<u64> {
        let sequence = &self.sequence;
        let expired = self.sent.iter().filter(|batch| batch.deadline <= now);
        expired
            .map(|batch| {
                let before = batch.stamp().is_none_or(|stamp| sequence.may_be_written(stamp));
                let maybe_applied = !batch.gate.shut() || before;
                batch.promise.complete(Err(timed_out(batch).with_maybe_applied(maybe_applied)));
                batch.id
            })
            .collect()
    }

    /// Gives up what is past its deadline and not on the wire.
    pub(super) fn expire(&mut self, now: Instant) -> Vec<Concluded> {
        let mut expired = Vec::new();
        while self.again.first().is_some_and(|batch| batch.deadline <= now) {
            let batch = self.again.remove(0);
            let maybe_applied = match batch.stamp().map(|stamp| self.sequence.give_up(stamp)) {
                Some(Verdict::Failed { maybe_applied }) => maybe_applied,
                _ => false,
            };
            let result = Err(timed_out(&batch).with_maybe_applied(maybe_applied));
            expired.push(Concluded { batch, result });
        }
        self.release_spent();
        expired
    }

    /// When something here must be looked at next.
    pub(super) fn next_look(&self, now: Instant) -> Option<Instant> {
        let deadlines = self.sent.iter().chain(&self.again).map(|batch| batch.deadline).filter(|at| *at > now);
        let again = self.next_again().and_then(|batch| batch.not_before).filter(|at| *at > now);
        deadlines.chain(again).min()
    }
}

/// Whether another attempt cannot do better: the client is closed, the broker does not let us in, or we have no version
/// in common.
fn is_hopeless(outcome: Outcome, error: Option<&Error>) -> bool {
    let kind = error.filter(|_| matches!(outcome, Outcome::Unanswered { .. })).map(Error::kind);
    let ours =
        matches!(kind, Some(ErrorKind::Closed | ErrorKind::Invalid { .. } | ErrorKind::UnsupportedVersion { .. }));
    ours || matches!(kind, Some(ErrorKind::Authentication { .. } | ErrorKind::Tls { .. }))
}

/// The delivery timeout of `batch`, caused by its last failure.
pub(super) fn timed_out(batch: &Batch) -> Error {
    let after = batch.deadline.saturating_duration_since(batch.created);
    let error = Error::new(ErrorKind::Timeout { what: format!("delivery to {}", batch.topic_partition()), after });
    match &batch.last_error {
        Some(cause) => error.with_source(cause.clone()),
        None => error,
    }
}
