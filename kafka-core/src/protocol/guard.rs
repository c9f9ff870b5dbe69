//! Decoding of kafka-protocol's messages that survives lengths which lie.
//!
//! kafka-protocol allocates the element count an array claims before it reads one element, so an answer of 2 kB can
//! abort the process. Its decoders are generic over the buffer, though; this buffer refuses such claims:
//! - flexible versions ([KIP-482]) write counts and lengths as varints, read byte by byte, which nothing else of more
//!   than one byte is: the first byte of each is the moment to check the claim against what is left.
//! - older versions write a count as an int32 like any other. A first pass over the message answers every int32
//!   with at most the number of elements that could follow, plus one: a count that lies then runs out of bytes. Only
//!   a message that survives this is decoded for real.
//!
//! What remains is the memory of one element, some hundred bytes, for each byte of the message: hence [`MAX_MESSAGE`].
//!
//! [KIP-482]: https://cwiki.apache.org/confluence/display/KAFKA/KIP-482

use std::ops::Range;

use bytes::{Buf, Bytes, TryGetError};
use kafka_protocol::protocol::{
    Decodable,
    buf::{ByteBuf, NotEnoughBytesError},
};

use super::CodecError;

/// The longest message that is decoded, in bytes: 16 MiB, room for the metadata of some 200,000 partitions. Fetch and
/// Produce answers, which may be longer, have their own decoders.
pub const MAX_MESSAGE: usize = 16 * 1024 * 1024;

/// The largest value of a one-byte varint: as a count it costs next to nothing, and so it needs no check.
const SMALL: u64 = 0x7f;

/// Decodes a whole body. `flexible` says whether this version has tagged fields.
///
/// # Errors
/// If `body` is not exactly one message, or longer than [`MAX_MESSAGE`].
pub fn decode<T: Decodable>(body: Bytes, version: i16, flexible: bool) -> Result<T, CodecError> {
    match decode_first(body, version, flexible)? {
        (message, 0) => Ok(message),
        (_, bytes) => Err(CodecError::LeftOver(bytes)),
    }
}

/// Decodes a request as Kafka's brokers do, which ignore what follows it: librdkafka 2 asks for the metadata of all
/// topics with three bytes too many.
///
/// # Errors
/// If `body` does not begin with a message, or is longer than [`MAX_MESSAGE`].
pub fn decode_request<T: Decodable>(body: Bytes, version: i16, flexible: bool) -> Result<T, CodecError> {
    decode_first(body, version, flexible).map(|(message, _)| message)
}

/// The message at the beginning of `body`, and how many bytes follow it.
fn decode_first<T: Decodable>(body: Bytes, version: i16, flexible: bool) -> Result<(T, usize), CodecError> {
    if body.len() > MAX_MESSAGE {
        return Err(CodecError::TooLong { size: body.len(), limit: MAX_MESSAGE });
    }
    if !flexible {
        T::decode(&mut Guarded::new(body.clone(), Pass::Probe), version).map_err(refused)?;
    }
    let mut guarded = Guarded::new(body, Pass::Real);
    let message = T::decode(&mut guarded, version).map_err(refused)?;
    Ok((message, guarded.remaining()))
}

fn refused(error: impl ToString) -> CodecError {
    CodecError::Decode(error.to_string())
}

#[derive(Clone, Copy, PartialEq)]
enum Pass {
    /// Int32s are clamped: the message's values are nonsense, its shape is what is tested.
    Probe,
    Real,
}

struct Guarded {
    inner: Bytes,
    pass: Pass,
    /// Where the last checked varint ends, as the number of bytes that remain there.
    checked: usize,
    /// The last clamped int32: what remained after it, what it was and what it was answered with.
    clamped: Option<(usize, usize, usize)>,
}

impl Guarded {
    fn new(inner: Bytes, pass: Pass) -> Self {
        Self { inner, pass, checked: usize::MAX, clamped: None }
    }

    /// Checks the varint that starts here, unless this is a later byte of a checked one.
    fn check_varint(&mut self) -> Result<(), TryGetError> {
        let available = self.inner.len();
        if available > self.checked {
            return Ok(());
        }
        let mut claim = 0_u64;
        // A varint of an unsigned 32-bit number has five bytes at most.
        for (index, byte) in (0_u32..5).zip(self.inner.iter()) {
            claim |= u64::from(byte & 0x7f) << index.saturating_mul(7);
            if *byte < 0x80 {
                let left = available.saturating_sub(1).saturating_sub(usize::try_from(index).unwrap_or(usize::MAX));
                self.checked = left;
                // Compact counts and lengths are one more than they say, and null is 0.
                let possible = u64::try_from(left).unwrap_or(u64::MAX).saturating_add(1).max(SMALL);
                return if claim <= possible { Ok(()) } else { Err(refuse(claim, left)) };
            }
        }
        Err(refuse(claim, available))
    }
}

fn refuse(claim: u64, available: usize) -> TryGetError {
    TryGetError { requested: usize::try_from(claim).unwrap_or(usize::MAX), available }
}

impl Buf for Guarded {
    fn remaining(&self) -> usize {
        self.inner.remaining()
    }

    fn chunk(&self) -> &[u8] {
        self.inner.chunk()
    }

