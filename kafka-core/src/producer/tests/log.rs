//! A partition's log, and what Kafka 2.5 to 4.4 know of its producers.

use crate::{
    protocol::ErrorCode,
    record::{Batch, Codec, ProducerStamp},
};

/// How many batches of a producer a broker recognises when they come again.
const REMEMBERED: usize = 5;

#[derive(Debug)]
struct Entry {
    stamp: ProducerStamp,
    last_sequence: i32,
    values: Vec<String>,
    codec: Codec,
    /// Whether its producer was told: until then a new leader may not have it.
    answered: bool,
    /// Whether it is recognised when it comes again.
    remembered: bool,
}

/// What became of an append.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Appended {
    Fresh { base_offset: i64, new_epoch: bool },
    Known { base_offset: i64 },
}

impl Appended {
    pub(super) fn base_offset(self) -> i64 {
        match self {
            Self::Fresh { base_offset, .. } | Self::Known { base_offset } => base_offset,
        }
    }
}

#[derive(Debug)]
pub(super) struct Log {
    pub(super) leader: i32,
    pub(super) leader_epoch: i32,
    entries: Vec<Entry>,
}

impl Log {
    pub(super) fn new(leader: i32) -> Self {
        Self { leader, leader_epoch: 0, entries: Vec::new() }
    }

    pub(super) fn values(&self) -> Vec<String> {
        self.entries.iter().flat_map(|entry| entry.values.clone()).collect()
    }

    pub(super) fn stamps(&self) -> Vec<ProducerStamp> {
        self.entries.iter().map(|entry| entry.stamp).collect()
    }

    pub(super) fn codecs(&self) -> Vec<Codec> {
        self.entries.iter().map(|entry| entry.codec).collect()
    }

    pub(super) fn append(&mut self, batch: &Batch, values: Vec<String>) -> Result<Appended, ErrorCode> {
        let stamp = batch.producer().expect("the producer is idempotent");
        let last_sequence = stamp.base_sequence + i32::try_from(values.len()).expect("small") - 1;
        let mut known = self.entries.iter().rev().filter(|entry| entry.stamp.producer_id == stamp.producer_id);
        let newest = known.next();
        let mut new_epoch = false;
        if let Some(newest) = newest {
            if stamp.producer_epoch < newest.stamp.producer_epoch {
                return Err(ErrorCode::INVALID_PRODUCER_EPOCH);
            }
            new_epoch = stamp.producer_epoch > newest.stamp.producer_epoch;
            let first = if new_epoch { 0 } else { newest.last_sequence + 1 };
            if let Some(base_offset) = self.repeated(stamp) {
                return Ok(Appended::Known { base_offset });
            }
            if stamp.base_sequence != first {
                return Err(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER);
            }
        }
        let base_offset = i64::try_from(self.values().len()).expect("small");
        let codec = batch.codec();
        self.entries.push(Entry { stamp, last_sequence, values, codec, answered: false, remembered: true });
        Ok(Appended::Fresh { base_offset, new_epoch })
    }

    fn repeated(&self, stamp: ProducerStamp) -> Option<i64> {
        let of_producer = self.entries.iter().enumerate().rev().filter(|(_, entry)| {
            (entry.stamp.producer_id, entry.stamp.producer_epoch) == (stamp.producer_id, stamp.producer_epoch)
        });
        let mut recent = of_producer.take(REMEMBERED).filter(|(_, entry)| entry.remembered);
        let (at, _) = recent.find(|(_, entry)| entry.stamp == stamp)?;
        let before: usize = self.entries.iter().take(at).map(|entry| entry.values.len()).sum();
        i64::try_from(before).ok()
    }

    /// The producer is told that the batch at `base_offset` is there: from now on it must be. False if it is not.
    pub(super) fn answer(&mut self, stamp: ProducerStamp) -> bool {
        let Some(at) = self.entries.iter().position(|entry| entry.stamp == stamp) else { return false };
        // What is before it is replicated with it.
        self.entries.iter_mut().take(at + 1).for_each(|entry| entry.answered = true);
        true
    }

    /// Another broker leads, without the last `lost` batches that nobody was told of. Says how many those are.
    pub(super) fn elect(&mut self, leader: i32, lost: usize) -> usize {
        self.leader = leader;
        self.leader_epoch += 1;
        let told = self.entries.iter().rposition(|entry| entry.answered).map_or(0, |at| at + 1);
        let keep = self.entries.len().saturating_sub(lost).max(told);
        let gone = self.entries.len() - keep;
        self.entries.truncate(keep);
        gone
    }

    /// The broker was shut down and started: its snapshot has each producer's last batch only.
    pub(super) fn restart(&mut self) {
        let last = self.entries.len().saturating_sub(1);
        self.entries.iter_mut().take(last).for_each(|entry| entry.remembered = false);
    }
}
