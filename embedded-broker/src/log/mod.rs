//! One partition's log, without a clock and without I/O.

mod batch;
mod epochs;
mod partition;
mod producers;
#[cfg(test)]
mod tests;

pub(crate) use partition::{Appended, Limits, PartitionLog, Prepared};

/// Why the log refuses: what goes on the wire is its code.
pub(crate) type Refusal = kafka_protocol::ResponseError;
