//! Records as they arrive.

use bytes::Bytes;
use ottla_kafka_core::{FetchedRecords, TopicPartition, record::RecordView};

/// Records of one partition, in order; at least one.
#[derive(Debug)]
pub struct Records {
    fetched: FetchedRecords,
    generation: i32,
}

impl Records {
    pub(crate) fn new(fetched: FetchedRecords, generation: i32) -> Self {
        Self { fetched, generation }
    }

    /// The partition.
    pub fn topic_partition(&self) -> &TopicPartition {
        self.fetched.topic_partition()
    }

    /// The records. They borrow the fetched bytes; [`slice`](Self::slice) shares them.
    pub fn iter(&self) -> impl Iterator<Item = RecordView<'_>> {
        self.fetched.iter()
    }

    /// How many records there are.
    pub fn len(&self) -> usize {
        self.fetched.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The offset to commit once all of them are handled. It may lie past the last record's plus 1, where the log has
    /// markers or compacted records.
    pub fn next_offset(&self) -> i64 {
        self.fetched.next_offset()
    }

    /// The end of the log that is replicated, as of this fetch: lag is what lies between it and the position.
    pub fn high_watermark(&self) -> i64 {
        self.fetched.high_watermark()
    }

    /// The leader epoch of the last record, for [`OffsetAndMetadata`](crate::OffsetAndMetadata).
    pub fn leader_epoch(&self) -> i32 {
        self.fetched.leader_epoch()
    }

    /// The generation in which they were read.
    pub fn generation(&self) -> i32 {
        self.generation
    }

    /// `part`, which must lie in a record of these, as bytes that share their memory: it keeps them all alive.
    pub fn slice(&self, part: &[u8]) -> Bytes {
        self.fetched.slice(part)
    }
}
