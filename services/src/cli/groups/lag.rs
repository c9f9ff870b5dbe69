//! How far groups are behind.

use std::collections::{BTreeMap, BTreeSet};

use ottla::{Client, Error, TopicPartition, kafka::OffsetSpec};

/// The ends of partitions, as far as they are known.
pub(super) type Ends = BTreeMap<TopicPartition, i64>;

/// The offset behind the last record of each partition. One that is gone is not there.
pub(super) async fn ends(client: &Client, partitions: impl IntoIterator<Item = TopicPartition>) -> Result<Ends, Error> {
    let partitions: BTreeSet<TopicPartition> = partitions.into_iter().collect();
    let wanted: Vec<_> = partitions.into_iter().map(|of| (of, OffsetSpec::HighWatermark)).collect();
    if wanted.is_empty() {
        return Ok(Ends::new());
    }
    let listed = client.admin().list_offsets(&wanted).await?;
    Ok(listed.into_iter().filter_map(|(of, listed)| Some((of, listed.ok()?.offset))).collect())
}

/// How many offsets are between what is committed and the end; none where either is not known.
pub(super) fn lag(committed: Option<i64>, end: Option<i64>) -> Option<i64> {
    Some(end?.saturating_sub(committed?).max(0))
}

/// The lag of a group in all; none if it is known of no partition.
pub(super) fn total(committed: &BTreeMap<TopicPartition, i64>, ends: &Ends) -> Option<i64> {
    let of = |(partition, committed): (&TopicPartition, &i64)| lag(Some(*committed), ends.get(partition).copied());
    committed.iter().filter_map(of).reduce(i64::saturating_add)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lag_is_what_lies_between() {
        let of = |partition| TopicPartition::new("t", partition);
        assert_eq!((lag(Some(3), Some(10)), lag(Some(11), Some(10)), lag(None, Some(10))), (Some(7), Some(0), None));
        let committed = BTreeMap::from([(of(0), 3), (of(1), 5), (of(2), 1)]);
        let ends = Ends::from([(of(0), 10), (of(1), 5), (of(7), 100)]);
        assert_eq!(total(&committed, &ends), Some(7), "of a partition that is gone nothing is known");
        assert_eq!(total(&BTreeMap::new(), &ends), None);
    }
}
