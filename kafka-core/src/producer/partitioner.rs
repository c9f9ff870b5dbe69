//! Which partition a record goes to: by key exactly as Java does, else sticky and adaptive ([KIP-480], [KIP-794]).
//!
//! [KIP-480]: https://cwiki.apache.org/confluence/display/KAFKA/KIP-480
//! [KIP-794]: https://cwiki.apache.org/confluence/display/KAFKA/KIP-794

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

/// Where a topic's records without a key go: to one partition until it has had a batch of them, then to another.
#[derive(Debug, Default)]
pub(super) struct Sticky {
    partition: Option<usize>,
    /// What the partition has had since it was chosen.
    bytes: usize,
}

impl Sticky {
    /// The partition that records stick to.
    pub(super) fn current(&self) -> Option<usize> {
        self.partition
    }

    /// Whether the next record, of `bytes`, goes elsewhere. A batch that has room for it is filled first, so that
    /// none is left behind half full, but not for ever where lingering empties it again and again.
    pub(super) fn is_over(&self, bytes: usize, batch_size: usize, has_room: bool) -> bool {
        let total = self.bytes.saturating_add(bytes);
        let limit = if has_room { batch_size.saturating_mul(2) } else { batch_size };
        self.partition.is_none() || self.bytes > 0 && total > limit
    }

    /// Sticks to `partition` from now on.
    pub(super) fn switch(&mut self, partition: usize) {
        *self = Self { partition: Some(partition), bytes: 0 };
    }

    /// Counts a record that went to the current partition.
    pub(super) fn count(&mut self, bytes: usize) {
        self.bytes = self.bytes.saturating_add(bytes);
    }
}

/// One of the partitions by chance: the fewer batches wait for it, the likelier (KIP-794). `waiting` is by partition,
/// `None` where there is no leader; if there is none at all, each is as likely.
pub(super) fn adaptive(waiting: &[Option<usize>], random: u64) -> usize {
    let longest = waiting.iter().flatten().max().copied();
    let weight = |waits: Option<usize>| match (longest, waits) {
        (Some(longest), Some(waits)) => u64::try_from(longest.saturating_sub(waits)).unwrap_or(0).saturating_add(1),
        (Some(_), None) => 0,
        (None, _) => 1,
    };
    let total = waiting.iter().fold(0_u64, |sum, waits| sum.saturating_add(weight(*waits)));
    let mut left = random % total.max(1);
    for (partition, waits) in waiting.iter().enumerate() {
        let weight = weight(*waits);
        if left < weight {
            return partition;
        }
        left = left.saturating_sub(weight);
    }
    0
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
    fn keys_go_to_the_partitions_that_java_chooses() {
        // `Utils.toPositive(Utils.murmur2(key)) % count` of kafka-clients 4.3.1; the hashes of half of them are negative.
        for (key, of_3, of_50, of_1000) in [
            (&b""[..], 0, 31, 681),
            (b"a", 1, 24, 524),
            (b"key-1", 0, 40, 640),
            (b"order-42", 0, 24, 24),
            (b"\x00", 2, 38, 588),
            (b"\xff", 0, 13, 963),
            (b"\x80\x81\xfe", 0, 47, 47),
            (b"\0\0\0\0\0", 2, 9, 959),
            ("\u{e9}\u{4e2d}".as_bytes(), 1, 24, 724),
            (b"\xff\xfe\xfd\xfc\xfb\xfa\xf9", 0, 1, 301),
        ] {
            let chosen = [3, 50, 1000].map(|count| by_key(key, count));
            assert_eq!(chosen, [of_3, of_50, of_1000], "{}", key.escape_ascii());
        }
    }

    #[test]
    fn a_batch_is_filled_before_the_next_partition_and_lingering_does_not_stick_for_ever() {
        let mut sticky = Sticky::default();
        for (bytes, has_room, over) in [
            (0, false, true),
            (900, true, false),
            (900, false, false),
            (950, true, false),
            (950, false, true),
            (1950, true, true),
        ] {
            if bytes > 0 {
                sticky.switch(2);
                sticky.count(bytes);
            }
            assert_eq!(sticky.is_over(100, 1000, has_room), over, "{bytes} bytes before, room: {has_room}");
        }
    }

    #[test]
    fn a_record_larger_than_a_batch_has_a_partition_too() {
        let mut sticky = Sticky::default();
        sticky.switch(1);
        assert!(!sticky.is_over(5_000, 1_000, false));
        sticky.count(5_000);
        assert!(sticky.is_over(1, 1_000, false));
    }

    #[test]
    fn partitions_with_fewer_waiting_batches_are_chosen_more_often_and_those_without_a_leader_never() {
        for (waiting, weights) in [
            (&[Some(0), Some(0), Some(0)][..], &[1, 1, 1][..]),
            (&[Some(0), Some(3), Some(1)], &[4, 1, 3]),
            (&[Some(2), None, Some(0)], &[1, 0, 3]),
            (&[None, None], &[1, 1]),
            (&[Some(7)], &[1]),
        ] {
            let total: u64 = weights.iter().sum();
            let mut chosen = vec![0; waiting.len()];
            (0..total).for_each(|random| chosen[adaptive(waiting, random)] += 1);
            assert_eq!(chosen, weights, "{waiting:?}");
        }
    }
}
