//! What stands in for a codec whose feature is off.

use super::Failure;
use crate::record::{Compression, CompressionError};

pub(super) fn compress(compression: Compression, _: &[u8], _: &mut Vec<u8>) -> Result<(), CompressionError> {
    Err(CompressionError::Unsupported(compression.codec()))
}

pub(super) fn decompress(_: &[u8], _: usize) -> Result<Vec<u8>, Failure> {
    Err(Failure::Unsupported)
}
