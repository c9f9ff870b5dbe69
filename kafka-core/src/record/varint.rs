//! Varints with zigzag encoding, as records write their numbers and lengths.

/// The most bytes a 64-bit varint has.
pub(super) const MAX_LEN: usize = 10;

pub(super) fn zigzag(value: i64) -> u64 {
    (value.cast_unsigned() << 1) ^ (value >> 63).cast_unsigned()
}

fn unzigzag(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ (value & 1).cast_signed().wrapping_neg()
}

/// How many bytes [`put`] writes.
#[inline]
pub(super) fn len(value: i64) -> usize {
    // Seven bits a byte: 9/64 is the smallest fraction above 1/7 that is a shift.
    let bits = 64_u32.saturating_sub((zigzag(value) | 1).leading_zeros());
    usize::try_from(bits.saturating_mul(9).saturating_add(64) / 64).unwrap_or(MAX_LEN)
}

#[inline]
pub(super) fn put(out: &mut Vec<u8>, value: i64) {
    let mut rest = zigzag(value);
    while rest >= 0x80 {
        out.push(rest.to_le_bytes()[0] | 0x80);
        rest >>= 7;
    }
    out.push(rest.to_le_bytes()[0]);
}

/// Reads a varint; `None` if it does not end, or is longer than any.
#[inline]
pub(super) fn get(from: &mut &[u8]) -> Option<i64> {
    let (first, rest) = from.split_first()?;
    if *first < 0x80 {
        *from = rest;
        return Some(unzigzag(u64::from(*first)));
    }
    get_long(from)
}

fn get_long(from: &mut &[u8]) -> Option<i64> {
    let mut value = 0_u64;
    let mut shift = 0_u32;
    let mut rest = *from;
    while shift < 64 {
        let (byte, behind) = rest.split_first()?;
        rest = behind;
        value |= u64::from(byte & 0x7f).unbounded_shl(shift);
        if *byte < 0x80 {
            *from = rest;
            return Some(unzigzag(value));
        }
        shift = shift.saturating_add(7);
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_put_is_got(value: i64, shift in 0..64_u32) {
            let value = value >> shift;
            let mut out = Vec::new();
            put(&mut out, value);
            prop_assert_eq!(out.len(), len(value));
            let mut rest = out.as_slice();
            prop_assert_eq!(get(&mut rest), Some(value));
            prop_assert!(rest.is_empty());
        }
    }

    #[test]
    fn a_varint_without_end_is_none() {
        for bytes in [&[][..], &[0x80], &[0xff; 9], &[0xff; 20]] {
            let mut rest = bytes;
            assert_eq!(get(&mut rest), None);
        }
    }

    #[test]
    fn zigzag_is_protobufs() {
        for (value, encoded) in [(0, 0), (-1, 1), (1, 2), (i64::MAX, u64::MAX - 1), (i64::MIN, u64::MAX)] {
            assert_eq!(zigzag(value), encoded);
            assert_eq!(unzigzag(encoded), value);
        }
    }
}
