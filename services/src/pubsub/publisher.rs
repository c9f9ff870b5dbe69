use std::fmt;

use bytes::Bytes;
use ottla::{
    Error,
    kafka::{BoxFuture, Producer, ProducerRecord, record::Header},
};

/// A record that a service publishes.
#[derive(Clone, Debug)]
pub struct Outgoing {
    /// The topic.
    pub topic: &'static str,
    /// The key, which decides the partition.
    pub key: Bytes,
    /// The value.
    pub value: Bytes,
    /// The headers.
    pub headers: Vec<Header>,
}

/// Publishes records: the producer, or in tests a fake.
pub trait Publisher: fmt::Debug + Send + Sync + 'static {
    /// Publishes `record` and waits until the brokers have acknowledged it.
    ///
    /// # Errors
    /// [`Error::maybe_applied`] says whether the record may be in the log all the same.
    fn publish(&self, record: Outgoing) -> BoxFuture<'_, Result<(), Error>>;
}

impl Publisher for Producer {
    fn publish(&self, record: Outgoing) -> BoxFuture<'_, Result<(), Error>> {
        let Outgoing { topic, key, value, headers } = record;
        let record = ProducerRecord::to(topic).key(key).value(value).headers(headers);
        Box::pin(async move { self.send(record).await.map(drop) })
    }
}
