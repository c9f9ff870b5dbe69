//! A record's header.

use bytes::Bytes;

/// A record's header. Kafka's header keys are text, but what arrives is only believed to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The key, as it stands on the wire.
    pub key: Bytes,
    /// The value; Kafka knows null.
    pub value: Option<Bytes>,
}

impl Header {
    /// A header with a text key.
    pub fn new(key: impl Into<String>, value: impl Into<Bytes>) -> Self {
        Self { key: Bytes::from(key.into()), value: Some(value.into()) }
    }
}
