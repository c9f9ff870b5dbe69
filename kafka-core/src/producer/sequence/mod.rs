//! The sequence rules of an idempotent producer, for one partition. Pure: it is told what happened and decides.
//!
//! 1. A batch is stamped once; every retry keeps its producer id, epoch and sequence. No stamp is ever reused.
//! 2. `DUPLICATE_SEQUENCE_NUMBER` is success without an offset.
//! 3. `OUT_OF_ORDER_SEQUENCE_NUMBER` behind an unanswered batch is that batch's trouble: retry. At the head the broker
//!    has lost our state: a new epoch, and the batch again, but only if no copy of it can be in the log and no later
//!    batch was acknowledged. Else it fails and says which of the two it was: a broker that was restarted remembers
//!    the last batch only, and calls an earlier one that it has out of order.
//! 4. `UNKNOWN_PRODUCER_ID` without a log start is a retry; else the state went with the log: as rule 3 at the head.
//! 5. A batch that ran out of time after it was sent may be in the log: the partition drains, then a new epoch.
//! 6. A new epoch is made locally; at the last but one, the broker is asked for a new producer id.
//! 7. After a leader change nothing new is sent before the old leader's answers are in.
//! 8. Sequences wrap to 0 after 2^31 − 1.
//! 9. One batch in flight until this leader has acknowledged one under this id and epoch, and again after any error
//!    or a long idle: a broker without our state accepts any first sequence (KAFKA-15591).
//!
//! KIP-98, KIP-360, and Java's `TransactionManager`.

use std::{collections::VecDeque, time::Duration};

use crate::{error::Recovery, protocol::ErrorCode, record::ProducerStamp};

/// Kafka forgets a producer id after `producer.id.expiration.ms`, a day; long before, we no longer rely on it.
const LONG_IDLE: Duration = Duration::from_secs(300);

/// A producer id and its epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) producer_id: i64,
    pub(super) epoch: i16,
}

impl Identity {
    /// The next epoch, or `None` when a new producer id is due (rule 6).
    pub(super) fn bumped(self) -> Option<Self> {
        (self.epoch < i16::MAX - 1).then(|| Self { epoch: self.epoch.saturating_add(1), ..self })
    }
}

/// What came of sending a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The broker answered for the partition.
    Answered { code: ErrorCode, log_start_offset: i64, base_offset: i64 },
    /// There was no answer; the batch may have been written or not.
    Unanswered { maybe_written: bool },
}

/// What to do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is in the log, at this offset if the broker says so.
    Acknowledged { base_offset: Option<i64> },
    /// The same bytes again.
    Retry,
    /// Stamped anew under the next epoch, and again.
    Restamp,
    /// It is lost to us, and may be in the log or not.
    Failed { maybe_applied: bool },
}

#[derive(Clone, Debug)]
struct InFlight {
    stamp: ProducerStamp,
    last_sequence: i32,
    /// Whether any attempt so far may have reached the log.
    maybe_written: bool,
}

/// One partition's sequence.
#[derive(Debug, Default)]
pub(super) struct Sequence {
    identity: Option<Identity>,
    next: i32,
    in_flight: VecDeque<InFlight>,
    leader: Option<i32>,
    /// Rule 9: this leader has acknowledged a batch under this identity, and nothing went wrong since.
    proven: bool,
    last_acked_sequence: Option<i32>,
    /// The identity that may not be used any more (rules 3, 4 and 5).
    spent: Option<Identity>,
}

impl Sequence {
    /// Whether a new batch may be stamped and sent to `leader`, with at most `limit` in flight.
    pub(super) fn has_room(&self, leader: i32, limit: usize) -> bool {
        if self.in_flight.is_empty() {
            return true;
        }
        let limit = if self.proven { limit } else { 1 };
        self.leader == Some(leader) && self.spent.is_none() && self.in_flight.len() < limit
    }

    /// The identity that must be replaced before the next batch is stamped.
    pub(super) fn spent(&self) -> Option<Identity> {
        self.spent
    }

    /// Stamps the next batch of `count` records, `idle` after the last one. A new identity starts at sequence 0, once
    /// all else is answered.
    pub(super) fn stamp(&mut self, identity: Identity, leader: i32, count: i32, idle: Duration) -> ProducerStamp {
        if self.in_flight.is_empty() && self.identity != Some(identity) {
            self.identity = Some(identity);
            self.next = 0;
            self.proven = false;
            self.last_acked_sequence = None;
            self.spent = None;
        }
        self.proven &= idle < LONG_IDLE;
        self.sent_to(leader);
        let identity = self.identity.unwrap_or(identity);
        let stamp = ProducerStamp {
            producer_id: identity.producer_id,
            producer_epoch: identity.epoch,
            base_sequence: self.next,
        };
        let last_sequence = advance(self.next, count.saturating_sub(1));
        self.next = advance(last_sequence, 1);
        self.in_flight.push_back(InFlight { stamp, last_sequence, maybe_written: false });
        stamp
    }

    /// The batch goes to this leader now: a retry may go to another than the first attempt did.
    pub(super) fn sent_to(&mut self, leader: i32) {
        if self.leader != Some(leader) {
            self.leader = Some(leader);
            self.proven = false;
        }
    }

