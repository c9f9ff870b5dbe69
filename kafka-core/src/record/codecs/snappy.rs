//! Snappy, raw and in snappy-java's framing.
//!
//! Kafka's client writes the framing of snappy-java ("xerial"): a header, then blocks of at most 32 KiB, each with its
//! length in front. librdkafka and franz-go write one raw block. Everybody reads both.

use snap::raw::{Decoder, Encoder, decompress_len, max_compress_len};

use super::Failure;
use crate::record::{Compression, CompressionError};

/// snappy-java's magic, its version and the oldest version that can read it.
const HEADER: [u8; 16] = [0x82, b'S', b'N', b'A', b'P', b'P', b'Y', 0, 0, 0, 0, 1, 0, 0, 0, 1];
const MAGIC: &[u8] = &[0x82, b'S', b'N', b'A', b'P', b'P', b'Y', 0];
/// How much goes into a block, as in Kafka's client.
const BLOCK: usize = 32 << 10;
/// The densest element of a block is a copy: three bytes for 64.
const MAX_RATIO: usize = 22;

pub(super) fn compress(compression: Compression, input: &[u8], out: &mut Vec<u8>) -> Result<(), CompressionError> {
    let mut encoder = Encoder::new();
    let mut block = vec![0; max_compress_len(input.len().min(BLOCK))];
    out.reserve(input.len() / 2);
    out.extend_from_slice(&HEADER);
    for part in input.chunks(BLOCK) {
        let len = encoder.compress(part, &mut block).map_err(|error| compression.failed(error))?;
        out.extend_from_slice(&u32::try_from(len).map_err(|error| compression.failed(error))?.to_be_bytes());
        out.extend_from_slice(block.get(..len).unwrap_or_default());
    }
    Ok(())
}

pub(super) fn decompress(input: &[u8], limit: usize) -> Result<Vec<u8>, Failure> {
    let mut declared = 0_usize;
    for block in Blocks::of(input) {
        declared = declared.saturating_add(declared_len(block?)?);
    }
    if declared > limit {
        return Err(Failure::TooLarge(u64::try_from(declared).ok()));
    }
    let mut out = vec![0; declared];
    let mut rest = out.as_mut_slice();
    for block in Blocks::of(input) {
        let written = Decoder::new().decompress(block?, rest).map_err(Failure::corrupt)?;
        rest = rest.get_mut(written..).unwrap_or_default();
    }
    Ok(out)
}

/// How long a block says it was; more than it can hold is a lie that nothing is allocated for.
fn declared_len(block: &[u8]) -> Result<usize, Failure> {
    let len = decompress_len(block).map_err(Failure::corrupt)?;
    if len > block.len().saturating_mul(MAX_RATIO) {
        return Err(Failure::corrupt(format_args!("a block of {} bytes claims to hold {len}", block.len())));
    }
    Ok(len)
}

/// The raw blocks, in order; it ends after an error.
struct Blocks<'a> {
    rest: &'a [u8],
    framed: bool,
}

impl<'a> Blocks<'a> {
    fn of(input: &'a [u8]) -> Self {
        Self { rest: input, framed: input.starts_with(MAGIC) }
    }

    /// The next block and what is behind it, of which the latter is not looked at yet.
    fn split(rest: &'a [u8]) -> Result<(&'a [u8], &'a [u8]), Failure> {
        let (len, rest) = rest.split_first_chunk().ok_or_else(|| Failure::corrupt("it ends within a length"))?;
        let len = usize::try_from(u32::from_be_bytes(*len)).map_err(Failure::corrupt)?;
        rest.split_at_checked(len).ok_or_else(|| Failure::corrupt("a block is longer than the batch"))
    }
}

impl<'a> Iterator for Blocks<'a> {
    type Item = Result<&'a [u8], Failure>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut rest = std::mem::take(&mut self.rest);
        if !self.framed {
            return (!rest.is_empty()).then_some(Ok(rest));
        }
        // A writer that was flushed may have begun again with a header.
        while rest.starts_with(MAGIC) {
            let Some(behind) = rest.get(HEADER.len()..) else {
                return Some(Err(Failure::corrupt("it ends within its header")));
            };
            rest = behind;
        }
        if rest.is_empty() {
            return None;
        }
        Some(Self::split(rest).map(|(block, rest)| {
            self.rest = rest;
            block
        }))
    }
}
