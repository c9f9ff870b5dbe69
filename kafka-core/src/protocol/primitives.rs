//! The protocol's primitive types, for the messages that are encoded and decoded by hand.
//!
//! Kafka's protocol guide, "Protocol Primitive Types"; flexible versions with compact types and tagged fields: [KIP-482].
//!
//! [KIP-482]: https://cwiki.apache.org/confluence/display/KAFKA/KIP-482

use bytes::Bytes;
use uuid::Uuid;

use super::CodecError;

/// Reads a body from its start to its end; every length is checked against what is left.
pub(super) struct Reader<'a> {
    /// What byte fields share memory with.
    body: &'a Bytes,
    rest: &'a [u8],
    flexible: bool,
}

impl<'a> Reader<'a> {
    pub(super) fn new(body: &'a Bytes, flexible: bool) -> Self {
        Self { body, rest: body, flexible }
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8], CodecError> {
        let (taken, rest) = self.rest.split_at_checked(len).ok_or(CodecError::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], CodecError> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or(CodecError::Truncated)?;
        self.rest = rest;
        Ok(*taken)
    }

    pub(super) fn i16(&mut self) -> Result<i16, CodecError> {
        self.array().map(i16::from_be_bytes)
    }

    pub(super) fn i32(&mut self) -> Result<i32, CodecError> {
        self.array().map(i32::from_be_bytes)
    }

    pub(super) fn i64(&mut self) -> Result<i64, CodecError> {
        self.array().map(i64::from_be_bytes)
    }

    pub(super) fn uuid(&mut self) -> Result<Uuid, CodecError> {
        self.array().map(Uuid::from_bytes)
    }

    fn unsigned_varint(&mut self) -> Result<u32, CodecError> {
        let mut value = 0_u32;
        for index in 0..5_u32 {
            let [byte] = self.array()?;
            value |= u32::from(byte & 0x7f).unbounded_shl(index.saturating_mul(7));
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(CodecError::Decode("a varint is longer than five bytes".to_owned()))
    }

    /// A compact length: one more than it says, and 0 is null.
    fn compact_len(&mut self) -> Result<Option<usize>, CodecError> {
        let len = self.unsigned_varint()?.checked_sub(1);
        len.map(|len| usize::try_from(len).map_err(|_| CodecError::Truncated)).transpose()
    }

    /// A length that is -1 for null.
    fn plain_len(len: impl Into<i64>) -> Result<Option<usize>, CodecError> {
        match len.into() {
            -1 => Ok(None),
            len => match usize::try_from(len) {
                Ok(len) => Ok(Some(len)),
                Err(_) => Err(CodecError::Decode(format!("a length is {len}"))),
            },
        }
    }

    /// How many elements an array has, none if it is null. Each has at least `least` bytes, or they would not fit.
    pub(super) fn count(&mut self, least: usize) -> Result<usize, CodecError> {
        let count = if self.flexible { self.compact_len()? } else { Self::plain_len(self.i32()?)? };
        let count = count.unwrap_or(0);
        if count.saturating_mul(least) > self.rest.len() { Err(CodecError::Truncated) } else { Ok(count) }
    }

    /// An array whose elements have at least `least` bytes each.
    pub(super) fn elements<T>(
        &mut self,
        least: usize,
        mut element: impl FnMut(&mut Self) -> Result<T, CodecError>,
    ) -> Result<Vec<T>, CodecError> {
        (0..self.count(least)?).map(|_| element(self)).collect()
    }

    pub(super) fn nullable_string(&mut self) -> Result<Option<String>, CodecError> {
        let len = if self.flexible { self.compact_len()? } else { Self::plain_len(self.i16()?)? };
        let Some(len) = len else {
            return Ok(None);
        };
        let text = std::str::from_utf8(self.take(len)?).map_err(|error| CodecError::Decode(error.to_string()))?;
        Ok(Some(text.to_owned()))
    }

    pub(super) fn string(&mut self) -> Result<String, CodecError> {
        self.nullable_string()?.ok_or_else(|| CodecError::Decode("a string is null".to_owned()))
    }

    /// Bytes that share the body's memory; none if they are null.
    pub(super) fn bytes(&mut self) -> Result<Bytes, CodecError> {
        let len = if self.flexible { self.compact_len()? } else { Self::plain_len(self.i32()?)? };
        let part = self.take(len.unwrap_or(0))?;
        Ok(self.body.slice_ref(part))
    }

    /// The tagged fields at a structure's end, each with a reader of its bytes alone; those not read are skipped.
    pub(super) fn tags(
        &mut self,
        mut field: impl FnMut(u32, &mut Self) -> Result<(), CodecError>,
    ) -> Result<(), CodecError> {
        if !self.flexible {
            return Ok(());
        }
        for _ in 0..self.unsigned_varint()? {
            let tag = self.unsigned_varint()?;
            let len = usize::try_from(self.unsigned_varint()?).map_err(|_| CodecError::Truncated)?;
            let mut reader = Self { body: self.body, rest: self.take(len)?, flexible: true };
            field(tag, &mut reader)?;
        }
        Ok(())
    }

    /// Tagged fields none of which is known.
    pub(super) fn skip_tags(&mut self) -> Result<(), CodecError> {
        self.tags(|_, _| Ok(()))
    }

    /// The body has to end here.
    pub(super) fn end(self) -> Result<(), CodecError> {
        match self.rest.len() {
            0 => Ok(()),
            bytes => Err(CodecError::LeftOver(bytes)),
        }
    }
}

/// Appends a body.
pub(super) struct Writer<'a> {
    out: &'a mut Vec<u8>,
    flexible: bool,
}

