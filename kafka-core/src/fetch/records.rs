//! What a fetch of one partition brought, without control batches and aborted records.

use std::collections::BTreeSet;

use bytes::Bytes;

use super::Isolation;
use crate::{
    protocol::{AbortedTransaction, FetchedPartition},
    record::{Batch, ControlKind, Decompression, RecordError, RecordView, Records, batches},
    topic_partition::TopicPartition,
};

/// Records of one partition, in the order of their offsets. They borrow the answer's bytes.
#[derive(Clone, Debug)]
pub struct FetchedRecords {
    topic_partition: TopicPartition,
    batches: Vec<Records>,
    from: i64,
    count: usize,
    next_offset: i64,
    high_watermark: i64,
    last_stable_offset: i64,
}

impl FetchedRecords {
    /// Reads what came for `topic_partition` from offset `from`, every record of it, so that nothing can fail later.
    /// A batch that cannot be read ends it; the error counts when nothing stands before it.
    pub(super) fn read(
        topic_partition: TopicPartition,
        from: i64,
        answer: FetchedPartition,
        isolation: Isolation,
    ) -> Result<Self, RecordError> {
        let mut records = Self {
            topic_partition,
            batches: Vec::new(),
            from,
            count: 0,
            next_offset: from,
            high_watermark: answer.high_watermark,
            last_stable_offset: answer.last_stable_offset,
        };
        let mut aborted = Aborted::new(answer.aborted, isolation);
        for batch in batches(answer.records) {
            let counted = batch.and_then(|batch| {
                // What is hidden is not decompressed.
                let records = if aborted.hides(&batch) { None } else { Some(batch.records(Decompression::default())?) };
                let count = records.as_ref().map_or(Ok(0), |records| count_from(records, from))?;
                Ok((batch.next_offset(), records.filter(|_| count > 0), count))
            });
            let (next_offset, batch, count) = match counted {
                Ok(counted) => counted,
                Err(error) if records.next_offset == from => return Err(error),
                Err(_) => break,
            };
            records.next_offset = records.next_offset.max(next_offset);
            records.count = records.count.saturating_add(count);
            records.batches.extend(batch);
        }
        Ok(records)
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
        self.high_watermark
    }

    /// The offset up to which no transaction was open; −1 if the broker does not say.
    pub fn last_stable_offset(&self) -> i64 {
        self.last_stable_offset
    }

    /// The epoch of the leader that wrote the last batch, for a commit; −1 if not known.
    pub fn leader_epoch(&self) -> i32 {
        self.batches().last().map_or(-1, Batch::leader_epoch)
    }

    /// An owned part of the records, such as a value: shared, not copied.
    pub fn slice(&self, part: &[u8]) -> Bytes {
        match self.batches.iter().find(|records| records.holds(part)) {
            Some(batch) => batch.slice(part),
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

/// Which transactions were aborted (KIP-98): the broker names where each began, its marker says where it ended.
struct Aborted {
    isolation: Isolation,
    /// Latest first.
    upcoming: Vec<AbortedTransaction>,
    open: BTreeSet<i64>,
}

impl Aborted {
    fn new(mut upcoming: Vec<AbortedTransaction>, isolation: Isolation) -> Self {
        upcoming.sort_by_key(|transaction| std::cmp::Reverse(transaction.first_offset));
        Self { isolation, upcoming, open: BTreeSet::new() }
    }

    /// Whether the reader does not see `batch`. Called for each batch, in order.
    fn hides(&mut self, batch: &Batch) -> bool {
        while let Some(next) = self.upcoming.last().filter(|next| next.first_offset <= batch.last_offset()) {
            self.open.insert(next.producer_id);
            self.upcoming.pop();
        }
        let producer = batch.producer().map(|stamp| stamp.producer_id);
        if batch.is_control() {
            if batch.control() == Some(ControlKind::Abort) {
                producer.map(|id| self.open.remove(&id));
            }
            return true;
        }
        self.isolation == Isolation::ReadCommitted
            && batch.is_transactional()
            && producer.is_some_and(|id| self.open.contains(&id))
    }
}
