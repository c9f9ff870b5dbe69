//! Offsets by position and time, and the ends that `-e` waits for.

use std::collections::BTreeMap;

use ottla::{
    Error, TopicPartition,
    kafka::{Isolation, ListedOffset, OffsetSpec},
};

use super::{Reading, start::Start};
use crate::cli::Problem;

/// The partitions whose end is not reached, and that end.
#[derive(Debug, Default)]
pub(super) struct Ends(BTreeMap<TopicPartition, i64>);

impl Ends {
    /// Waits for `end` of the partition, which is read from `position` on; says whether there is anything to wait for.
    pub(super) fn add(&mut self, partition: TopicPartition, position: i64, end: i64) -> bool {
        if position < end {
            self.0.insert(partition, end);
        }
        position < end
    }

    /// The partition is read up to `position`; says whether that is its end.
    pub(super) fn reached(&mut self, partition: &TopicPartition, position: i64) -> bool {
        let reached = self.0.get(partition).is_none_or(|end| position >= *end);
        if reached {
            self.0.remove(partition);
        }
        reached
    }

    /// The end that is waited for.
    pub(super) fn end(&self, partition: &TopicPartition) -> Option<i64> {
        self.0.get(partition).copied()
    }

    /// The partition is another member's.
    pub(super) fn forget(&mut self, partition: &TopicPartition) {
        self.0.remove(partition);
    }

    /// Whether every end is reached.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Reading<'_> {
    /// The offsets that `start` means in each of `partitions`.
    pub(super) async fn starts(
        &self,
        partitions: &[TopicPartition],
        start: Start,
    ) -> Result<BTreeMap<TopicPartition, i64>, Problem> {
        let spec = match start {
            Start::Earliest => OffsetSpec::Earliest,
            Start::Latest => self.end_spec(),
            Start::Offset(offset) => return Ok(partitions.iter().map(|of| (of.clone(), offset)).collect()),
            Start::BeforeEnd(count) => return self.before_end(partitions, count).await,
            Start::Time(ms) => OffsetSpec::Timestamp(ms),
            Start::Ago(ms) => OffsetSpec::Timestamp(self.client.env().now_ms().saturating_sub(ms).max(0)),
        };
        let mut starts = self.list(partitions, spec).await?;
        // No record is so young: it begins with the next.
        let none: Vec<TopicPartition> =
            starts.iter().filter(|(_, offset)| **offset < 0).map(|(partition, _)| partition.clone()).collect();
        if !none.is_empty() {
            starts.extend(self.list(&none, self.end_spec()).await?);
        }
        Ok(starts)
    }

    /// What is the end depends on whether records of open transactions are read.
    fn end_spec(&self) -> OffsetSpec {
        match self.args.isolation() {
            Isolation::ReadCommitted => OffsetSpec::Latest,
            Isolation::ReadUncommitted => OffsetSpec::HighWatermark,
        }
    }

    async fn before_end(
        &self,
        partitions: &[TopicPartition],
        count: i64,
    ) -> Result<BTreeMap<TopicPartition, i64>, Problem> {
        let first = self.list(partitions, OffsetSpec::Earliest).await?;
        let mut starts = self.list(partitions, self.end_spec()).await?;
        for (partition, offset) in &mut starts {
            let first = first.get(partition).copied().unwrap_or_default();
            *offset = offset.saturating_sub(count).max(first);
        }
        Ok(starts)
    }

    /// The offset behind the last record that is read of each partition, as it stands.
    pub(super) async fn ends(&self, partitions: &[TopicPartition]) -> Result<BTreeMap<TopicPartition, i64>, Problem> {
        self.list(partitions, self.end_spec()).await
    }

    async fn list(
        &self,
        partitions: &[TopicPartition],
        spec: OffsetSpec,
    ) -> Result<BTreeMap<TopicPartition, i64>, Problem> {
        let wanted: Vec<(TopicPartition, OffsetSpec)> = partitions.iter().map(|of| (of.clone(), spec)).collect();
        let failed = |error: Error| self.failed(&error);
        let listed = self.client.admin().list_offsets(&wanted).await.map_err(failed)?;
        let offset = |(partition, listed): (TopicPartition, Result<ListedOffset, Error>)| {
            listed.map(|listed| (partition, listed.offset)).map_err(failed)
        };
        listed.into_iter().map(offset).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_reached_once_the_position_is_behind_it() {
        let of = |partition| TopicPartition::new("orders", partition);
        let mut ends = Ends::default();
        assert!(!ends.add(of(0), 0, 0) && !ends.add(of(1), 7, 5) && ends.is_empty(), "nothing is to be read there");
        assert!(ends.add(of(0), 0, 10) && ends.add(of(1), 0, 5));
        assert!(!ends.reached(&of(0), 9));
        assert_eq!(ends.end(&of(0)), Some(10));
        assert!(ends.reached(&of(0), 12), "past transaction markers");
        ends.forget(&of(1));
        assert!(ends.is_empty());
    }
}
