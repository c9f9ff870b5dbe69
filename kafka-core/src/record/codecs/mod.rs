//! The codecs, each behind its feature: what stands behind a batch's header, compressed and back.
//!
//! Compressing appends to a fresh buffer and decompressing returns one: a buffer that a request may still be sending is
//! never written to again (CVE-2026-35554).

#[cfg(not(all(feature = "gzip", feature = "lz4", feature = "snappy", feature = "zstd")))]
mod absent;
mod dispatch;
#[cfg(feature = "gzip")]
mod gzip;
#[cfg(feature = "lz4")]
mod lz4;
#[cfg(feature = "snappy")]
mod snappy;
#[cfg(feature = "zstd")]
mod zstd;

#[cfg(not(feature = "gzip"))]
use absent as gzip;
#[cfg(not(feature = "lz4"))]
use absent as lz4;
#[cfg(not(feature = "snappy"))]
use absent as snappy;
#[cfg(not(feature = "zstd"))]
use absent as zstd;
pub(super) use dispatch::{Failure, compress, decompress};
