//! How many records of one partition are handled at once, and which of them keep their order.

use bytes::Bytes;

/// How many records of one partition are handled at once, and which of them keep their order: a setting of a
/// [`Route`](super::Route). One at a time by default.
///
/// - What is committed is always the lowest offset that is not settled. So what was handled ahead of a slow record is
///   handled again if the worker dies before that record is settled; `max.in.flight` bounds it (see
///   [`max_in_flight`](super::WorkerBuilder::max_in_flight)).
/// - "At once" means side by side, not on several threads: the attempts of one partition share a task and change at
///   their awaits. Partitions are handled in parallel.
/// - A record that waits for its next attempt takes no room, and holds back only what its order binds to it. While what
///   a record needs is away (the store, the dead letter topic), it keeps its room: an outage is asked by as many records
///   as may be handled at once, and by no more.
/// - When the partition is revoked, the attempts that run end and nothing else starts. At a shutdown what was fetched is
///   handled; a record that would have to wait goes back, and with it all behind it in the partition that has not
///   started, since no commit could cover it.
///
/// ```
/// use ottla_delivery::{Concurrency, Raw, Route};
///
/// let route = Route::new(Raw, async |_: bytes::Bytes, _| Ok(())).concurrency(Concurrency::per_key(32));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Concurrency(Kind);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Kind {
    #[default]
    PerPartition,
    PerKey(usize),
    Unordered(usize),
}

/// What a record shares its order with: of one line, one record is handled at a time, in the order of offsets.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Line {
    Partition,
    Key(Option<Bytes>),
    Alone(i64),
}

impl Concurrency {
    /// One record of a partition at a time, in the order of offsets. The default.
    pub fn per_partition() -> Self {
        Self(Kind::PerPartition)
    }

    /// At most `records` of a partition at once; those with the same key one at a time, in the order of offsets, their
    /// retries and dead letters included. A key is its bytes, never a hash of them: no key waits for another.
    ///
    /// Records without a key have one order as well, as if they shared a key (not the empty one): the partition is the
    /// only order that Kafka gives them, and it is kept. Use [`unordered`](Self::unordered) where it does not matter.
    ///
    /// `records` is from 1 to `max.in.flight`.
    pub fn per_key(records: usize) -> Self {
        Self(Kind::PerKey(records))
    }

    /// At most `records` of a partition at once, in no order, from 1 to `max.in.flight`.
    pub fn unordered(records: usize) -> Self {
        Self(Kind::Unordered(records))
    }

    /// How many records of a partition are handled at once.
    pub fn limit(self) -> usize {
        match self.0 {
            Kind::PerPartition => 1,
            Kind::PerKey(records) | Kind::Unordered(records) => records,
        }
    }

    /// Whether a record that waits holds its whole partition.
    pub(super) fn holds_partition(self) -> bool {
        self.0 == Kind::PerPartition
    }

    /// The line of a record.
    pub(super) fn line(self, offset: i64, key: Option<&Bytes>) -> Line {
        match self.0 {
            Kind::PerPartition => Line::Partition,
            Kind::PerKey(_) => Line::Key(key.cloned()),
            Kind::Unordered(_) => Line::Alone(offset),
        }
    }

    /// What is wrong with it in the route of `topic`.
    pub(super) fn problem(self, topic: &str, max_in_flight: usize) -> Option<String> {
        let name = match self.0 {
            Kind::PerPartition => return None,
            Kind::PerKey(_) => "per_key",
            Kind::Unordered(_) => "unordered",
        };
        match self.limit() {
            0 => Some(format!("route {topic}: concurrency {name}(0): nothing could be handled")),
            records if records > max_in_flight => Some(format!(
                "route {topic}: concurrency {name}({records}) exceeds max.in.flight {max_in_flight}: so many records \
                 are never in hand"
            )),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_shares_an_order_has_the_same_line() {
        let (a, b, empty) = (Bytes::from("a"), Bytes::from("b"), Bytes::new());
        let same = |concurrency: Concurrency, left: Option<&Bytes>, right: Option<&Bytes>| {
            concurrency.line(1, left) == concurrency.line(2, right)
        };
        for (left, right, one_key) in [
            (Some(&a), Some(&a), true),
            (Some(&a), Some(&b), false),
            (None, None, true),
            (None, Some(&empty), false),
            (None, Some(&a), false),
        ] {
            assert!(same(Concurrency::per_partition(), left, right));
            assert_eq!(same(Concurrency::per_key(8), left, right), one_key, "{left:?} {right:?}");
            assert!(!same(Concurrency::unordered(8), left, right));
        }
    }

    #[test]
    fn what_cannot_work_is_named() {
        let problem = |concurrency: Concurrency| concurrency.problem("orders", 1_000).unwrap_or_default();
        for fine in [Concurrency::default(), Concurrency::per_key(1), Concurrency::unordered(1_000)] {
            assert_eq!(problem(fine), "");
        }
        for (wrong, said) in [
            (Concurrency::per_key(0), "route orders: concurrency per_key(0)"),
            (Concurrency::unordered(0), "route orders: concurrency unordered(0)"),
            (Concurrency::per_key(1_001), "per_key(1001) exceeds max.in.flight 1000"),
        ] {
            assert!(problem(wrong).contains(said), "{}", problem(wrong));
        }
    }
}
