//! A record on its way out.

use std::sync::Arc;

use bytes::Bytes;
use ottla_kafka_core::record::{Compression, Header};

/// A record that the pipeline publishes: a handler's event or a dead letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OutgoingRecord {
    pub(crate) topic: Arc<str>,
    pub(crate) key: Option<Bytes>,
    pub(crate) value: Option<Bytes>,
    pub(crate) headers: Vec<Header>,
    /// Milliseconds since 1970; the producer's clock decides if there is none.
    pub(crate) timestamp: Option<i64>,
    /// How the copy of a fetched record is compressed; what is new is as its producer was told.
    pub(crate) copied_as: Option<Compression>,
}

impl OutgoingRecord {
    /// An upper bound of what it takes in memory, as far as its bytes are concerned.
    pub(crate) fn size(&self) -> usize {
        let length = |bytes: &Option<Bytes>| bytes.as_ref().map_or(0, Bytes::len);
        let of_headers: usize = self.headers.iter().map(|header| header.key.len() + length(&header.value)).sum();
        length(&self.key) + length(&self.value) + of_headers
    }
}
