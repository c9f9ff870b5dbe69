//! Records and record batches ([magic 2]), the form in which Kafka stores, sends and fetches them.
//!
//! [`BatchBuilder`] writes a batch straight into one buffer and compresses it once, [`batches`] reads what a fetch
//! returned. Reading copies nothing but what it decompresses: a [`RecordView`] borrows from its [`Records`], and
//! [`Records::slice`] makes an owned part without a copy.
//!
//! [magic 2]: https://kafka.apache.org/documentation/#recordbatch
#![cfg_attr(
    not(test),
    deny(clippy::indexing_slicing, clippy::arithmetic_side_effects, clippy::unwrap_used, clippy::as_conversions)
)]

mod batch;
mod batches;
mod builder;
mod codec;
mod codecs;
mod compression;
mod control;
mod decompression;
mod error;
mod fields;
mod header;
mod record_view;
mod records;
mod restamp;
#[cfg(test)]
mod tests;
mod varint;

pub use batch::Batch;
pub use batches::{Batches, batches};
pub use builder::BatchBuilder;
pub use codec::{Codec, ParseCodecError};
pub use compression::{Compression, CompressionError};
pub use control::ControlKind;
pub use decompression::Decompression;
pub use error::{RecordError, RecordErrorKind};
pub use fields::ProducerStamp;
pub use header::Header;
pub use record_view::{Headers, RecordView, TimestampType};
pub use records::{RecordIter, Records};
pub(crate) use restamp::restamped;
