//! Batches in order of their offsets, and the producers that wrote them.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};
use ottla_kafka_core::record::{self, Decompression};

use super::{
    Refusal,
    batch::{BatchHeader, placed, placed_at},
    epochs::Epochs,
    producers::{Producers, Verdict},
};

/// A topic's limits, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    /// The longest batch that is taken. Kafka: `max.message.bytes`.
    pub(crate) max_message_bytes: usize,
    /// What the log may keep; its newest batch stays in any case. Kafka: `retention.bytes`.
    pub(crate) retention_bytes: usize,
    /// How old a batch's newest record may become. Kafka: `retention.ms`.
    pub(crate) retention_ms: Option<i64>,
}

/// Where a batch is in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Appended {
    pub(crate) base_offset: i64,
    pub(crate) log_start_offset: i64,
}

/// What becomes of a batch.
#[derive(Debug)]
pub(crate) enum Prepared {
    /// It is in the log already.
    Duplicate(Appended),
    New(Placed),
}

/// A batch with its place in the log.
#[derive(Debug)]
pub(crate) struct Placed {
    batch: BatchHeader,
    bytes: Bytes,
}

impl Placed {
    /// What is to be written.
    pub(crate) fn bytes(&self) -> &Bytes {
        &self.bytes
    }
}

/// A partition's log.
#[derive(Debug, Default)]
pub(crate) struct PartitionLog {
    start: i64,
    end: i64,
    batches: VecDeque<Stored>,
    bytes: usize,
    producers: Producers,
    epochs: Epochs,
}

#[derive(Debug)]
struct Stored {
    base_offset: i64,
    last_offset: i64,
    max_timestamp: i64,
    bytes: Bytes,
}

impl PartitionLog {
    /// The first offset that can be read.
    pub(crate) fn start(&self) -> i64 {
        self.start
    }

    /// The next offset to be written: with one replica, also the high watermark and the last stable offset.
    pub(crate) fn end(&self) -> i64 {
        self.end
    }

    /// Judges a batch, or says why it is refused; changes nothing.
    pub(crate) fn prepare(&self, bytes: &Bytes, limits: Limits) -> Result<Prepared, Refusal> {
        let batch = BatchHeader::check(bytes, limits.max_message_bytes)?;
        if batch.is_idempotent()
            && let Verdict::Duplicate(base_offset) = self.producers.judge(&batch)?
        {
            return Ok(Prepared::Duplicate(Appended { base_offset, log_start_offset: self.start }));
        }
        Ok(Prepared::New(Placed { batch, bytes: placed_at(bytes, self.end, self.epochs.latest()) }))
    }

    /// Appends the batch that was prepared last.
    pub(crate) fn take(&mut self, placed: Placed, limits: Limits) -> Appended {
        let base_offset = self.end;
        self.push(&placed.batch, placed.bytes);
        self.forget_beyond(limits.retention_bytes);
        Appended { base_offset, log_start_offset: self.start }
    }

    /// Appends a batch that was in the log before the broker was started, in its old place.
    pub(crate) fn restore(&mut self, bytes: &Bytes) -> Result<(), Refusal> {
        let batch = BatchHeader::check(bytes, usize::MAX)?;
        let (base_offset, leader_epoch) = placed(bytes);
        if self.batches.is_empty() && self.end == 0 && base_offset > 0 {
            (self.start, self.end) = (base_offset, base_offset);
        }
        if base_offset != self.end {
            return Err(Refusal::CorruptMessage);
        }
        self.epochs.begin(leader_epoch, base_offset);
        self.push(&batch, bytes.clone());
        Ok(())
    }

    /// After all is restored: what lies before `start` was deleted, and the last leader's epoch was `epoch`.
    pub(crate) fn resume_at(&mut self, start: i64, epoch: i32) {
        self.end = self.end.max(start);
        self.epochs.begin(epoch, self.end);
        // It is not behind the end.
        let _ = self.delete_before(start.max(self.start));
    }

    fn push(&mut self, batch: &BatchHeader, bytes: Bytes) {
        let base_offset = self.end;
        if batch.is_idempotent() {
            self.producers.appended(batch, base_offset);
        }
        self.bytes += bytes.len();
        self.end += i64::from(batch.count);
        let last_offset = self.end - 1;
        self.batches.push_back(Stored { base_offset, last_offset, max_timestamp: batch.max_timestamp, bytes });
    }

    /// Forgets the oldest batches until this many bytes are left, but never the newest.
    pub(crate) fn forget_beyond(&mut self, retention_bytes: usize) {
        while self.bytes > retention_bytes && self.batches.len() > 1 {
            self.forget_first();
        }
    }

