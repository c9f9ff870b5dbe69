use crate::record::{Codec, Compression, CompressionError, RecordErrorKind};

/// Why bytes do not decompress.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::record) enum Failure {
    /// The codec's feature is off.
    Unsupported,
    /// They are more than allowed; how many, if they say so.
    TooLarge(Option<u64>),
    /// They are not what the codec writes.
    Corrupt(String),
}

impl Failure {
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
    let codec = compression.codec();
    let failed = |detail: String| CompressionError::Failed { codec, detail };
    match codec {
        Codec::None => {
            out.extend_from_slice(input);
            Ok(())
        }
        #[cfg(feature = "gzip")]
        Codec::Gzip => super::gzip::compress(compression.level(), input, out).map_err(failed),
        #[cfg(feature = "snappy")]
        Codec::Snappy => super::snappy::compress(input, out).map_err(failed),
        #[cfg(feature = "lz4")]
        Codec::Lz4 => super::lz4::compress(input, out).map_err(failed),
        #[cfg(feature = "zstd")]
        Codec::Zstd => {
            super::zstd::compress(compression.level(), input, out);
            Ok(())
        }
        #[cfg(not(all(feature = "gzip", feature = "snappy", feature = "lz4", feature = "zstd")))]
        codec => Err(CompressionError::Unsupported(codec)),
    }
}

/// What `input` was before it was compressed, if that is at most `limit` bytes.
pub(in crate::record) fn decompress(codec: Codec, input: &[u8], limit: usize) -> Result<Vec<u8>, Failure> {
    if !codec.is_supported() {
        return Err(Failure::Unsupported);
    }
    match codec {
        Codec::None if input.len() > limit => Err(Failure::TooLarge(None)),
        Codec::None => Ok(input.to_vec()),
        #[cfg(feature = "gzip")]
        Codec::Gzip => super::gzip::decompress(input, limit),
        #[cfg(feature = "snappy")]
        Codec::Snappy => super::snappy::decompress(input, limit),
        #[cfg(feature = "lz4")]
        Codec::Lz4 => super::lz4::decompress(input, limit),
        #[cfg(feature = "zstd")]
        Codec::Zstd => super::zstd::decompress(input, limit),
        #[cfg(not(all(feature = "gzip", feature = "snappy", feature = "lz4", feature = "zstd")))]
        _ => Err(Failure::Unsupported),
    }
}
