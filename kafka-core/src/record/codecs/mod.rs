//! The codecs, each behind its feature: what stands behind a batch's header, compressed and back.
//!
//! Compressing appends to a fresh buffer and decompressing returns one: a buffer that a request may still be sending is
//! never written to again (CVE-2026-35554).

#[cfg(feature = "gzip")]
mod gzip;
#[cfg(feature = "lz4")]
mod lz4;
#[cfg(feature = "snappy")]
mod snappy;
#[cfg(feature = "zstd")]
mod zstd;

mod dispatch;

pub(super) use dispatch::{Failure, compress, decompress};
