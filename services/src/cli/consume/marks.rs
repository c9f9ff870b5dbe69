//! Which record ends where in the output, so that only what was printed is committed.

use std::collections::BTreeMap;

use ottla::TopicPartition;

/// Records in the buffer, and the offsets behind those that were written out.
#[derive(Debug, Default)]
pub(super) struct Marks {
    runs: Vec<Run>,
    printed: BTreeMap<TopicPartition, i64>,
}

/// Records of one partition that stand together.
#[derive(Debug)]
struct Run {
    partition: TopicPartition,
    /// Where in the buffer a record ends, and the offset behind it.
    ends: Vec<(usize, i64)>,
}

impl Marks {
    /// With the buffer's first `end` bytes everything of the partition before `offset` is printed.
    pub(super) fn push(&mut self, partition: &TopicPartition, end: usize, offset: i64) {
        match self.runs.last_mut().filter(|run| run.partition == *partition) {
            Some(run) => run.ends.push((end, offset)),
            None => self.runs.push(Run { partition: partition.clone(), ends: vec![(end, offset)] }),
        }
    }

    /// The first `len` bytes of the buffer were written, and the buffer is gone.
    pub(super) fn written(&mut self, len: usize) {
        for run in self.runs.drain(..) {
            let count = run.ends.partition_point(|(end, _)| *end <= len);
            if let Some((_, offset)) = count.checked_sub(1).and_then(|last| run.ends.get(last)) {
                self.printed.insert(run.partition, *offset);
            }
        }
    }

    /// Whether there is something to commit.
    pub(super) fn is_empty(&self) -> bool {
        self.printed.is_empty()
    }

    /// The offsets to commit, which are taken out.
    pub(super) fn take(&mut self) -> BTreeMap<TopicPartition, i64> {
        std::mem::take(&mut self.printed)
    }

    /// The partition is another member's.
    pub(super) fn forget(&mut self, partition: &TopicPartition) {
        self.runs.retain(|run| run.partition != *partition);
        self.printed.remove(partition);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn orders(partition: i32) -> TopicPartition {
        TopicPartition::new("orders", partition)
    }

    /// Three records of partition 0, one of 1, then another of 0.
    fn marks() -> Marks {
        let mut marks = Marks::default();
        for (partition, end, offset) in [(0, 10, 5), (0, 20, 6), (0, 30, 9), (1, 40, 1), (0, 50, 10)] {
            marks.push(&orders(partition), end, offset);
        }
        marks
    }

    #[test]
    fn only_whole_records_that_were_written_are_committed() {
        for (written, expected) in [
            (0, vec![]),
            (9, vec![]),
            (10, vec![(orders(0), 5)]),
            (29, vec![(orders(0), 6)]),
            (40, vec![(orders(0), 9), (orders(1), 1)]),
            (50, vec![(orders(0), 10), (orders(1), 1)]),
        ] {
            let mut marks = marks();
            marks.written(written);
            assert_eq!(marks.take(), BTreeMap::from_iter(expected), "{written}");
            assert!(marks.is_empty());
        }
    }

    #[test]
    fn a_position_is_behind_all_that_stands_before_it() {
        let mut marks = marks();
        marks.push(&orders(1), 50, 7);
        marks.written(49);
        assert_eq!(marks.take(), BTreeMap::from([(orders(0), 9), (orders(1), 1)]));
        marks.push(&orders(1), 0, 8);
        marks.written(0);
        assert_eq!(marks.take(), BTreeMap::from([(orders(1), 8)]));
    }

    #[test]
    fn a_lost_partition_is_not_committed() {
        let mut marks = marks();
        marks.written(50);
        marks.push(&orders(0), 10, 11);
        marks.forget(&orders(0));
        marks.written(10);
        assert_eq!(marks.take(), BTreeMap::from([(orders(1), 1)]));
    }
}
