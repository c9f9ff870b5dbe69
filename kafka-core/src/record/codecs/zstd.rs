//! Zstandard ([RFC 8878]), by structured-zstd.
//!
//! Decompressing writes straight into a buffer of the size that the frames declare or, as Kafka's client declares none,
//! of the most that their blocks can hold. So no window is allocated, whatever a frame claims for it.
//!
//! [RFC 8878]: https://www.rfc-editor.org/rfc/rfc8878

use structured_zstd::{
    decoding::{
        FrameContentSize, FrameDecoder, FrameSizeError, errors::FrameDecoderError, find_frame_compressed_size,
        frame_decompressed_bound, read_frame_content_size,
    },
    encoding::{CompressionLevel, FrameCompressor},
};

use super::Failure;
use crate::record::{Compression, CompressionError};

pub(super) fn compress(compression: Compression, input: &[u8], out: &mut Vec<u8>) -> Result<(), CompressionError> {
    let level = CompressionLevel::from_level(compression.level().unwrap_or(CompressionLevel::DEFAULT_LEVEL));
    let mut compressor: FrameCompressor = FrameCompressor::new(level);
    let compressed = compressor.compress_independent_frame(input);
    out.reserve_exact(compressed.len());
    out.extend_from_slice(&compressed);
    Ok(())
}

pub(super) fn decompress(input: &[u8], limit: usize) -> Result<Vec<u8>, Failure> {
    let mut out = vec![0; most(input, limit)?.min(limit)];
    match FrameDecoder::new().decode_all(input, &mut out) {
        Ok(len) => {
            out.truncate(len);
            Ok(out)
        }
        Err(FrameDecoderError::TargetTooSmall) => Err(Failure::TooLarge(None)),
        Err(error) => Err(Failure::corrupt(error)),
    }
}

/// The most bytes that the frames can decompress to; too large if those that they declare are more than `limit`.
fn most(input: &[u8], limit: usize) -> Result<usize, Failure> {
    let (mut rest, mut declared, mut most) = (input, 0_u64, 0_u64);
    while !rest.is_empty() {
        if let Ok(FrameContentSize::Known(size)) = read_frame_content_size(rest) {
            declared = declared.saturating_add(size);
        }
        if usize::try_from(declared).map_or(true, |declared| declared > limit) {
            return Err(Failure::TooLarge(Some(declared)));
        }
        most = most.saturating_add(frame_decompressed_bound(rest).map_err(walked)?);
        let len = find_frame_compressed_size(rest).map_err(walked)?;
        rest = rest.get(len..).filter(|_| len > 0).ok_or_else(|| Failure::corrupt("a frame is cut"))?;
    }
    Ok(usize::try_from(most).unwrap_or(usize::MAX))
}

fn walked(error: FrameSizeError) -> Failure {
    match error {
        FrameSizeError::Header(error) => Failure::corrupt(error),
        FrameSizeError::Truncated => Failure::corrupt("a frame is cut"),
        FrameSizeError::ReservedBlock => Failure::corrupt("a block has the reserved type"),
        FrameSizeError::OversizedBlock => Failure::corrupt("a block is larger than its frame allows"),
    }
}
