//! Records as they are handed out.

use std::sync::Arc;

use bytes::Bytes;

use super::{
    budget::{Budget, charged},
    opened::Opened,
    reading::LogOffsets,
};
use crate::{
    record::{Batch, Decompression, RecordError, RecordView, Records},
    topic_partition::TopicPartition,
};

/// Records of one partition, in the order of their offsets. They borrow the answer's bytes, which count towards
/// [`fetch_memory`](super::FetchConfig::fetch_memory) until these records and all their slices are dropped.
#[derive(Clone, Debug)]
pub struct FetchedRecords {
    topic_partition: TopicPartition,
    batches: Vec<Records>,
    from: i64,
    count: usize,
    next_offset: i64,
    log: LogOffsets,
}

/// How records are taken out of an answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Of one batch.
    pub(super) decompression: Decompression,
    /// Of the batches that are handed out together, but for one.
    pub(super) decompressed_bytes: usize,
}

impl FetchedRecords {
    /// Takes out of `opened` what is handed out together, and reads every record of it, so that nothing can fail
    /// later. Decompressed bytes are counted.
    ///
    /// # Errors
    /// The first batch cannot be read; one behind others ends them.
    pub(super) fn take(
        topic_partition: &TopicPartition,
        from: i64,
        opened: &mut Opened,
        log: LogOffsets,
        limits: Limits,
        budget: &Arc<Budget>,
    ) -> Result<Self, RecordError> {
        let topic_partition = topic_partition.clone();
        let mut taken = Self { topic_partition, batches: Vec::new(), from, count: 0, next_offset: from, log };
        let mut decompressed = 0_usize;
        while let Some((batch, behind)) = opened.batches.front() {
            if decompressed >= limits.decompressed_bytes {
                return Ok(taken);
            }
            let read =
                batch.records(limits.decompression).and_then(|records| Ok((count_from(&records, from)?, records)));
            let (count, records) = match read {
                Ok(read) => read,
                Err(error) if taken.next_offset == from => return Err(error),
                Err(_) => return Ok(taken),
            };
            let bytes = records.decompressed_bytes();
            decompressed = decompressed.saturating_add(bytes);
            taken.next_offset = *behind;
            if count > 0 {
                taken.count = taken.count.saturating_add(count);
                taken.batches.push(match bytes {
                    0 => records,
                    bytes => {
                        records.with_payload(|payload| charged(payload, &Arc::new(budget.charge_decompressed(bytes))))
                    }
                });
            }
            opened.batches.pop_front();
        }
        taken.next_offset = opened.next_offset;
        Ok(taken)
    }

    /// The partition.
    pub fn topic_partition(&self) -> &TopicPartition {
        &self.topic_partition
    }

    /// The records, in order.
    pub fn iter(&self) -> impl Iterator<Item = RecordView<'_>> {
        let from = self.from;
        // Every record was read once already, so none is left out here.
        self.batches.iter().flat_map(Records::iter).filter_map(Result::ok).filter(move |record| record.offset() >= from)
    }

    /// The batches that hold the records. The first may begin before the offset that was asked for.
    pub fn batches(&self) -> impl Iterator<Item = &Batch> {
        self.batches.iter().map(Records::batch)
    }

    /// How many records there are.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The offset behind all of this, hidden records included.
    pub fn next_offset(&self) -> i64 {
        self.next_offset
    }

    /// The offset up to which every in-sync replica had everything.
    pub fn high_watermark(&self) -> i64 {
        self.log.high_watermark
    }

    /// The offset up to which no transaction was open; −1 if the broker does not say.
    pub fn last_stable_offset(&self) -> i64 {
        self.log.last_stable
    }

    /// The first offset in the log; −1 if the broker does not say.
    pub fn log_start_offset(&self) -> i64 {
        self.log.log_start
    }

    /// The epoch of the leader that wrote the last batch, for a commit; −1 if not known.
    pub fn leader_epoch(&self) -> i32 {
        self.batches().last().map_or(-1, Batch::leader_epoch)
    }

    /// An owned part of the records, such as a value: shared, not copied. It keeps the whole answer alive, and its
    /// bytes counted: copy what is kept for long.
    pub fn slice(&self, part: &[u8]) -> Bytes {
        match self.batches.iter().find(|records| records.holds(part)) {
            Some(records) => records.slice(part),
            None => Bytes::copy_from_slice(part),
        }
    }
}

/// Reads every record and counts those from offset `from` on.
fn count_from(records: &Records, from: i64) -> Result<usize, RecordError> {
    records
        .iter()
        .try_fold(0_usize, |count, record| Ok(if record?.offset() >= from { count.saturating_add(1) } else { count }))
}
