//! Which partition a record goes to: by key exactly as Java does, else sticky (KIP-480, KIP-794).

use std::{collections::BTreeMap, sync::Arc};

use crate::env::Env;

/// The partition of a record with `key`, of `count` partitions. Kafka: `BuiltInPartitioner.partitionForKey`.
pub(super) fn by_key(key: &[u8], count: usize) -> i32 {
    let positive = i64::from(murmur2(key) & 0x7fff_ffff);
    let count = i64::try_from(count.max(1)).unwrap_or(i64::MAX);
    i32::try_from(positive % count).unwrap_or(0)
}

/// Java's `Utils.murmur2`: 32 bit, with a fixed seed.
fn murmur2(data: &[u8]) -> u32 {
    const M: u32 = 0x5bd1_e995;
    let length = u32::try_from(data.len()).unwrap_or(u32::MAX);
    let mut hash = 0x9747_b28c_u32 ^ length;
    let words = data.chunks_exact(4);
    let tail = words.remainder();
    for word in words {
        let word = word.try_into().map_or(0, u32::from_le_bytes).wrapping_mul(M);
        hash = hash.wrapping_mul(M) ^ (word ^ (word >> 24)).wrapping_mul(M);
    }
    if !tail.is_empty() {
        hash ^= tail.iter().rev().fold(0, |sum, byte| (sum << 8) | u32::from(*byte));
        hash = hash.wrapping_mul(M);
    }
    hash = (hash ^ (hash >> 13)).wrapping_mul(M);
    hash ^ (hash >> 15)
}

/// Where records without a key go: one partition until a batch is full of them, then another by chance.
#[derive(Debug, Default)]
pub(super) struct Sticky {
    topics: BTreeMap<Arc<str>, Stuck>,
}

#[derive(Debug)]
struct Stuck {
    partition: i32,
    bytes_left: usize,
}

impl Sticky {
    /// The partition for a record of `bytes`, of `count` partitions.
    pub(super) fn partition(
        &mut self,
        topic: &Arc<str>,
        count: usize,
        bytes: usize,
        batch_size: usize,
        env: &Env,
    ) -> i32 {
        let count = i32::try_from(count.max(1)).unwrap_or(i32::MAX);
        if let Some(stuck) = self.topics.get_mut(topic)
            && stuck.bytes_left >= bytes
            && stuck.partition < count
        {
            stuck.bytes_left = stuck.bytes_left.saturating_sub(bytes);
            return stuck.partition;
        }
        let partition = i32::try_from(env.random_u64() % u64::from(count.unsigned_abs())).unwrap_or(0);
        self.topics.insert(Arc::clone(topic), Stuck { partition, bytes_left: batch_size.saturating_sub(bytes) });
        partition
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_hash_as_in_java() {
        // Java's own `UtilsTest.testMurmur2`.
        for (key, hash) in [
            (&b"21"[..], -973_932_308),
            (b"foobar", -790_332_482),
            (b"a-little-bit-long-string", -985_981_536),
            (b"a-little-bit-longer-string", -1_486_304_829),
            (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            (b"abc", 479_470_107),
        ] {
            assert_eq!(murmur2(key).cast_signed(), hash, "{}", key.escape_ascii());
        }
    }

    #[test]
    fn records_without_a_key_stick_until_a_batch_is_full() {
        let (mut sticky, env, topic) = (Sticky::default(), Env::system(), Arc::from("orders"));
        let mut chosen: Vec<i32> = (0..4000).map(|_| sticky.partition(&topic, 8, 100, 1000, &env)).collect();
        for run in chosen.chunks(10) {
            assert!(run.iter().all(|partition| *partition == run[0]), "{run:?}");
        }
        chosen.sort_unstable();
        chosen.dedup();
        assert_eq!(chosen, [0, 1, 2, 3, 4, 5, 6, 7]);
    }
}
