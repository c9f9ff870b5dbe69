//! What the messages that are encoded and decoded by hand have in common.

use std::ops::RangeInclusive;

use bytes::Bytes;

use super::{
    Api, CodecError, Fetch, FetchAnswer, Produce, ProduceAnswer,
    primitives::{Reader, Writer},
};

/// A message whose fields are written and read by hand, because its records are to stay slices of the frame.
pub(super) trait ByHand: Send + Sync {
    /// The API key.
    const KEY: i16;
    /// The versions that can be written and read.
    const VERSIONS: RangeInclusive<i16>;
    /// The first version with compact lengths and tagged fields (KIP-482).
    const FIRST_FLEXIBLE: i16;
    /// The answer.
    type Answer: Send + 'static;

    /// The most bytes that the body has, if that is worth reserving at once.
    fn most(&self) -> usize {
        0
    }

    /// Writes the request's fields.
    fn write(&self, version: i16, writer: &mut Writer<'_>) -> Result<(), CodecError>;

    /// Reads the answer's fields.
    fn read(version: i16, reader: &mut Reader<'_>) -> Result<Self::Answer, CodecError>;
}

fn encode<R: ByHand>(request: &R, version: i16, out: &mut Vec<u8>) -> Result<(), CodecError> {
    if !R::VERSIONS.contains(&version) {
        return Err(CodecError::Version(version));
    }
    out.reserve(request.most());
    request.write(version, &mut Writer::new(out, version >= R::FIRST_FLEXIBLE))
}

fn decode<R: ByHand>(version: i16, body: &Bytes) -> Result<R::Answer, CodecError> {
    if !R::VERSIONS.contains(&version) {
        return Err(CodecError::Version(version));
    }
    let mut reader = Reader::new(body, version >= R::FIRST_FLEXIBLE);
    let answer = R::read(version, &mut reader)?;
    reader.end().map(|()| answer)
}

/// By name: for every `ByHand` at once it would collide with kafka-protocol's messages.
macro_rules! apis_by_hand {
    ($($request:ty => $answer:ty),*) => {
        $(impl Api for $request {
            const KEY: i16 = <Self as ByHand>::KEY;
            const VERSIONS: RangeInclusive<i16> = <Self as ByHand>::VERSIONS;
            type Answer = $answer;

            fn request_header_version(version: i16) -> i16 {
                if version >= Self::FIRST_FLEXIBLE { 2 } else { 1 }
            }

            fn response_header_version(version: i16) -> i16 {
                if version >= Self::FIRST_FLEXIBLE { 1 } else { 0 }
            }

            fn encode(&self, version: i16, out: &mut Vec<u8>) -> Result<(), CodecError> {
                encode(self, version, out)
            }

            fn decode(version: i16, body: Bytes) -> Result<Self::Answer, CodecError> {
                decode::<Self>(version, &body)
            }
        })*
    };
}

apis_by_hand!(Fetch => FetchAnswer, Produce => ProduceAnswer);
