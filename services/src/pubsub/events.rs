use ottla::{
    Codec, Event,
    delivery::{Decode, DecodeError, DeliveryRecord},
};
use serde::de::DeserializeOwned;

use crate::telemetry;

/// Reads events with a codec; what it refuses becomes a dead letter whose error kind is the codec's.
#[derive(Clone, Debug)]
pub(super) struct Events<T>(Codec<T>);

impl<T> Events<T> {
    pub(super) fn new(codec: Codec<T>) -> Self {
        Self(codec)
    }
}

impl<T: DeserializeOwned + 'static> Decode<Event<T>> for Events<T> {
    fn decode(&self, record: &DeliveryRecord) -> Result<Event<T>, DecodeError> {
        let decoded = self.event(record);
        telemetry::correlated(record, decoded.as_ref().ok().map(|event| event.metadata().correlation_id()));
        decoded
    }
}

impl<T: DeserializeOwned> Events<T> {
    fn event(&self, record: &DeliveryRecord) -> Result<Event<T>, DecodeError> {
        let value = record.value().ok_or_else(|| DecodeError::new("the value is null"))?;
        let topic = record.topic_partition().topic();
        self.0.decode(topic, value).map_err(|error| DecodeError::new(&error).of_kind(error.kind()))
    }
}
