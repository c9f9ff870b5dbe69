//! gzip, by flate2 over zlib-rs.

use std::io::{Read, Write};

use flate2::{bufread::MultiGzDecoder, write::GzEncoder};

use super::Failure;
use crate::record::{Compression, CompressionError};

/// What deflate makes of one byte at most.
const MAX_RATIO: usize = 1032;

pub(super) fn compress(compression: Compression, input: &[u8], out: &mut Vec<u8>) -> Result<(), CompressionError> {
    let level = compression.level().and_then(|level| u32::try_from(level).ok());
    out.reserve(input.len() / 3);
    let mut encoder = GzEncoder::new(out, level.map_or_else(flate2::Compression::default, flate2::Compression::new));
    encoder.write_all(input).and_then(|()| encoder.finish()).map_err(|error| compression.failed(error))?;
    Ok(())
}

pub(super) fn decompress(input: &[u8], limit: usize) -> Result<Vec<u8>, Failure> {
    let mut out = Vec::with_capacity(capacity(input).min(limit));
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    MultiGzDecoder::new(input).take(most).read_to_end(&mut out).map_err(Failure::corrupt)?;
    if out.len() > limit { Err(Failure::TooLarge(None)) } else { Ok(out) }
}

/// A gzip member ends with its length: only a hint, because it may lie and be one of several.
fn capacity(input: &[u8]) -> usize {
    let declared = input.last_chunk().map_or(0, |len| u32::from_le_bytes(*len));
    usize::try_from(declared).unwrap_or(0).min(input.len().saturating_mul(MAX_RATIO))
}
