//! What every contender sends, and the sum by which it shows that it has read every byte.

use bytes::Bytes;

use crate::arguments::Arguments;

/// Values of one size out of a file; record `i` has number `i` of them, over and over.
pub(crate) struct Pool {
    data: Bytes,
    size: usize,
    values: u64,
}

impl Pool {
    /// Reads `--pool FILE`, in values of `--size` bytes.
    ///
    /// # Errors
    /// There is no such file, or not one value in it.
    pub(crate) fn load(arguments: &Arguments) -> Result<Self, String> {
        let size: usize = arguments.number("size", 1024)?;
        let path = arguments.option("pool").ok_or("--pool FILE is missing")?;
        let data = Bytes::from(std::fs::read(path).map_err(|error| format!("{path}: {error}"))?);
        let values = (data.len().checked_div(size).unwrap_or(0)) as u64;
        if values == 0 {
            return Err(format!("{path} has not one value of {size} bytes"));
        }
        Ok(Self { data, size, values })
    }

    /// The size of a value in bytes.
    pub(crate) fn size(&self) -> usize {
        self.size
    }

    /// Record `i`'s value, shared.
    pub(crate) fn value(&self, i: u64) -> Bytes {
        let start = (i % self.values) as usize * self.size;
        self.data.slice(start..start + self.size)
    }
}

/// Record `i`'s key: `user-` and eleven digits of `(i · 2654435761) mod 1000003`.
pub(crate) fn key(i: u64) -> [u8; 16] {
    let mut key = *b"user-00000000000";
    let mut number = i.wrapping_mul(2_654_435_761) % 1_000_003;
    for digit in key.iter_mut().rev().take(11) {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
    key
}

/// The wrapping sum of the little-endian words of `bytes`, the last one filled up with zeros.
pub(crate) fn fold(bytes: &[u8]) -> u64 {
    let (words, tail) = bytes.as_chunks::<8>();
    let sum = words.iter().fold(0_u64, |sum, word| sum.wrapping_add(u64::from_le_bytes(*word)));
    let mut last = [0; 8];
    for (to, from) in last.iter_mut().zip(tail) {
        *to = *from;
    }
    sum.wrapping_add(u64::from_le_bytes(last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_sums_are_the_contracts() {
        assert_eq!(&key(0), b"user-00000000000");
        assert_eq!(&key(1), format!("user-{:011}", 2_654_435_761_u64 % 1_000_003).as_bytes());
        assert_eq!(fold(&[1, 0, 0, 0, 0, 0, 0, 0, 2, 1]), 1 + 0x0102);
    }
}
