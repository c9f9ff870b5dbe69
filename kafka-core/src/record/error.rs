//! Why a batch or a record cannot be read.

use std::fmt;

use super::Codec;

/// A batch that cannot be read, and where the partition goes on behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordError {
    base_offset: i64,
    next_offset: Option<i64>,
    kind: RecordErrorKind,
}

/// What is wrong with a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecordErrorKind {
    /// Another format than magic 2: 0 and 1 are those from before Kafka 0.11.
    Magic(u8),
    /// The batch claims this length in bytes, which no batch has.
    Length(i32),
    /// The CRC-32C of the batch is not the one it carries.
    Checksum {
        /// What the batch carries.
        stored: u32,
        /// What its bytes have.
        computed: u32,
    },
    /// The batch's header contradicts itself or the batch.
    Header(&'static str),
    /// A record contradicts its batch's header, or itself.
    Record {
        /// Which record of the batch, from 0.
        index: i32,
        /// What is wrong.
        detail: &'static str,
    },
    /// A codec that Kafka does not have.
    UnknownCodec(u8),
    /// A codec this build cannot decompress: its feature is off.
    UnsupportedCodec(Codec),
    /// It decompresses to more than is allowed. Kafka: `max.decompressed.message.bytes`.
    TooLarge {
        /// How it is compressed.
        codec: Codec,
        /// How many bytes it says it decompresses to, if it does say.
        declared: Option<u64>,
        /// How many are allowed.
        limit: usize,
    },
    /// It does not decompress.
    Compressed {
        /// How it is said to be compressed.
        codec: Codec,
        /// What is wrong with it.
        detail: String,
    },
}

impl RecordError {
    pub(super) fn new(base_offset: i64, next_offset: Option<i64>, kind: RecordErrorKind) -> Self {
        Self { base_offset, next_offset, kind }
    }

    /// What is wrong.
    pub fn kind(&self) -> &RecordErrorKind {
        &self.kind
    }

    /// The first offset of the batch, as far as the batch can be believed.
    pub fn base_offset(&self) -> i64 {
        self.base_offset
    }

    /// The offset behind the batch, for skipping it; none if the batch's header cannot be believed.
    pub fn next_offset(&self) -> Option<i64> {
        self.next_offset
    }
}

impl fmt::Display for RecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the batch at offset {} ", self.base_offset)?;
        match &self.kind {
            RecordErrorKind::Magic(magic @ 0..=1) => write!(f, "has the message format {magic} from before Kafka 0.11"),
            RecordErrorKind::Magic(magic) => write!(f, "has an unknown format: magic {magic}"),
            RecordErrorKind::Length(length) => write!(f, "claims an impossible length of {length} bytes"),
            RecordErrorKind::Checksum { stored, computed } => {
                write!(f, "is corrupt: its CRC-32C is {computed:08x}, it carries {stored:08x}")
            }
            RecordErrorKind::Header(detail) => write!(f, "is malformed: {detail}"),
            RecordErrorKind::Record { index, detail } => write!(f, "is malformed in its record {index}: {detail}"),
            RecordErrorKind::UnknownCodec(id) => write!(f, "has an unknown compression codec {id}"),
            RecordErrorKind::UnsupportedCodec(codec) => {
                write!(f, "is compressed with {codec}, which is not in this build (feature `{codec}`)")
            }
            RecordErrorKind::TooLarge { codec, declared, limit } => {
                write!(f, "decompresses with {codec} to more than max.decompressed.message.bytes = {limit}")?;
                declared.map_or(Ok(()), |declared| write!(f, ": to {declared} bytes, it says"))
            }
            RecordErrorKind::Compressed { codec, detail } => write!(f, "does not decompress with {codec}: {detail}"),
        }?;
        self.next_offset.map_or(Ok(()), |next| write!(f, "; the next batch is at offset {next}"))
    }
}

impl std::error::Error for RecordError {}
