//! What an attempt wants to change, collected until its handler has succeeded.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{
    outgoing::OutgoingRecord,
    store::{Op, StoreError, Unit},
};

/// The most records and store operations of one attempt.
const MAX_EFFECTS: usize = 10_000;
/// The most bytes of one attempt's effects.
const MAX_BYTES: usize = 16 * 1024 * 1024;

/// Why a handler's effect was not taken, or its read failed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EffectsError {
    /// The handler has returned, timed out or been dropped: a [`Context`](crate::Context) must not outlive it.
    Ended,
    /// The worker has no store.
    NoStore,
    /// One attempt may have at most 10,000 effects of 16 MiB together.
    TooMany,
    /// The store failed.
    Store(StoreError),
}

impl fmt::Display for EffectsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ended => f.write_str("the handler has ended: its context takes nothing more"),
            Self::NoStore => f.write_str("the worker was built without a store"),
            Self::TooMany => write!(f, "more than {MAX_EFFECTS} effects or {MAX_BYTES} bytes in one attempt"),
            Self::Store(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for EffectsError {}

/// The collected effects of one attempt, shared by the clones of its context.
#[derive(Clone, Debug, Default)]
pub(crate) struct Effects(Arc<Mutex<Collected>>);

/// What one attempt collected.
#[derive(Debug, Default)]
pub(crate) struct Collected {
    pub(crate) publishes: Vec<OutgoingRecord>,
    pub(crate) unit: Unit,
    /// The store's first failure: the attempt says nothing about the record then.
    pub(crate) store_failure: Option<StoreError>,
    bytes: usize,
    ended: bool,
}

impl Effects {
    pub(crate) fn publish(&self, record: OutgoingRecord) -> Result<(), EffectsError> {
        let mut collected = self.collected();
        collected.admit(record.size())?;
        collected.publishes.push(record);
        Ok(())
    }

    pub(crate) fn store(&self, op: Op) -> Result<(), EffectsError> {
        let mut collected = self.collected();
        collected.admit(op.size())?;
        collected.unit.push(op);
        Ok(())
    }

    /// Remembers a failed read: whatever the handler makes of it, it was an outage.
    pub(crate) fn store_failed(&self, error: StoreError) -> EffectsError {
        self.collected().store_failure.get_or_insert_with(|| error.clone());
        EffectsError::Store(error)
    }

    /// Ends the collection: a context that outlives its handler can add nothing.
    pub(crate) fn end(&self) -> Collected {
        std::mem::replace(&mut *self.collected(), Collected { ended: true, ..Collected::default() })
    }

    fn collected(&self) -> MutexGuard<'_, Collected> {
        // Nothing panics under the lock; a handler that panics elsewhere does not hold it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Collected {
    fn admit(&mut self, bytes: usize) -> Result<(), EffectsError> {
        if self.ended {
            return Err(EffectsError::Ended);
        }
        let total = self.bytes.saturating_add(bytes);
        if total > MAX_BYTES || self.publishes.len() + self.unit.ops().len() >= MAX_EFFECTS {
            return Err(EffectsError::TooMany);
        }
        self.bytes = total;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn record(bytes: usize) -> OutgoingRecord {
        let value = Some(Bytes::from(vec![0; bytes]));
        OutgoingRecord { topic: "t".into(), key: None, value, headers: Vec::new(), timestamp: None, copied_as: None }
    }

    #[test]
    fn nothing_is_taken_after_the_end() {
        let effects = Effects::default();
        assert_eq!(effects.publish(record(1)), Ok(()));
        assert_eq!(effects.end().publishes.len(), 1);
        assert_eq!(effects.publish(record(1)), Err(EffectsError::Ended));
        assert!(effects.end().publishes.is_empty());
    }

    #[test]
    fn effects_are_bounded_in_number_and_bytes() {
        let effects = Effects::default();
        assert_eq!(effects.publish(record(MAX_BYTES)), Ok(()));
        assert_eq!(effects.publish(record(1)), Err(EffectsError::TooMany));
        let effects = Effects::default();
        for _ in 0..MAX_EFFECTS {
            assert_eq!(effects.publish(record(0)), Ok(()));
        }
        assert_eq!(effects.publish(record(0)), Err(EffectsError::TooMany));
    }
}
