use super::{gzip, lz4, snappy, zstd};
use crate::record::{Codec, Compression, CompressionError, RecordErrorKind};

/// Why bytes do not decompress.
#[derive(Debug, PartialEq, Eq)]
#[cfg_attr(
    any(
        all(feature = "gzip", feature = "lz4", feature = "snappy", feature = "zstd"),
        not(any(feature = "gzip", feature = "lz4", feature = "snappy", feature = "zstd"))
    ),
    expect(dead_code, reason = "Unsupported is for absent codecs, Corrupt for present ones")
)]
pub(in crate::record) enum Failure {
    /// The codec's feature is off.
    Unsupported,
    /// They are more than allowed; how many, if they say so.
    TooLarge(Option<u64>),
    /// They are not what the codec writes.
    Corrupt(String),
}

impl Failure {
    #[cfg(any(feature = "gzip", feature = "lz4", feature = "snappy", feature = "zstd"))]
    pub(super) fn corrupt(detail: impl ToString) -> Self {
        Self::Corrupt(detail.to_string())
    }

    /// What it means for the batch.
    pub(in crate::record) fn into_kind(self, codec: Codec, limit: usize) -> RecordErrorKind {
        match self {
            Self::Unsupported => RecordErrorKind::UnsupportedCodec(codec),
            Self::TooLarge(declared) => RecordErrorKind::TooLarge { codec, declared, limit },
            Self::Corrupt(detail) => RecordErrorKind::Compressed { codec, detail },
        }
    }
}

/// Appends `input`, compressed, to `out`.
pub(in crate::record) fn compress(
    compression: Compression,
    input: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), CompressionError> {
    compression.check()?;
    match compression.codec() {
        Codec::None => {
            out.extend_from_slice(input);
            Ok(())
        }
        Codec::Gzip => gzip::compress(compression, input, out),
        Codec::Snappy => snappy::compress(compression, input, out),
        Codec::Lz4 => lz4::compress(compression, input, out),
        Codec::Zstd => zstd::compress(compression, input, out),
    }
}

/// What `input` was before it was compressed, if that is at most `limit` bytes.
pub(in crate::record) fn decompress(codec: Codec, input: &[u8], limit: usize) -> Result<Vec<u8>, Failure> {
    match codec {
        Codec::None if input.len() > limit => Err(Failure::TooLarge(None)),
        Codec::None => Ok(input.to_vec()),
        Codec::Gzip => gzip::decompress(input, limit),
        Codec::Snappy => snappy::decompress(input, limit),
        Codec::Lz4 => lz4::decompress(input, limit),
        Codec::Zstd => zstd::decompress(input, limit),
    }
}
