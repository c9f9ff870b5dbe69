//! Which batches a reader of committed records does not see.

use std::collections::BTreeSet;

use super::Isolation;
use crate::{
    protocol::AbortedTransaction,
    record::{Batch, ControlKind},
};

/// Which transactions were aborted (KIP-98): the broker names where each began, its marker says where it ended.
pub(super) struct Aborted {
    isolation: Isolation,
    /// Latest first.
    upcoming: Vec<AbortedTransaction>,
    open: BTreeSet<i64>,
}

impl Aborted {
    pub(super) fn new(mut upcoming: Vec<AbortedTransaction>, isolation: Isolation) -> Self {
        upcoming.sort_by_key(|transaction| std::cmp::Reverse(transaction.first_offset));
        Self { isolation, upcoming, open: BTreeSet::new() }
    }

    /// Whether the reader does not see `batch`. Called for each batch, in order.
    pub(super) fn hides(&mut self, batch: &Batch) -> bool {
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
