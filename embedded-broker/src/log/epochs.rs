//! Where each leader's epoch began (KIP-101): so a client that missed a change of leaders learns what it may keep.

/// Begun epochs as (epoch, first offset), both rising.
#[derive(Debug)]
pub(super) struct Epochs(Vec<(i32, i64)>);

impl Default for Epochs {
    /// The first leader's epoch is 0.
    fn default() -> Self {
        Self(vec![(0, 0)])
    }
}

impl Epochs {
    /// A leader of `epoch` appends from `start` on.
    pub(super) fn begin(&mut self, epoch: i32, start: i64) {
        if epoch <= self.latest() {
            return;
        }
        // An epoch in which nothing was written leaves no trace, as in Kafka's cache.
        self.0.retain(|(_, began)| *began < start);
        self.0.push((epoch, start));
    }

    /// The leader's epoch.
    pub(super) fn latest(&self) -> i32 {
        self.0.last().map_or(0, |(epoch, _)| *epoch)
    }

    /// The epoch in which an offset was written.
    pub(super) fn of(&self, offset: i64) -> i32 {
        let begun = self.0.iter().rev().find(|(_, began)| *began <= offset);
        begun.map_or_else(|| self.0.first().map_or(0, |(epoch, _)| *epoch), |(epoch, _)| *epoch)
    }

    /// The last epoch up to `wanted`, and the offset behind it; `None` for an epoch that has not begun.
    pub(super) fn end_of(&self, wanted: i32, log_end: i64) -> Option<(i32, i64)> {
        if wanted == self.latest() {
            return Some((wanted, log_end));
        }
        let next = self.0.iter().position(|(epoch, _)| *epoch > wanted)?;
        let (_, end) = *self.0.get(next)?;
        let floor = next.checked_sub(1).and_then(|before| self.0.get(before));
        Some((floor.map_or(wanted, |(epoch, _)| *epoch), end))
    }

    /// What lies before `start` is gone.
    pub(super) fn forget_before(&mut self, start: i64) {
        let gone = self.0.iter().filter(|(_, began)| *began <= start).count().saturating_sub(1);
        self.0.drain(..gone);
        if let Some((_, began)) = self.0.first_mut() {
            *began = (*began).max(start);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_ends_where_the_next_begins() {
        let mut epochs = Epochs::default();
        epochs.begin(2, 10);
        epochs.begin(3, 20);
        // Nothing was written in epoch 3.
        epochs.begin(5, 20);
        epochs.begin(4, 25);
        for (wanted, expected) in [
            (-1, Some((-1, 0))),
            (0, Some((0, 10))),
            (1, Some((0, 10))),
            (2, Some((2, 20))),
            (3, Some((2, 20))),
            (5, Some((5, 30))),
            (6, None),
        ] {
            assert_eq!(epochs.end_of(wanted, 30), expected, "{wanted}");
        }
        for (offset, expected) in [(0, 0), (9, 0), (10, 2), (19, 2), (20, 5), (99, 5)] {
            assert_eq!(epochs.of(offset), expected, "{offset}");
        }
    }

    #[test]
    fn epochs_of_deleted_records_are_forgotten() {
        let mut epochs = Epochs::default();
        epochs.begin(1, 10);
        epochs.begin(2, 20);
        epochs.forget_before(15);
        assert_eq!(epochs.end_of(0, 30), Some((0, 15)));
        assert_eq!(epochs.end_of(1, 30), Some((1, 20)));
        epochs.forget_before(30);
        assert_eq!((epochs.latest(), epochs.end_of(1, 30)), (2, Some((1, 30))));
    }
}
