use std::{fmt, marker::PhantomData, sync::Arc};

use serde::{Serialize, de::DeserializeOwned};

use crate::{DecodeError, Dialect, Ecst, EncodeError, Event, Object, Parts, Payload, Schema, fields};

/// Reads and writes events of one kind: a dialect and, if given, the schema of the whole record. Cloning shares both.
pub struct Codec<T> {
    dialect: Arc<dyn Dialect>,
    schema: Option<Schema>,
    data: PhantomData<fn() -> T>,
}

impl<T> Codec<T> {
    /// Events in `dialect`.
    pub fn new(dialect: impl Dialect) -> Self {
        Self { dialect: Arc::new(dialect), schema: None, data: PhantomData }
    }

    /// Events of the orders system.
    pub fn ecst() -> Self {
        Self::new(Ecst)
    }

    /// Checks every record against `schema`, when it is written and when it is read.
    #[must_use]
    pub fn with_schema(mut self, schema: Schema) -> Self {
        self.schema = Some(schema);
        self
    }
}

impl<T: DeserializeOwned> Codec<T> {
    /// Reads the value of a record of `topic`.
    ///
    /// # Errors
    /// What is wrong with it; with a schema, all problems.
    pub fn decode(&self, topic: &str, value: &[u8]) -> Result<Event<T>, DecodeError> {
        let (object, value) = Object::parse_with_value(value)?;
        if let Some(schema) = &self.schema {
            schema.check(&value).map_err(DecodeError::Schema)?;
        }
        let Parts { metadata, payload, mut unknown } = self.dialect.split(topic, object)?;
        let shape = |error: serde_json::Error| DecodeError::Shape(error.to_string());
        let data = match payload {
            Payload::Inline(object) => {
                let (data, left) = fields::take(object).map_err(shape)?;
                unknown.add_missing(left);
                data
            }
            Payload::Nested(raw) => serde_json::from_str(raw.get()).map_err(shape)?,
        };
        Ok(Event::with_unknown(metadata, data, unknown))
    }
}

impl<T: Serialize> Codec<T> {
    /// Writes an event as the value of a record.
    ///
    /// # Errors
    /// The data does not fit the dialect, or the record its schema.
    pub fn encode(&self, event: &Event<T>) -> Result<Vec<u8>, EncodeError> {
        let shape = |error: serde_json::Error| EncodeError::Shape(error.to_string());
        let payload = if self.dialect.is_inline() {
            Payload::Inline(Object::of(event.data())?)
        } else {
            Payload::Nested(serde_json::value::to_raw_value(event.data()).map_err(shape)?)
        };
        let parts = Parts { metadata: event.metadata().clone(), payload, unknown: event.unknown().clone() };
        let bytes = serde_json::to_vec(&self.dialect.join(parts)?).map_err(shape)?;
        if let Some(schema) = &self.schema {
            let value = serde_json::from_slice(&bytes).map_err(shape)?;
            schema.check(&value).map_err(EncodeError::Schema)?;
        }
        Ok(bytes)
    }
}

impl<T> Clone for Codec<T> {
    fn clone(&self) -> Self {
        Self { dialect: Arc::clone(&self.dialect), schema: self.schema.clone(), data: PhantomData }
    }
}

impl<T> fmt::Debug for Codec<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Codec").field("dialect", &self.dialect).field("schema", &self.schema).finish()
    }
}
