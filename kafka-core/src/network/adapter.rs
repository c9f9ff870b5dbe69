//! Any [`Api`] as a request of rskafka's `Messenger`: the only file that names rskafka's protocol traits.

use std::{io::Cursor, marker::PhantomData, mem};

use bytes::{Buf, Bytes};
use rskafka::protocol::{
    api_key::ApiKey,
    api_version::{ApiVersion, ApiVersionRange},
    messages::{ReadVersionedError, ReadVersionedType, RequestBody, WriteVersionedError, WriteVersionedType},
    primitives::Int16,
    traits::{ReadError, WriteError},
};

use crate::protocol::Api;

/// A request on its way through Messenger.
pub(super) struct Call<'a, A>(pub(super) &'a A);

/// The answer to a request of type `A`.
pub(super) struct Answer<A: Api>(A::Answer, PhantomData<fn() -> A>);

impl<A: Api> Answer<A> {
    /// The answer itself.
    pub(super) fn into_inner(self) -> A::Answer {
        self.0
    }
}

/// A version in rskafka's spelling.
pub(super) const fn version(version: i16) -> ApiVersion {
    ApiVersion(Int16(version))
}

/// A key in the spelling that every call of ours uses: its code goes out as it is, so no table of names is needed.
pub(super) const fn key(key: i16) -> ApiKey {
    ApiKey::Unknown(Int16(key))
}

impl<A: Api> RequestBody for Call<'_, A> {
    type ResponseBody = Answer<A>;
    const API_KEY: ApiKey = key(A::KEY);
    const API_VERSION_RANGE: ApiVersionRange =
        ApiVersionRange::new(version(*A::VERSIONS.start()), version(*A::VERSIONS.end()));
    // Messenger writes and reads the plain header. The tag section that follows it in flexible versions is ours, so
    // that kafka-protocol's rules are the only source of what is flexible.
    const FIRST_TAGGED_FIELD_IN_REQUEST_VERSION: ApiVersion = version(i16::MAX);
}

impl<A: Api> WriteVersionedType<Vec<u8>> for Call<'_, A> {
    fn write_versioned(
        &self,
        out: &mut Vec<u8>,
        ApiVersion(Int16(version)): ApiVersion,
    ) -> Result<(), WriteVersionedError> {
        if A::request_header_version(version) >= 2 {
            out.push(0);
        }
        self.0
            .encode(version, out)
            .map_err(|error| WriteVersionedError::WriteError(WriteError::Malformed(Box::new(error))))
    }
}

impl<A: Api> ReadVersionedType<Cursor<Vec<u8>>> for Answer<A> {
    fn read_versioned(
        cursor: &mut Cursor<Vec<u8>>,
        ApiVersion(Int16(version)): ApiVersion,
    ) -> Result<Self, ReadVersionedError> {
        let malformed = |error: Box<dyn std::error::Error + Send + Sync>| {
            ReadVersionedError::ReadError(ReadError::Malformed(error))
        };
        // Taking the frame out of the cursor makes records slices of it. The emptied cursor passes Messenger's own
        // check that all was read; ours is in `Api::decode`.
        let start = usize::try_from(cursor.position()).unwrap_or(usize::MAX);
        cursor.set_position(0);
        let mut body = Bytes::from(mem::take(cursor.get_mut()));
        body.advance(start.min(body.len()));
        if A::response_header_version(version) >= 1 {
            skip_tags(&mut body).ok_or_else(|| malformed("the header's tags pass the frame's end".into()))?;
        }
        let answer = A::decode(version, body).map_err(|error| malformed(Box::new(error)))?;
        Ok(Self(answer, PhantomData))
    }
}

/// Passes over a header's tagged fields (KIP-482).
fn skip_tags(body: &mut Bytes) -> Option<()> {
    for _ in 0..varint(body)? {
        varint(body)?;
        let size = usize::try_from(varint(body)?).ok()?;
        if size > body.len() {
            return None;
        }
        body.advance(size);
    }
    Some(())
}

fn varint(body: &mut Bytes) -> Option<u32> {
    let mut value = 0_u32;
    for shift in [0, 7, 14, 21, 28] {
        let byte = body.try_get_u8().ok()?;
        value |= u32::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_tags_are_passed_over_and_lies_are_refused() {
        for (bytes, rest) in [
            (&[0, 9][..], Some(&[9][..])),
            (&[1, 5, 2, 7, 7, 9], Some(&[9])),
            (&[1, 5, 200, 1, 7], None),
            (&[0xff, 0xff, 0xff, 0xff, 0xff], None),
            (&[], None),
        ] {
            let mut body = Bytes::copy_from_slice(bytes);
            assert_eq!(skip_tags(&mut body).map(|()| &body[..]), rest, "{bytes:?}");
        }
    }
}
