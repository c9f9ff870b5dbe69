use std::time::Duration;

use super::{Producer, sender::IN_FLIGHT_PER_BROKER};
use crate::{client::Client, error::Error, record::Compression};

/// A producer's settings, checked together by [`ProducerBuilder::build`].
#[derive(Clone, Debug)]
#[must_use]
pub struct ProducerBuilder {
    client: Client,
    config: ProducerConfig,
}

#[derive(Clone, Debug)]
pub(super) struct ProducerConfig {
    pub(super) linger: Duration,
    pub(super) batch_size: usize,
    pub(super) buffer_memory: usize,
    pub(super) max_request_size: usize,
    pub(super) max_in_flight: usize,
    pub(super) delivery_timeout: Duration,
    pub(super) max_block: Duration,
    pub(super) compression: Compression,
}

impl ProducerBuilder {
    pub(super) fn new(client: &Client) -> Self {
        let config = ProducerConfig {
            linger: Duration::from_millis(5),
            batch_size: 16 << 10,
            buffer_memory: 32 << 20,
            max_request_size: 1 << 20,
            max_in_flight: IN_FLIGHT_PER_BROKER,
            delivery_timeout: Duration::from_secs(120),
            max_block: Duration::from_secs(60),
            compression: Compression::NONE,
        };
        Self { client: client.clone(), config }
    }

    /// How long a batch waits for more records; default 5 ms. Kafka: `linger.ms`.
    pub fn linger(mut self, linger: Duration) -> Self {
        self.config.linger = linger;
        self
    }

    /// How large a batch grows, in bytes; default 16 KiB. A larger record gets a batch of its own. Kafka: `batch.size`.
    pub fn batch_size(mut self, bytes: usize) -> Self {
        self.config.batch_size = bytes;
        self
    }

    /// How batches are compressed: a codec, or [`Compression`] with its level; default not at all. Kafka:
    /// `compression.type`, `compression.<codec>.level`.
    pub fn compression(mut self, compression: impl Into<Compression>) -> Self {
        self.config.compression = compression.into();
        self
    }

    /// How much memory unacknowledged records may take, in bytes; default 32 MiB. When it is full, `enqueue` waits.
    /// Kafka: `buffer.memory`.
    pub fn buffer_memory(mut self, bytes: usize) -> Self {
        self.config.buffer_memory = bytes;
        self
    }

    /// The largest record and the largest request, in bytes; default 1 MiB. Kafka: `max.request.size`.
    pub fn max_request_size(mut self, bytes: usize) -> Self {
        self.config.max_request_size = bytes;
        self
    }

    /// How many requests may be on their way to a broker, 1 to 5; default 5. Kafka:
    /// `max.in.flight.requests.per.connection`.
    pub fn max_in_flight(mut self, requests: usize) -> Self {
        self.config.max_in_flight = requests;
        self
    }

    /// How long after `enqueue` a record's fate is known; default 120 s. Kafka: `delivery.timeout.ms`.
    pub fn delivery_timeout(mut self, timeout: Duration) -> Self {
        self.config.delivery_timeout = timeout;
        self
    }

    /// How long `enqueue` waits for metadata and memory; default 60 s. Kafka: `max.block.ms`.
    pub fn max_block(mut self, timeout: Duration) -> Self {
        self.config.max_block = timeout;
        self
    }

    /// The producer, with its sender task running. It connects when the first record comes.
    ///
    /// # Errors
    /// Every setting that is not valid, named together.
    pub fn build(self) -> Result<Producer, Error> {
        let problems = self.config.problems();
        if !problems.is_empty() {
            return Err(Error::invalid(problems.join("; ")));
        }
        Ok(Producer::start(self.client, self.config))
    }
}

impl ProducerConfig {
    fn problems(&self) -> Vec<String> {
        let problems = [
            (self.batch_size == 0, "batch.size is zero"),
            (self.batch_size > self.max_request_size, "batch.size exceeds max.request.size"),
            (self.max_request_size > self.buffer_memory, "max.request.size exceeds buffer.memory"),
            (self.buffer_memory > 1 << 30, "buffer.memory exceeds 1 GiB"),
            (
                !(1..=IN_FLIGHT_PER_BROKER).contains(&self.max_in_flight),
                "max.in.flight.requests.per.connection is not 1 to 5",
            ),
            (self.linger >= self.delivery_timeout, "linger.ms is not shorter than delivery.timeout.ms"),
            (self.max_block.is_zero(), "max.block.ms of zero never lets a record in: use try_enqueue"),
        ];
        let problems = problems.into_iter().filter(|(wrong, _)| *wrong).map(|(_, problem)| problem.to_owned());
        problems.chain(self.compression.check().err().map(|error| error.to_string())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connector::BrokerAddr;

    #[tokio::test]
    async fn every_problem_is_named_together() {
        let client = Client::builder().bootstrap([BrokerAddr::new("localhost", 9092)]).build().expect("valid");
        let settings = Producer::builder(&client)
            .batch_size(2 << 20)
            .buffer_memory(1 << 10)
            .linger(Duration::from_secs(200))
            .max_block(Duration::ZERO)
            .max_in_flight(6)
            .compression(Compression::gzip(77));
        let text = settings.build().expect_err("nothing of it fits").to_string();
        for problem in [
            "batch.size exceeds max.request.size",
            "max.request.size exceeds buffer.memory",
            "linger.ms is not shorter",
            "max.block.ms",
            "max.in.flight",
            "gzip",
        ] {
            assert!(text.contains(problem), "{problem} is missing from: {text}");
        }
        assert!(Producer::builder(&client).build().is_ok());
    }
}
