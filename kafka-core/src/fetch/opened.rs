//! What an answer brought of one partition: its batches, checked and in order, without those that are hidden.

use std::collections::VecDeque;

use super::{Isolation, aborted::Aborted};
use crate::{
    connector::BrokerAddr,
    protocol::FetchedPartition,
    record::{Batch, RecordError, batches},
};

/// What an answer brought of one partition.
#[derive(Debug)]
pub(super) struct Opened {
    /// The batches that the reader sees, each with the offset behind it and the hidden ones that follow it.
    pub(super) batches: VecDeque<(Batch, i64)>,
    /// Who sent it, for errors.
    pub(super) broker: Option<BrokerAddr>,
    /// What was asked for.
    asked: i64,
    /// The offset behind all of this.
    pub(super) next_offset: i64,
    /// Why reading ends there.
    pub(super) broken: Option<Broken>,
}

/// What is wrong with the bytes that follow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Broken {
    /// A batch that cannot be read.
    Batch(RecordError),
    /// A batch that lies before the one in front of it, or before what was asked for: reading it would repeat records
    /// or never come to an end.
    Backwards { batch_next_offset: i64, expected: i64 },
}

impl Opened {
    /// Opens what came of `broker` from offset `asked` on. A batch that is not all there ends it.
    pub(super) fn open(broker: Option<BrokerAddr>, asked: i64, answer: FetchedPartition, isolation: Isolation) -> Self {
        let mut opened = Self { batches: VecDeque::new(), broker, asked, next_offset: asked, broken: None };
        let mut aborted = Aborted::new(answer.aborted, isolation);
        for batch in batches(answer.records) {
            if let Err(broken) = batch.map_err(Broken::Batch).and_then(|batch| opened.push(batch, &mut aborted)) {
                opened.broken = Some(broken);
                break;
            }
        }
        opened
    }

    fn push(&mut self, batch: Batch, aborted: &mut Aborted) -> Result<(), Broken> {
        let (expected, batch_next_offset) = (self.next_offset, batch.next_offset());
        // Only the first may begin before the offset that was asked for: that offset lies within it.
        let overlaps = batch.base_offset() < expected && expected != self.asked;
        if batch_next_offset <= expected || overlaps {
            return Err(Broken::Backwards { batch_next_offset, expected });
        }
        self.next_offset = batch_next_offset;
        if !aborted.hides(&batch) && batch.count() > 0 {
            self.batches.push_back((batch, batch_next_offset));
        } else if let Some((_, behind)) = self.batches.back_mut() {
            *behind = batch_next_offset;
        }
        Ok(())
    }
}
