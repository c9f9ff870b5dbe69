//! The conservation of records: what was delivered is settled, went back or is in flight.

use std::fmt;

use crate::settlement::{Released, Settled, Settlement};

/// The books of one partition (or, summed, of a worker). Counts since the partition was assigned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    delivered: u64,
    handled: u64,
    filtered: u64,
    deduplicated: u64,
    dead_lettered: u64,
    parked: u64,
    released: u64,
}

impl Ledger {
    pub(crate) fn deliver(&mut self) {
        self.delivered = self.delivered.saturating_add(1);
    }

    pub(crate) fn settle(&mut self, settled: &Settled) {
        let count = match settled.settlement() {
            Settlement::Handled => &mut self.handled,
            Settlement::Filtered => &mut self.filtered,
            Settlement::Deduplicated => &mut self.deduplicated,
            Settlement::DeadLettered(_) => &mut self.dead_lettered,
            Settlement::Parked(_) => &mut self.parked,
        };
        *count = count.saturating_add(1);
    }

    pub(crate) fn release(&mut self, _: &Released) {
        self.released = self.released.saturating_add(1);
    }

    /// Checks the books against `in_flight`, which is counted elsewhere: by the offsets that are not settled.
    pub(crate) fn check(&self, in_flight: u64) -> Result<(), LedgerViolation> {
        let accounted = self.settled().saturating_add(self.released).saturating_add(in_flight);
        if accounted == self.delivered { Ok(()) } else { Err(LedgerViolation { ledger: *self, in_flight }) }
    }

    /// Adds another partition's books to these.
    pub(crate) fn add(&mut self, other: &Self) {
        for (sum, count) in [
            (&mut self.delivered, other.delivered),
            (&mut self.handled, other.handled),
            (&mut self.filtered, other.filtered),
            (&mut self.deduplicated, other.deduplicated),
            (&mut self.dead_lettered, other.dead_lettered),
            (&mut self.parked, other.parked),
            (&mut self.released, other.released),
        ] {
            *sum = sum.saturating_add(count);
        }
    }

    /// Records that were handed to the pipeline.
    pub fn delivered(&self) -> u64 {
        self.delivered
    }

    /// Records whose handler succeeded.
    pub fn handled(&self) -> u64 {
        self.handled
    }

    /// Records that a filter did not want.
    pub fn filtered(&self) -> u64 {
        self.filtered
    }

    /// Records that the inbox had seen before.
    pub fn deduplicated(&self) -> u64 {
        self.deduplicated
    }

    /// Records whose copy is in the dead letter topic.
    pub fn dead_lettered(&self) -> u64 {
        self.dead_lettered
    }

    /// Records whose copy is in the retry topic.
    pub fn parked(&self) -> u64 {
        self.parked
    }

    /// Records that went back unsettled.
    pub fn released(&self) -> u64 {
        self.released
    }

    /// The five settlements together.
    pub fn settled(&self) -> u64 {
        [self.handled, self.filtered, self.deduplicated, self.dead_lettered, self.parked]
            .into_iter()
            .fold(0, u64::saturating_add)
    }
}

/// The books of a partition do not add up: a fault of this crate. The partition stops and commits nothing more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerViolation {
    ledger: Ledger,
    in_flight: u64,
}

impl fmt::Display for LedgerViolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { ledger, in_flight } = self;
        write!(f, "{} delivered, but {} settled", ledger.delivered, ledger.settled())?;
        write!(f, " + {} released + {in_flight} in flight", ledger.released)
    }
}

impl std::error::Error for LedgerViolation {}

#[cfg(test)]
mod tests {
    use ottla_kafka_core::TopicPartition;

    use super::*;
    use crate::settlement::{Acked, Pending};

    fn orders() -> TopicPartition {
        TopicPartition::new("orders", 0)
    }

    fn pending(offset: i64) -> Pending {
        Pending::new(orders(), offset)
    }

    #[test]
    fn every_way_out_is_counted_once() {
        let copy = || Acked::new(TopicPartition::new("orders-dlq", 0), Some(1));
        let mut ledger = Ledger::default();
        for _ in 0..7 {
            ledger.deliver();
        }
        for settled in [
            pending(0).handled(),
            pending(1).filtered(),
            pending(2).deduplicated(),
            pending(3).dead_lettered(copy()),
            pending(4).parked(copy()),
        ] {
            ledger.settle(&settled);
        }
        ledger.release(&Released::new(5));
        let counts = [ledger.handled(), ledger.filtered(), ledger.deduplicated(), ledger.dead_lettered()];
        assert_eq!((counts, ledger.parked(), ledger.released(), ledger.settled()), ([1; 4], 1, 1, 5));
        assert_eq!(ledger.check(1), Ok(()));
        let mut sum = ledger;
        sum.add(&ledger);
        assert_eq!((sum.delivered(), sum.check(2)), (14, Ok(())));
    }

    #[test]
    fn a_lost_and_a_doubled_record_are_violations() {
        let mut ledger = Ledger::default();
        ledger.deliver();
        assert!(ledger.check(0).is_err(), "delivered, and nowhere");
        ledger.settle(&pending(0).handled());
        assert_eq!(ledger.check(0), Ok(()));
        ledger.settle(&pending(0).handled());
        let violation = ledger.check(0).expect_err("settled twice");
        assert_eq!(violation.to_string(), "1 delivered, but 2 settled + 0 released + 0 in flight");
    }
}