    fn forget_first(&mut self) {
        if let Some(batch) = self.batches.pop_front() {
            self.bytes -= batch.bytes.len();
            self.start = self.start.max(batch.last_offset + 1);
            self.epochs.forget_before(self.start);
        }
    }

    /// Forgets the oldest batches whose newest record is too old, even all of them.
    pub(crate) fn forget_older(&mut self, now_ms: i64, limits: Limits) {
        let Some(age) = limits.retention_ms else { return };
        let expired = now_ms.saturating_sub(age);
        while self.batches.front().is_some_and(|batch| batch.max_timestamp < expired) {
            self.forget_first();
        }
    }

    /// What it keeps, in bytes.
    pub(crate) fn size(&self) -> usize {
        self.bytes
    }

    /// The epoch of its leader.
    pub(crate) fn leader_epoch(&self) -> i32 {
        self.epochs.latest()
    }

    /// A new leader appends from here on.
    pub(crate) fn begin_epoch(&mut self) {
        self.epochs.begin(self.epochs.latest().saturating_add(1), self.end);
    }

    /// The epoch of the leader that wrote an offset.
    pub(crate) fn epoch_of(&self, offset: i64) -> i32 {
        self.epochs.of(offset)
    }

    /// The last epoch up to `epoch`, and the offset behind it; `None` if there is none (KIP-101).
    pub(crate) fn end_of_epoch(&self, epoch: i32) -> Option<(i32, i64)> {
        self.epochs.end_of(epoch, self.end)
    }

    /// Whole batches from the one with `offset` on, at most `max_bytes`. With `at_least_one`, the first comes
    /// however long it is, or a consumer could never pass it (KIP-74).
    pub(crate) fn read(&self, offset: i64, max_bytes: usize, at_least_one: bool) -> Result<Bytes, Refusal> {
        if offset < self.start || offset > self.end {
            return Err(Refusal::OffsetOutOfRange);
        }
        let from = self.batches.partition_point(|batch| batch.last_offset < offset);
        let mut taken = 0;
        let mut count = 0;
        for batch in self.batches.range(from..) {
            let must = at_least_one && count == 0;
            if !must && taken + batch.bytes.len() > max_bytes {
                break;
            }
            taken += batch.bytes.len();
            count += 1;
        }
        // A single batch is shared with the log; several must lie one behind another.
        if count <= 1 {
            let first = self.batches.get(from).filter(|_| count == 1);
            return Ok(first.map(|batch| batch.bytes.clone()).unwrap_or_default());
        }
        let mut records = BytesMut::with_capacity(taken);
        for batch in self.batches.range(from..from + count) {
            records.extend_from_slice(&batch.bytes);
        }
        Ok(records.freeze())
    }

    /// The first record at or after a timestamp, as (timestamp, offset).
    pub(crate) fn first_at_or_after(&self, timestamp: i64) -> Option<(i64, i64)> {
        self.batches
            .iter()
            .filter(|batch| batch.max_timestamp >= timestamp)
            .find_map(|batch| self.timestamps(batch).into_iter().find(|(at, _)| *at >= timestamp))
    }

    /// The first of the records with the greatest timestamp, as (timestamp, offset).
    pub(crate) fn latest_timestamp(&self) -> Option<(i64, i64)> {
        let newest = self.batches.iter().map(|batch| batch.max_timestamp).max()?;
        self.first_at_or_after(newest)
    }

    /// The (timestamp, offset) of each readable record of a batch. A batch that cannot be read counts as one record at
    /// its first offset with its greatest timestamp, so that nothing is skipped.
    fn timestamps(&self, batch: &Stored) -> Vec<(i64, i64)> {
        let mut found = Vec::new();
        for parsed in record::batches(batch.bytes.clone()).map_while(Result::ok) {
            let records = parsed.records(Decompression::default()).ok();
            let records = records.iter().flatten().map_while(Result::ok);
            found.extend(records.map(|record| (record.timestamp(), record.offset())));
        }
        if found.is_empty() {
            found.push((batch.max_timestamp, batch.base_offset.max(self.start)));
        }
        found.retain(|(_, offset)| *offset >= self.start);
        found
    }

    /// Forgets all records before `offset`, or all there are for -1. Returns the new start.
    pub(crate) fn delete_before(&mut self, offset: i64) -> Result<i64, Refusal> {
        let offset = if offset == -1 { self.end } else { offset };
        if offset < 0 || offset > self.end {
            return Err(Refusal::OffsetOutOfRange);
        }
        self.start = self.start.max(offset);
        while self.batches.front().is_some_and(|batch| batch.last_offset < self.start) {
            self.forget_first();
        }
        self.epochs.forget_before(self.start);
        Ok(self.start)
    }
}
