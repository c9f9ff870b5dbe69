//! Which advisory locks a unit of work takes, so that units on one row run one after the other in all processes.

use crate::store::{Op, Unit};

/// Held while the schema changes.
pub(super) const SCHEMA: i64 = id("ottla", b"schema");
/// Shared by all units of work; one with too many keys has it alone instead of locking each.
pub(super) const ALL: i64 = id("ottla", b"all rows");

/// Locks that one unit takes at most: the server's table of locks is small.
const KEYS_MAX: usize = 256;

/// What a unit of work locks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Locks {
    /// These, in ascending order, so that no two units wait for each other.
    Keys(Vec<i64>),
    /// Everything.
    All,
}

impl Locks {
    pub(super) fn of(unit: &Unit) -> Self {
        let mut keys: Vec<i64> = unit
            .ops()
            .iter()
            .map(|op| match op {
                Op::Expect { table, key, .. } | Op::Put { table, key, .. } | Op::Delete { table, key, .. } => {
                    id(table, key)
                }
                // No table is called so.
                Op::Append { stream, .. } => id("ottla_streams", stream.as_bytes()),
            })
            .collect();
        keys.sort_unstable();
        keys.dedup();
        if keys.len() > KEYS_MAX { Self::All } else { Self::Keys(keys) }
    }
}

/// FNV-1a: every version of the program must take the same lock for the same row. Two rows with one lock only wait.
const fn id(table: &str, key: &[u8]) -> i64 {
    let hash = fnv(fnv(0xcbf2_9ce4_8422_2325, table.as_bytes()), b"\0");
    fnv(hash, key).cast_signed()
}

const fn fnv(mut hash: u64, bytes: &[u8]) -> u64 {
    let mut rest = bytes;
    while let Some((byte, after)) = rest.split_first() {
        hash = (hash ^ *byte as u64).wrapping_mul(0x0100_0000_01b3);
        rest = after;
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Expected;

    #[test]
    fn a_row_has_the_same_lock_in_every_version() {
        assert_eq!(fnv(0xcbf2_9ce4_8422_2325, b"foobar"), 0x8594_4171_f739_67e8, "FNV's own test vector");
        assert_eq!(id("orders", b"1"), id("orders", b"1"));
        assert_ne!(id("orders", b"1"), id("order", b"s1"));
        assert_ne!(SCHEMA, ALL);
    }

    #[test]
    fn each_key_is_locked_once_and_in_one_order() {
        let there =
            Unit::new().put("a", "1", "x").expect("b", "2", Expected::Absent).append("s", "x").put("a", "1", "y");
        let back = Unit::new().append("s", "y").delete("b", "2", Expected::Any).put("a", "1", "z");
        assert_eq!(Locks::of(&there), Locks::of(&back));
        assert!(matches!(Locks::of(&there), Locks::Keys(keys) if keys.len() == 3 && keys.is_sorted()));
    }

    #[test]
    fn a_unit_of_very_many_rows_locks_all() {
        let unit = |keys: usize| (0..keys).fold(Unit::new(), |unit, key| unit.put("a", key.to_string(), "x"));
        assert!(matches!(Locks::of(&unit(256)), Locks::Keys(keys) if keys.len() == 256));
        assert_eq!(Locks::of(&unit(257)), Locks::All);
    }
}
