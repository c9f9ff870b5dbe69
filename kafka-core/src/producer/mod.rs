//! The idempotent producer: records in, acknowledgements out, each record once and in its partition's order.

mod accumulator;
mod ack;
mod batch;
mod config;
mod gate;
mod handle;
mod lane;
mod partitioner;
mod record;
mod sender;
mod sequence;
#[cfg(test)]
mod tests;
mod topics;

pub use ack::Ack;
pub use config::ProducerBuilder;
pub use handle::Producer;
pub use record::{ProducerRecord, RecordMetadata};
