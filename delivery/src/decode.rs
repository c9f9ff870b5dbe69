//! From a record's bytes to an event.

use std::fmt;

use bytes::Bytes;
use serde::de::DeserializeOwned;

use crate::{handler::ErrorClass, record::DeliveryRecord};

/// Turns records into events of type `T`. Closures `Fn(&DeliveryRecord) -> Result<T, DecodeError>` are decoders.
///
/// What fails here is never retried: the same bytes fail the same way, and go to the dead letter topic as they are.
pub trait Decode<T>: Send + Sync + 'static {
    /// The event in `record`.
    ///
    /// # Errors
    /// [`DecodeError`] with the reason that the dead letter shows.
    fn decode(&self, record: &DeliveryRecord) -> Result<T, DecodeError>;
}

impl<T, F> Decode<T> for F
where
    F: Fn(&DeliveryRecord) -> Result<T, DecodeError> + Send + Sync + 'static,
{
    fn decode(&self, record: &DeliveryRecord) -> Result<T, DecodeError> {
        self(record)
    }
}

/// Why a record is no event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecodeError {
    class: ErrorClass,
    reason: String,
}

impl DecodeError {
    /// An undecodable record, and why.
    pub fn new(reason: impl fmt::Display) -> Self {
        Self { class: ErrorClass::UNDECODABLE, reason: reason.to_string() }
    }

    /// The same error with a finer name for `ottla-dlq-error-kind`, as `invalid-schema`.
    #[must_use]
    pub fn of_kind(mut self, kind: &'static str) -> Self {
        self.class = kind.into();
        self
    }

    /// What stands in `ottla-dlq-error-kind`; `undecodable` by default.
    pub fn kind(&self) -> &str {
        self.class.as_str()
    }

    /// Its class, for the dead letter.
    pub(crate) fn class(&self) -> &ErrorClass {
        &self.class
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for DecodeError {}

/// Takes the value as it is: as `Bytes` (null is undecodable) or as `Option<Bytes>` (null is `None`).
#[derive(Clone, Copy, Debug, Default)]
pub struct Raw;

impl Decode<Bytes> for Raw {
    fn decode(&self, record: &DeliveryRecord) -> Result<Bytes, DecodeError> {
        record.value().cloned().ok_or_else(|| DecodeError::new("the value is null"))
    }
}

impl Decode<Option<Bytes>> for Raw {
    fn decode(&self, record: &DeliveryRecord) -> Result<Option<Bytes>, DecodeError> {
        Ok(record.value().cloned())
    }
}

/// Reads the value as JSON.
#[derive(Clone, Copy, Debug, Default)]
pub struct Json;

impl<T: DeserializeOwned> Decode<T> for Json {
    fn decode(&self, record: &DeliveryRecord) -> Result<T, DecodeError> {
        let value = record.value().ok_or_else(|| DecodeError::new("the value is null"))?;
        serde_json::from_slice(value).map_err(|error| DecodeError::new(format_args!("not the expected JSON: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use ottla_kafka_core::TopicPartition;

    use super::*;

    fn record(value: Option<&'static [u8]>) -> DeliveryRecord {
        let record = DeliveryRecord::new(TopicPartition::new("orders", 0), 0, 0);
        value.into_iter().fold(record, DeliveryRecord::with_value)
    }

    #[test]
    fn json_says_what_is_wrong_and_where() {
        let decode = |value| -> Result<Vec<u32>, DecodeError> { Json.decode(&record(value)) };
        assert_eq!(decode(Some(b"[1,2]")), Ok(vec![1, 2]));
        for (value, reason) in [
            (None, "null"),
            (Some(b"[1,".as_slice()), "EOF"),
            (Some(b"{}"), "invalid type"),
            (Some(b"[1] x"), "trailing"),
            (Some(b"\xff\xfe"), "expected value"),
        ] {
            let error = decode(value).expect_err("undecodable");
            assert!(error.to_string().contains(reason), "{value:?}: {error}");
            assert_eq!(error.kind(), "undecodable");
        }
    }

    #[test]
    fn raw_takes_null_only_where_it_is_asked_for() {
        assert_eq!(Raw.decode(&record(None)), Ok(None::<Bytes>));
        assert!(Decode::<Bytes>::decode(&Raw, &record(None)).is_err());
        assert_eq!(Raw.decode(&record(Some(b"x"))), Ok(Bytes::from("x")));
    }
}
