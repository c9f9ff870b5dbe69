use std::fmt::Write as _;

use bytes::Bytes;
use libtest_mimic::Failed;
use ottla_kafka_core::record::{BatchBuilder, Codec};
use ottla_tests::seed::Seed;

/// Kafka's default of `max.message.bytes`.
pub(crate) const MAX_MESSAGE_BYTES: usize = 1_048_588;

/// 4 MB of text that gzip and zstd make small enough for Kafka's default of `max.message.bytes`, and the other codecs too
/// large even for a topic with the room of a dead letter topic.
pub(crate) fn dense_text(seed: &mut Seed) -> Result<Bytes, Failed> {
    let mut text = String::with_capacity(4 << 20);
    while text.len() < 4_000_000 {
        let (high, low) = (seed.next_u64(), seed.next_u64() >> 32);
        writeln!(text, "{high:016x}{low:08x} is a line like all the others but for its number")?;
    }
    let text = Bytes::from(text);
    for codec in Codec::ALL {
        let size = batch_size(&text, codec)?;
        match codec {
            Codec::Gzip | Codec::Zstd => assert!(size < MAX_MESSAGE_BYTES, "{codec}: {size}"),
            _ => assert!(size > MAX_MESSAGE_BYTES + (64 << 10), "{codec}: {size}"),
        }
    }
    Ok(text)
}

/// The size in bytes of a batch of this value alone.
fn batch_size(value: &Bytes, codec: Codec) -> Result<usize, Failed> {
    let mut batch = BatchBuilder::new();
    batch.push(0, None, Some(value), &[]);
    Ok(batch.finish(None, codec.into())?.len())
}
