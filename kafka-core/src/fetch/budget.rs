//! How many bytes of answers live, whoever holds them.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use bytes::Bytes;
use tokio::sync::Notify;

/// The one bound on what was asked for, buffered, or handed out and not dropped. Kafka has none like it.
#[derive(Debug)]
pub(super) struct Budget {
    limit: usize,
    used: AtomicUsize,
    /// How many of them are decompressed batches.
    decompressed: AtomicUsize,
    /// Wakes whoever asks for more.
    pub(super) asker: Notify,
    /// Wakes whoever waits for records.
    pub(super) taker: Notify,
}

/// Bytes that count until this is dropped.
#[derive(Debug)]
pub(super) struct Charge {
    budget: Arc<Budget>,
    bytes: usize,
    is_decompressed: bool,
}

impl Budget {
    pub(super) fn new(limit: usize) -> Arc<Self> {
        let (asker, taker) = (Notify::new(), Notify::new());
        Arc::new(Self { limit, used: AtomicUsize::new(0), decompressed: AtomicUsize::new(0), asker, taker })
    }

    /// How many bytes count right now.
    pub(super) fn used(&self) -> usize {
        self.used.load(Ordering::Acquire)
    }

    /// Whether `bytes` more are within the limit. When nothing counts, anything is: a batch may be larger than the
    /// limit, and has to be read all the same.
    pub(super) fn has_room(&self, bytes: usize) -> bool {
        let used = self.used();
        used == 0 || used.saturating_add(bytes) <= self.limit
    }

    /// Counts `bytes`, beyond the limit if need be.
    pub(super) fn charge(self: &Arc<Self>, bytes: usize) -> Charge {
        self.used.fetch_add(bytes, Ordering::AcqRel);
        Charge { budget: Arc::clone(self), bytes, is_decompressed: false }
    }

    /// Whether another batch may be decompressed: within the limit, or as the only one.
    pub(super) fn may_decompress(&self) -> bool {
        self.decompressed.load(Ordering::Acquire) == 0 || self.used() < self.limit
    }

    /// Counts the `bytes` of a decompressed batch.
    pub(super) fn charge_decompressed(self: &Arc<Self>, bytes: usize) -> Charge {
        self.decompressed.fetch_add(bytes, Ordering::AcqRel);
        let mut charge = self.charge(bytes);
        charge.is_decompressed = true;
        charge
    }
}

impl Charge {
    /// Counts `bytes` instead, for an answer that has come.
    pub(super) fn become_bytes(&mut self, bytes: usize) {
        if bytes > self.bytes {
            self.budget.used.fetch_add(bytes.saturating_sub(self.bytes), Ordering::AcqRel);
        } else {
            self.budget.used.fetch_sub(self.bytes.saturating_sub(bytes), Ordering::AcqRel);
        }
        self.bytes = bytes;
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.budget.used.fetch_sub(self.bytes, Ordering::AcqRel);
        if self.is_decompressed {
            self.budget.decompressed.fetch_sub(self.bytes, Ordering::AcqRel);
        }
        self.budget.asker.notify_one();
        self.budget.taker.notify_one();
    }
}

/// The same bytes, which count until the last slice of them is dropped.
pub(super) fn charged(bytes: Bytes, charge: &Arc<Charge>) -> Bytes {
    struct Charged {
        bytes: Bytes,
        _charge: Arc<Charge>,
    }
    impl AsRef<[u8]> for Charged {
        fn as_ref(&self) -> &[u8] {
            &self.bytes
        }
    }
    if bytes.is_empty() {
        return Bytes::new();
    }
    Bytes::from_owner(Charged { bytes, _charge: Arc::clone(charge) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answers_bytes_count_until_its_last_slice_is_dropped() {
        let budget = Budget::new(100);
        let mut charge = budget.charge(60);
        assert!(budget.has_room(40) && !budget.has_room(41));
        charge.become_bytes(10);
        assert_eq!(budget.used(), 10);
        let charge = Arc::new(charge);
        let (first, second) =
            (charged(Bytes::from_static(b"first"), &charge), charged(Bytes::from_static(b"2"), &charge));
        drop(charge);
        let part = first.slice(1..2);
        drop((first, second));
        assert_eq!(budget.used(), 10, "one byte of one partition keeps the whole answer alive");
        drop(part);
        assert_eq!(budget.used(), 0);
    }

    #[test]
    fn what_is_larger_than_the_budget_is_let_through_alone() {
        let budget = Budget::new(100);
        assert!(budget.has_room(1000));
        let mut charge = budget.charge(50);
        charge.become_bytes(1000);
        assert!(!budget.has_room(1));
        drop(charge);
        assert!(budget.has_room(1000));
    }
}
