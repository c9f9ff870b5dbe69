//! What a partition knows of its idempotent producers (KIP-98), as Kafka 2.5 to 4.4 do.

use std::collections::{BTreeMap, VecDeque};

use super::{Refusal, batch::BatchHeader};

/// How many batches back a repetition is recognised: the most an idempotent producer may have in flight.
const REMEMBERED_BATCHES: usize = 5;

/// Producer ids remembered by a partition. The oldest id is forgotten first, which then counts as unknown, as one
/// does in Kafka after `producer.id.expiration.ms`.
const REMEMBERED_PRODUCERS: usize = 4096;

#[derive(Debug, Default)]
pub(super) struct Producers(BTreeMap<i64, Producer>);

#[derive(Debug)]
struct Producer {
    epoch: i16,
    recent: VecDeque<Sequenced>,
}

#[derive(Clone, Copy, Debug)]
struct Sequenced {
    first: i32,
    last: i32,
    base_offset: i64,
}

/// What to do with a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Append,
    /// It is in the log already, from this offset.
    Duplicate(i64),
}

impl Producers {
    /// Judges a batch by its producer's sequence; changes nothing.
    pub(super) fn judge(&self, batch: &BatchHeader) -> Result<Verdict, Refusal> {
        // Without state any first sequence is as good as another (KAFKA-15591).
        let Some(known) = self.0.get(&batch.producer_id) else { return Ok(Verdict::Append) };
        if batch.producer_epoch < known.epoch {
            return Err(Refusal::InvalidProducerEpoch);
        }
        if batch.producer_epoch > known.epoch {
            return if batch.base_sequence == 0 { Ok(Verdict::Append) } else { Err(Refusal::OutOfOrderSequenceNumber) };
        }
        known.judge_sequence(batch.base_sequence, batch.last_sequence())
    }

    /// Remembers a batch that was appended at `base_offset`.
    pub(super) fn appended(&mut self, batch: &BatchHeader, base_offset: i64) {
        let fresh = || Producer { epoch: batch.producer_epoch, recent: VecDeque::with_capacity(REMEMBERED_BATCHES) };
        let producer = self.0.entry(batch.producer_id).or_insert_with(fresh);
        if batch.producer_epoch > producer.epoch {
            *producer = fresh();
        }
        if producer.recent.len() == REMEMBERED_BATCHES {
            producer.recent.pop_front();
        }
        producer.recent.push_back(Sequenced { first: batch.base_sequence, last: batch.last_sequence(), base_offset });
        if self.0.len() > REMEMBERED_PRODUCERS {
            self.0.pop_first();
        }
    }
}

impl Producer {
    fn judge_sequence(&self, first: i32, last: i32) -> Result<Verdict, Refusal> {
        if let Some(original) = self.recent.iter().find(|batch| batch.first == first && batch.last == last) {
            return Ok(Verdict::Duplicate(original.base_offset));
        }
        // Whatever else does not follow is out of order, a repetition of a forgotten batch too: since Kafka 2.0, 46 is
        // no longer told from 45.
        let Some(newest) = self.recent.back() else { return Ok(Verdict::Append) };
        if first == following(newest.last) {
            return Ok(Verdict::Append);
        }
        Err(Refusal::OutOfOrderSequenceNumber)
    }
}

/// The sequence number after `sequence`.
fn following(sequence: i32) -> i32 {
    sequence.checked_add(1).unwrap_or(0)
}
