//! Kafka's plain (not flexible) types, read from bytes that claim anything.

use std::fmt;

use bytes::{BufMut, Bytes};

/// Bytes of another member that are not what the protocol says: how that shows. Who reads them says what they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed(&'static str);

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// What is left to read.
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], Malformed> {
        let (head, tail) = self.0.split_at_checked(count).ok_or(Malformed("it ends early"))?;
        self.0 = tail;
        Ok(head)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (head, tail) = self.0.split_first_chunk::<N>().ok_or(Malformed("it ends early"))?;
        self.0 = tail;
        Ok(*head)
    }

    pub(super) fn i16(&mut self) -> Result<i16, Malformed> {
        self.array().map(i16::from_be_bytes)
    }

    pub(super) fn i32(&mut self) -> Result<i32, Malformed> {
        self.array().map(i32::from_be_bytes)
    }

    pub(super) fn nullable_string(&mut self) -> Result<Option<String>, Malformed> {
        let Ok(length) = usize::try_from(self.i16()?) else { return Ok(None) };
        let text = std::str::from_utf8(self.take(length)?).map_err(|_| Malformed("a name is not UTF-8"))?;
        Ok(Some(text.to_owned()))
    }

    pub(super) fn string(&mut self) -> Result<String, Malformed> {
        self.nullable_string()?.ok_or(Malformed("a name is null"))
    }

    pub(super) fn nullable_bytes(&mut self) -> Result<Option<Bytes>, Malformed> {
        let Ok(length) = usize::try_from(self.i32()?) else { return Ok(None) };
        Ok(Some(Bytes::copy_from_slice(self.take(length)?)))
    }

    /// An array whose elements take `size_min` bytes at least: the count is believed only if they can be there.
    pub(super) fn list<T>(
        &mut self,
        size_min: usize,
        mut read: impl FnMut(&mut Self) -> Result<T, Malformed>,
    ) -> Result<Vec<T>, Malformed> {
        let count = usize::try_from(self.i32()?).map_err(|_| Malformed("an array is null"))?;
        if count > self.0.len() / size_min {
            return Err(Malformed("an array claims more than there is"));
        }
        (0..count).map(|_| read(self)).collect()
    }

    /// Topics with their partitions.
    pub(super) fn topics(&mut self) -> Result<Vec<(String, Vec<i32>)>, Malformed> {
        self.list(6, |r| Ok((r.string()?, r.list(4, Reader::i32)?)))
    }
}

// What is written is ours: names come from Kafka, which bounds them to 249 bytes, so the lengths fit. If one does
// not, it is cut to what fits rather than written with a length that lies.

pub(super) fn put_string(out: &mut Vec<u8>, text: &str) {
    let length = i16::try_from(text.len()).unwrap_or(i16::MAX);
    out.put_i16(length);
    out.extend(text.bytes().take(usize::from(length.unsigned_abs())));
}

pub(super) fn put_nullable_bytes(out: &mut Vec<u8>, bytes: Option<&Bytes>) {
    match bytes {
        None => out.put_i32(-1),
        Some(bytes) => put_list(out, bytes.iter(), |out, byte| out.put_u8(*byte)),
    }
}

pub(super) fn put_list<T>(
    out: &mut Vec<u8>,
    items: impl ExactSizeIterator<Item = T>,
    mut put: impl FnMut(&mut Vec<u8>, T),
) {
    let count = i32::try_from(items.len()).unwrap_or(i32::MAX);
    out.put_i32(count);
    for (item, _) in items.zip(0..count) {
        put(out, item);
    }
}

pub(super) fn put_topics(out: &mut Vec<u8>, topics: &[(String, Vec<i32>)]) {
    put_list(out, topics.iter(), |out, (topic, partitions)| {
        put_string(out, topic);
        put_list(out, partitions.iter(), |out, partition| out.put_i32(*partition));
    });
}