    /// Decides about the batch with `stamp`.
    pub(super) fn decide(&mut self, stamp: ProducerStamp, outcome: Outcome) -> Verdict {
        let Some(at) = self.in_flight.iter().position(|batch| batch.stamp == stamp) else {
            return Verdict::Failed { maybe_applied: true };
        };
        let is_head = at == 0;
        let verdict = match outcome {
            Outcome::Unanswered { maybe_written } => {
                self.note_written(at, maybe_written);
                Verdict::Retry
            }
            Outcome::Answered { code: ErrorCode::NONE, base_offset, .. } => {
                Verdict::Acknowledged { base_offset: Some(base_offset) }
            }
            Outcome::Answered { code: ErrorCode::DUPLICATE_SEQUENCE_NUMBER, .. } => {
                Verdict::Acknowledged { base_offset: None }
            }
            Outcome::Answered { code: ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER, .. } if !is_head => Verdict::Retry,
            Outcome::Answered { code: ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER, .. } => self.lost_state(at),
            Outcome::Answered { code: ErrorCode::UNKNOWN_PRODUCER_ID, log_start_offset: -1, .. } => Verdict::Retry,
            Outcome::Answered { code: ErrorCode::UNKNOWN_PRODUCER_ID, .. } => self.lost_state(at),
            Outcome::Answered { code, .. } => {
                self.note_written(at, maybe_written(code));
                if matches!(code.recovery(), Recovery::Retry | Recovery::RefreshMetadata) {
                    Verdict::Retry
                } else {
                    self.give_up(stamp)
                }
            }
        };
        self.conclude(stamp, verdict);
        verdict
    }

    /// Forgets a batch that is to go again, if its identity is spent and no copy of it can be in the log: it gets
    /// another stamp. A copy that can be must show first what became of it.
    pub(super) fn release(&mut self, stamp: ProducerStamp) -> bool {
        let count = self.in_flight.len();
        if self.spent.is_some() {
            self.in_flight.retain(|batch| batch.stamp != stamp || batch.maybe_written);
        }
        self.in_flight.len() < count
    }

    /// Drops a batch whose time was up, when nothing of it is on the wire any more.
    pub(super) fn give_up(&mut self, stamp: ProducerStamp) -> Verdict {
        let maybe_applied = self.may_be_written(stamp);
        self.in_flight.retain(|batch| batch.stamp != stamp);
        self.proven = false;
        // Its sequences are a hole that the broker would refuse to step over.
        self.spent = self.identity;
        Verdict::Failed { maybe_applied }
    }

    /// Whether an attempt before the one under way may have reached the log.
    pub(super) fn may_be_written(&self, stamp: ProducerStamp) -> bool {
        self.in_flight.iter().any(|batch| batch.stamp == stamp && batch.maybe_written)
    }

    fn note_written(&mut self, at: usize, maybe_written: bool) {
        if let Some(batch) = self.in_flight.get_mut(at) {
            batch.maybe_written |= maybe_written;
        }
    }

    /// The broker has lost what it knew of us, before the batch at this place.
    fn lost_state(&mut self, at: usize) -> Verdict {
        self.spent = self.identity;
        let Some(batch) = self.in_flight.get(at) else { return Verdict::Failed { maybe_applied: true } };
        let later_acked = self.last_acked_sequence.is_some_and(|acked| is_after(acked, batch.stamp.base_sequence));
        match (batch.maybe_written, later_acked) {
            (false, false) => Verdict::Restamp,
            (maybe_applied, _) => Verdict::Failed { maybe_applied },
        }
    }

    fn conclude(&mut self, stamp: ProducerStamp, verdict: Verdict) {
        self.proven = matches!(verdict, Verdict::Acknowledged { .. });
        if verdict == Verdict::Retry {
            return;
        }
        let Some(at) = self.in_flight.iter().position(|batch| batch.stamp == stamp) else { return };
        if let Some(batch) = self.in_flight.remove(at).filter(|_| self.proven) {
            self.last_acked_sequence = Some(batch.last_sequence);
        }
    }
}

/// Whether a broker that answers `code` may have written the batch all the same: KAFKA-13574 showed that not even
/// `NOT_LEADER_OR_FOLLOWER` rules it out. What is listed is checked before anything is appended.
fn maybe_written(code: ErrorCode) -> bool {
    !matches!(
        code,
        ErrorCode::CORRUPT_MESSAGE
            | ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
            | ErrorCode::MESSAGE_TOO_LARGE
            | ErrorCode::RECORD_LIST_TOO_LARGE
            | ErrorCode::INVALID_TOPIC_EXCEPTION
            | ErrorCode::NOT_ENOUGH_REPLICAS
            | ErrorCode::INVALID_REQUIRED_ACKS
            | ErrorCode::TOPIC_AUTHORIZATION_FAILED
            | ErrorCode::CLUSTER_AUTHORIZATION_FAILED
            | ErrorCode::INVALID_TIMESTAMP
            | ErrorCode::UNSUPPORTED_FOR_MESSAGE_FORMAT
            | ErrorCode::POLICY_VIOLATION
            | ErrorCode::INVALID_PRODUCER_EPOCH
            | ErrorCode::PRODUCER_FENCED
            | ErrorCode::INVALID_PRODUCER_ID_MAPPING
            | ErrorCode::UNSUPPORTED_COMPRESSION_TYPE
            | ErrorCode::INVALID_RECORD
    )
}

/// `sequence` + `count`, around the end (rule 8).
fn advance(sequence: i32, count: i32) -> i32 {
    let sum = i64::from(sequence).saturating_add(i64::from(count));
    i32::try_from(sum % (i64::from(i32::MAX) + 1)).unwrap_or(0)
}

/// Whether `a` comes after `b`, around the end.
fn is_after(a: i32, b: i32) -> bool {
    let ahead = i64::from(a) - i64::from(b);
    (1..=i64::from(i32::MAX / 2)).contains(&ahead) || ahead < -i64::from(i32::MAX / 2)
}

#[cfg(test)]
mod tests;
