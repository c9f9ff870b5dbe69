//! How a batch's records are compressed.

use std::{fmt, str::FromStr};

/// A compression codec of Kafka. Kafka: `compression.type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Codec {
    /// Not compressed.
    None,
    /// gzip.
    Gzip,
    /// Snappy: written in the framing of snappy-java, as Kafka's own client does, read in both.
    Snappy,
    /// LZ4 frames.
    Lz4,
    /// Zstandard.
    Zstd,
}

impl Codec {
    /// All there are, in the order of their numbers in a batch's attributes.
    pub const ALL: [Self; 5] = [Self::None, Self::Gzip, Self::Snappy, Self::Lz4, Self::Zstd];

    /// Kafka's name, as in `compression.type`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Snappy => "snappy",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        }
    }

    /// Whether this build has the codec; each but `none` is a feature of this crate.
    pub const fn is_supported(self) -> bool {
        match self {
            Self::None => true,
            Self::Gzip => cfg!(feature = "gzip"),
            Self::Snappy => cfg!(feature = "snappy"),
            Self::Lz4 => cfg!(feature = "lz4"),
            Self::Zstd => cfg!(feature = "zstd"),
        }
    }

    /// The codec that a batch's attributes name in their lowest three bits.
    pub(super) fn from_attributes(attributes: i16) -> Result<Self, u8> {
        match attributes.to_be_bytes()[1] & 0b111 {
            0 => Ok(Self::None),
            1 => Ok(Self::Gzip),
            2 => Ok(Self::Snappy),
            3 => Ok(Self::Lz4),
            4 => Ok(Self::Zstd),
            id => Err(id),
        }
    }

    /// What a batch's attributes call the codec.
    pub(super) const fn attributes(self) -> i16 {
        match self {
            Self::None => 0,
            Self::Gzip => 1,
            Self::Snappy => 2,
            Self::Lz4 => 3,
            Self::Zstd => 4,
        }
    }
}

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Codec {
    type Err = ParseCodecError;

    /// Reads Kafka's name of a codec.
    fn from_str(name: &str) -> Result<Self, ParseCodecError> {
        Self::ALL.into_iter().find(|codec| codec.name() == name).ok_or_else(|| ParseCodecError(name.to_owned()))
    }
}

/// A name that no codec has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseCodecError(String);

impl fmt::Display for ParseCodecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is no compression codec: it is one of none, gzip, snappy, lz4, zstd", self.0)
    }
}

impl std::error::Error for ParseCodecError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_codec_is_found_by_its_name_and_its_number() {
        for codec in Codec::ALL {
            assert_eq!(codec.name().parse(), Ok(codec));
            assert_eq!(Codec::from_attributes(codec.attributes()), Ok(codec));
        }
        let error = "brotli".parse::<Codec>().expect_err("no codec").to_string();
        assert_eq!(error, "\"brotli\" is no compression codec: it is one of none, gzip, snappy, lz4, zstd");
    }
}