impl<'a> Writer<'a> {
    pub(super) fn new(out: &'a mut Vec<u8>, flexible: bool) -> Self {
        Self { out, flexible }
    }

    pub(super) fn i8(&mut self, value: i8) {
        self.out.extend_from_slice(&value.to_be_bytes());
    }

    pub(super) fn i16(&mut self, value: i16) {
        self.out.extend_from_slice(&value.to_be_bytes());
    }

    pub(super) fn i32(&mut self, value: i32) {
        self.out.extend_from_slice(&value.to_be_bytes());
    }

    pub(super) fn i64(&mut self, value: i64) {
        self.out.extend_from_slice(&value.to_be_bytes());
    }

    pub(super) fn uuid(&mut self, value: Uuid) {
        self.out.extend_from_slice(value.as_bytes());
    }

    fn unsigned_varint(&mut self, mut value: u32) {
        while value >= 0x80 {
            self.out.push(value.to_le_bytes()[0] | 0x80);
            value >>= 7;
        }
        self.out.push(value.to_le_bytes()[0]);
    }

    fn compact_len(&mut self, len: usize) -> Result<(), CodecError> {
        let len = u32::try_from(len).ok().and_then(|len| len.checked_add(1)).ok_or_else(|| too_long(len))?;
        self.unsigned_varint(len);
        Ok(())
    }

    /// How many elements follow.
    pub(super) fn count(&mut self, count: usize) -> Result<(), CodecError> {
        if self.flexible {
            return self.compact_len(count);
        }
        self.i32(i32::try_from(count).map_err(|_| too_long(count))?);
        Ok(())
    }

    pub(super) fn string(&mut self, text: &str) -> Result<(), CodecError> {
        if self.flexible {
            self.compact_len(text.len())?;
        } else {
            self.i16(i16::try_from(text.len()).map_err(|_| too_long(text.len()))?);
        }
        self.out.extend_from_slice(text.as_bytes());
        Ok(())
    }

    pub(super) fn null_string(&mut self) {
        if self.flexible {
            self.unsigned_varint(0);
        } else {
            self.i16(-1);
        }
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) -> Result<(), CodecError> {
        // An array's count and the length of bytes are written alike.
        self.count(bytes.len())?;
        self.out.extend_from_slice(bytes);
        Ok(())
    }

    /// The end of a structure without tagged fields.
    pub(super) fn no_tags(&mut self) {
        if self.flexible {
            self.unsigned_varint(0);
        }
    }
}

fn too_long(len: usize) -> CodecError {
    CodecError::Encode(format!("a length of {len} has no place in this version"))
}