    fn advance(&mut self, count: usize) {
        self.inner.advance(count);
    }

    fn try_get_u8(&mut self) -> Result<u8, TryGetError> {
        // A byte below 0x80 that is not within a varint is a whole one, and small.
        if self.inner.first().is_some_and(|byte| *byte >= 0x80) {
            self.check_varint()?;
        }
        self.inner.try_get_u8()
    }

    fn try_get_i32(&mut self) -> Result<i32, TryGetError> {
        let value = self.inner.try_get_i32()?;
        if self.pass == Pass::Real {
            return Ok(value);
        }
        // No element of an array in these versions has less than two bytes.
        let elements = (self.inner.len() / 2).saturating_add(1);
        match usize::try_from(value) {
            Ok(claim) if claim > elements => {
                self.clamped = Some((self.inner.len(), claim, elements));
                Ok(i32::try_from(elements).unwrap_or(i32::MAX))
            }
            _ => Ok(value),
        }
    }
}

impl ByteBuf for Guarded {
    fn peek_bytes(&mut self, range: Range<usize>) -> Bytes {
        self.inner.slice(range)
    }

    fn get_bytes(&mut self, size: usize) -> Bytes {
        self.inner.split_to(size)
    }

    fn try_get_bytes(&mut self, size: usize) -> Result<Bytes, NotEnoughBytesError> {
        // Bytes right behind an int32 of the same value: it was their length and no count, so it may be exact.
        let size = match self.clamped.take() {
            Some((remaining, claim, answered)) if remaining == self.inner.len() && answered == size => claim,
            _ => size,
        };
        if size > self.inner.len() {
            return Err(NotEnoughBytesError);
        }
        Ok(self.inner.split_to(size))
    }
}

#[cfg(test)]
mod tests {
    use bytes::{BufMut, BytesMut};
    use kafka_protocol::{
        messages::{
            JoinGroupResponse, MetadataResponse, SaslHandshakeResponse, join_group_response::JoinGroupResponseMember,
            metadata_response::MetadataResponseTopic,
        },
        protocol::{Encodable, StrBytes},
    };

    use super::*;

    fn encoded(message: &impl Encodable, version: i16) -> BytesMut {
        let mut body = BytesMut::new();
        message.encode(&mut body, version).expect("a valid message");
        body
    }

    #[test]
    fn metadata_that_claims_billions_of_brokers_is_refused_without_allocating_them() {
        for (version, claim) in [(4, &[0x7f, 0xff, 0xff, 0xff][..]), (9, &[0xff; 4]), (12, &[0xff; 4])] {
            let mut body = BytesMut::from(&[0, 0, 0, 0][..]);
            body.put_slice(claim);
            if version >= 9 {
                body.put_u8(0x0f);
            }
            body.put_bytes(0, 2000);
            let result = decode::<MetadataResponse>(body.freeze(), version, version >= 9);
            assert!(matches!(result, Err(CodecError::Decode(_))), "version {version}: {result:?}");
        }
    }

    #[test]
    fn a_count_is_refused_even_if_empty_strings_fill_the_message_to_its_end() {
        let mut body = BytesMut::new();
        body.put_i16(0);
        body.put_i32(i32::MAX);
        body.put_bytes(0, 1000);
        assert!(decode::<SaslHandshakeResponse>(body.freeze(), 1, false).is_err());
    }

    #[test]
    fn an_honest_message_of_an_old_version_passes_whatever_its_numbers_are() {
        // The first member's bytes are more than half of what is left, and a member stands behind them.
        let member = |id, bytes| {
            JoinGroupResponseMember::default()
                .with_member_id(StrBytes::from_static_str(id))
                .with_metadata(Bytes::from(vec![7; bytes]))
        };
        let answer = JoinGroupResponse::default()
            .with_throttle_time_ms(i32::MAX)
            .with_generation_id(i32::MAX)
            .with_protocol_name(Some(StrBytes::from_static_str("range")))
            .with_members(vec![member("a", 5000), member("b", 10)]);
        let decoded = decode::<JoinGroupResponse>(encoded(&answer, 5).freeze(), 5, false);
        assert_eq!(decoded, Ok(answer));
    }

    #[test]
    fn bytes_behind_the_message_are_an_error() {
        for version in [8, 12] {
            let mut body = encoded(&MetadataResponse::default(), version);
            body.put_u8(0);
            let result = decode::<MetadataResponse>(body.freeze(), version, version >= 9);
            assert_eq!(result, Err(CodecError::LeftOver(1)));
        }
    }

    #[test]
    fn an_unknown_tag_passes_even_if_its_number_exceeds_what_is_left() {
        let answer = MetadataResponse::default()
            .with_topics(vec![MetadataResponseTopic::default()])
            .with_unknown_tagged_field(100, Bytes::new());
        assert_eq!(decode::<MetadataResponse>(encoded(&answer, 12).freeze(), 12, true), Ok(answer));
    }

    #[test]
    fn a_message_beyond_the_limit_is_not_looked_at() {
        let body = Bytes::from(vec![0; MAX_MESSAGE + 1]);
        let result = decode::<MetadataResponse>(body, 12, true);
        assert_eq!(result, Err(CodecError::TooLong { size: MAX_MESSAGE + 1, limit: MAX_MESSAGE }));
    }
}
