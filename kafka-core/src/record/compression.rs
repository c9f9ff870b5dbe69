//! How a batch is compressed.

use std::{fmt, ops::RangeInclusive};

use super::Codec;

/// How batches are compressed: a codec and its level. Kafka: `compression.type`, `compression.<codec>.level`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compression {
    codec: Codec,
    level: Option<i32>,
}

impl Compression {
    /// Not compressed.
    pub const NONE: Self = Self { codec: Codec::None, level: None };

    /// A codec at its default level: 6 for gzip, 3 for zstd.
    pub const fn new(codec: Codec) -> Self {
        Self { codec, level: None }
    }

    /// gzip at a level from 1 to 9. Kafka: `compression.gzip.level`.
    pub const fn gzip(level: i32) -> Self {
        Self::new(Codec::Gzip).with_level(level)
    }

    /// Zstandard at a level from −131072 to 22. Kafka: `compression.zstd.level`.
    pub const fn zstd(level: i32) -> Self {
        Self::new(Codec::Zstd).with_level(level)
    }

    /// The same codec at this level; lz4 and snappy have only one here.
    #[must_use]
    pub const fn with_level(self, level: i32) -> Self {
        Self { level: Some(level), ..self }
    }

    /// The codec.
    pub const fn codec(self) -> Codec {
        self.codec
    }

    /// The level, if one was chosen.
    pub const fn level(self) -> Option<i32> {
        self.level
    }

    /// Whether this build can compress so.
    ///
    /// # Errors
    /// The codec's feature is off, or it does not have the level.
    pub fn check(self) -> Result<(), CompressionError> {
        if !self.codec.is_supported() {
            return Err(CompressionError::Unsupported(self.codec));
        }
        let levels = match self.codec {
            Codec::Gzip => Some(1..=9),
            Codec::Zstd => Some(-131_072..=22),
            Codec::None | Codec::Snappy | Codec::Lz4 => None,
        };
        match self.level {
            Some(level) if !levels.as_ref().is_some_and(|levels| levels.contains(&level)) => {
                Err(CompressionError::Level { codec: self.codec, level, levels })
            }
            _ => Ok(()),
        }
    }

    /// What the codec said when it gave up.
    #[cfg(any(feature = "gzip", feature = "lz4", feature = "snappy"))]
    pub(super) fn failed(self, error: impl ToString) -> CompressionError {
        CompressionError::Failed { codec: self.codec, detail: error.to_string() }
    }
}

impl Default for Compression {
    fn default() -> Self {
        Self::NONE
    }
}

impl From<Codec> for Compression {
    fn from(codec: Codec) -> Self {
        Self::new(codec)
    }
}

/// Why a batch cannot be compressed as asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CompressionError {
    /// This build is without the codec's feature.
    Unsupported(Codec),
    /// The codec has no such level.
    Level {
        /// The codec.
        codec: Codec,
        /// The level that was asked for.
        level: i32,
        /// The levels it has, if it has any.
        levels: Option<RangeInclusive<i32>>,
    },
    /// The batch is longer than the 2 GiB that Kafka's format can say.
    TooLong {
        /// Its length in bytes.
        len: usize,
    },
    /// The codec gave up, which none is known to do.
    Failed {
        /// The codec.
        codec: Codec,
        /// What it said.
        detail: String,
    },
}

impl fmt::Display for CompressionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsupported(codec) => {
                write!(f, "{codec} is not in this build: turn on the feature `{codec}` of ottla-kafka-core")
            }
            Self::Level { codec, level, levels: Some(levels) } => {
                write!(f, "compression.{codec}.level {level} is not between {} and {}", levels.start(), levels.end())
            }
            Self::Level { codec, level, levels: None } => {
                write!(f, "compression.{codec}.level {level} is given, but {codec} has no levels here")
            }
            Self::TooLong { len } => write!(f, "a batch of {len} bytes is longer than Kafka's format can say"),
            Self::Failed { codec, detail } => write!(f, "{codec} cannot compress a batch: {detail}"),
        }
    }
}

impl std::error::Error for CompressionError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_is_checked_against_its_codec() {
        for fine in [Compression::NONE, Compression::new(Codec::None)] {
            assert_eq!(fine.check(), Ok(()));
        }
        #[cfg(feature = "zstd")]
        for level in [-131_072, -1, 0, 1, 3, 22] {
            assert_eq!(Compression::zstd(level).check(), Ok(()));
        }
        let wrong = |compression: Compression, text: &str| {
            if compression.codec().is_supported() {
                assert_eq!(compression.check().expect_err("no such level").to_string(), text);
            }
        };
        wrong(Compression::gzip(0), "compression.gzip.level 0 is not between 1 and 9");
        wrong(Compression::zstd(23), "compression.zstd.level 23 is not between -131072 and 22");
        let lz4 = Compression::new(Codec::Lz4).with_level(9);
        wrong(lz4, "compression.lz4.level 9 is given, but lz4 has no levels here");
    }

    #[test]
    fn a_codec_whose_feature_is_off_is_refused_by_name() {
        for codec in Codec::ALL {
            let refused = (!codec.is_supported()).then_some(CompressionError::Unsupported(codec));
            assert_eq!(Compression::new(codec).check().err(), refused);
        }
        let text = CompressionError::Unsupported(Codec::Zstd).to_string();
        assert_eq!(text, "zstd is not in this build: turn on the feature `zstd` of ottla-kafka-core");
    }
}
