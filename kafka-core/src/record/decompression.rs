//! How far a batch may grow when it is read.

/// The limits of decompressing one batch. Kafka: `max.decompressed.message.bytes`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decompression {
    max_bytes: usize,
}

impl Decompression {
    /// What a batch may decompress to if nothing else is said: 64 MiB.
    pub const DEFAULT_MAX_BYTES: usize = 64 << 20;

    /// Batches that decompress to more than this many bytes are refused. Uncompressed batches have no limit but their
    /// length.
    pub const fn up_to(max_bytes: usize) -> Self {
        Self { max_bytes }
    }

    /// The most bytes a batch may decompress to.
    pub const fn max_bytes(self) -> usize {
        self.max_bytes
    }
}

impl Default for Decompression {
    fn default() -> Self {
        Self::up_to(Self::DEFAULT_MAX_BYTES)
    }
}
