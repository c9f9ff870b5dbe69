//! What a handler is given beside its event.

use std::{fmt, sync::Arc};

use bytes::Bytes;
use ottla_kafka_core::{TopicPartition, record::Header};

use crate::{
    effects::{Effects, EffectsError},
    outgoing::OutgoingRecord,
    record::DeliveryRecord,
    store::{Expected, Op, Row, Store},
};

/// Where the event came from, which attempt this is, and the only ways out: [`publish`](Self::publish) and
/// [`store`](Self::store). Both collect into one unit of work, which is applied after the handler returned `Ok` and
/// before the record is settled; a handler that fails leaves nothing behind.
#[derive(Clone)]
pub struct Context {
    record: Arc<DeliveryRecord>,
    attempt: u32,
    store: Option<Arc<dyn Store>>,
    effects: Effects,
}

impl Context {
    pub(crate) fn new(
        record: Arc<DeliveryRecord>,
        attempt: u32,
        store: Option<Arc<dyn Store>>,
        effects: Effects,
    ) -> Self {
        Self { record, attempt, store, effects }
    }

    /// The partition the record stands in.
    pub fn topic_partition(&self) -> &TopicPartition {
        self.record.topic_partition()
    }

    /// The record's offset.
    pub fn offset(&self) -> i64 {
        self.record.offset()
    }

    /// The record's timestamp, in milliseconds since 1970.
    pub fn timestamp(&self) -> i64 {
        self.record.timestamp()
    }

    /// The record's key.
    pub fn key(&self) -> Option<&Bytes> {
        self.record.key()
    }

    /// The record's headers.
    pub fn headers(&self) -> &[Header] {
        self.record.headers()
    }

    /// The record itself, as it was fetched.
    pub fn record(&self) -> &DeliveryRecord {
        &self.record
    }

    /// Which attempt this is, from 1. Counted since the partition was assigned to this process.
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// Publishes a record once the handler succeeded. The broker's ack comes before this record is settled, so what is
    /// published is never lost; after a crash it may be published again.
    ///
    /// # Errors
    /// [`EffectsError`] if the handler has ended already, or publishes more than the unit of work may hold.
    pub fn publish(
        &self,
        topic: impl Into<Arc<str>>,
        key: Option<Bytes>,
        value: Option<Bytes>,
        headers: Vec<Header>,
    ) -> Result<(), EffectsError> {
        self.effects.publish(OutgoingRecord {
            topic: topic.into(),
            key,
            value,
            headers,
            timestamp: None,
            copied_as: None,
        })
    }

    /// The unit of work on the worker's store.
    ///
    /// # Errors
    /// [`EffectsError::NoStore`] if the worker was built without one.
    pub fn store(&self) -> Result<UnitOfWork, EffectsError> {
        let store = self.store.clone().ok_or(EffectsError::NoStore)?;
        Ok(UnitOfWork { store, effects: self.effects.clone() })
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("topic_partition", self.topic_partition())
            .field("offset", &self.offset())
            .field("attempt", &self.attempt)
            .finish_non_exhaustive()
    }
}

/// Reads and writes of one attempt. Writes are applied together after the handler succeeded, and only if no row it
/// read or expected has changed; otherwise the handler is run again, which is no attempt.
#[derive(Clone, Debug)]
pub struct UnitOfWork {
    store: Arc<dyn Store>,
    effects: Effects,
}

impl UnitOfWork {
    /// The row as the store has it now: this unit's own writes are not in it. The unit then holds only if the row is
    /// still in this version (or still missing).
    ///
    /// # Errors
    /// [`EffectsError::Store`] if the store fails: an outage, which spends no attempt.
    ///
    /// # Cancel safety
    /// Cancel-safe: it only reads.
    pub async fn get(&self, table: &str, key: &[u8]) -> Result<Option<Row>, EffectsError> {
        let row = self.store.get(table, key).await.map_err(|error| self.effects.store_failed(error))?;
        let expected = row.as_ref().map_or(Expected::Absent, |row| Expected::Version(row.version));
        self.effects.store(Op::Expect { table: table.to_owned(), key: Bytes::copy_from_slice(key), expected })?;
        Ok(row)
    }

    /// Writes a row if it is then as expected.
    ///
    /// # Errors
    /// [`EffectsError`] if the handler has ended already, or the unit is full.
    pub fn put_if(
        &self,
        table: impl Into<String>,
        key: impl Into<Bytes>,
        expected: Expected,
        value: impl Into<Bytes>,
    ) -> Result<(), EffectsError> {
        self.effects.store(Op::Put { table: table.into(), key: key.into(), expected, value: value.into() })
    }

    /// Writes a row. If this unit has read it, a change since then is a conflict all the same.
    ///
    /// # Errors
    /// [`EffectsError`] if the handler has ended already, or the unit is full.
    pub fn put(
        &self,
        table: impl Into<String>,
        key: impl Into<Bytes>,
        value: impl Into<Bytes>,
    ) -> Result<(), EffectsError> {
        self.put_if(table, key, Expected::Any, value)
    }

    /// Removes a row if it is then as expected.
    ///
    /// # Errors
    /// [`EffectsError`] if the handler has ended already, or the unit is full.
    pub fn delete(
        &self,
        table: impl Into<String>,
        key: impl Into<Bytes>,
        expected: Expected,
    ) -> Result<(), EffectsError> {
        self.effects.store(Op::Delete { table: table.into(), key: key.into(), expected })
    }

    /// Appends to a stream.
    ///
    /// # Errors
    /// [`EffectsError`] if the handler has ended already, or the unit is full.
    pub fn append(&self, stream: impl Into<String>, value: impl Into<Bytes>) -> Result<(), EffectsError> {
        self.effects.store(Op::Append { stream: stream.into(), value: value.into() })
    }
}
