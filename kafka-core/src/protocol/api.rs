//! What the client needs to know of a request to send it and to understand its answer.

use std::{fmt, marker::PhantomData, ops::RangeInclusive};

use bytes::Bytes;
use kafka_protocol::protocol::{Encodable, HeaderVersion, Request};

use super::guard;

/// A request of the Kafka protocol together with its answer; bodies only, headers are the connection's.
pub trait Api: Send + Sync {
    /// The API key.
    const KEY: i16;
    /// The versions this implementation can encode and decode; what the client offers is [`spoken`](super::spoken).
    const VERSIONS: RangeInclusive<i16>;
    /// The decoded answer.
    type Answer: Send + 'static;

    /// The version of the request's header: 2 and above end with tagged fields.
    fn request_header_version(version: i16) -> i16;

    /// The version of the answer's header: 1 and above end with tagged fields.
    fn response_header_version(version: i16) -> i16;

    /// Appends the request's body to `out`.
    ///
    /// # Errors
    /// If `version` has no place for what the request holds; `out` may then hold a part of it.
    fn encode(&self, version: i16, out: &mut Vec<u8>) -> Result<(), CodecError>;

    /// Decodes the answer's body; byte fields share memory with `body`.
    ///
    /// # Errors
    /// If the bytes are not exactly one answer of this version.
    fn decode(version: i16, body: Bytes) -> Result<Self::Answer, CodecError>;
}

impl<R> Api for R
where
    R: Request + Send + Sync,
    R::Response: Send + 'static,
{
    const KEY: i16 = R::KEY;
    const VERSIONS: RangeInclusive<i16> = R::VERSIONS.min..=R::VERSIONS.max;
    type Answer = R::Response;

    fn request_header_version(version: i16) -> i16 {
        R::header_version(version)
    }

    fn response_header_version(version: i16) -> i16 {
        R::Response::header_version(version)
    }

    fn encode(&self, version: i16, out: &mut Vec<u8>) -> Result<(), CodecError> {
        out.reserve(self.compute_size(version).map_err(|error| CodecError::Encode(error.to_string()))?);
        Encodable::encode(self, out, version).map_err(|error| CodecError::Encode(error.to_string()))
    }

    fn decode(version: i16, body: Bytes) -> Result<Self::Answer, CodecError> {
        guard::decode(body, version, R::header_version(version) >= 2)
    }
}

/// A request whose body is built once its version is known: some versions refuse fields that others demand.
pub struct ByVersion<R, F> {
    build: F,
    request: PhantomData<fn() -> R>,
}

/// Sends what `build` returns for the version agreed with the broker.
pub fn by_version<R, F>(build: F) -> ByVersion<R, F>
where
    R: Request,
    F: Fn(i16) -> R + Send + Sync,
{
    ByVersion { build, request: PhantomData }
}

impl<R, F> Api for ByVersion<R, F>
where
    R: Request + Send + Sync,
    R::Response: Send + 'static,
    F: Fn(i16) -> R + Send + Sync,
{
    const KEY: i16 = <R as Api>::KEY;
    const VERSIONS: RangeInclusive<i16> = <R as Api>::VERSIONS;
    type Answer = R::Response;

    fn request_header_version(version: i16) -> i16 {
        R::request_header_version(version)
    }

    fn response_header_version(version: i16) -> i16 {
        R::response_header_version(version)
    }

    fn encode(&self, version: i16, out: &mut Vec<u8>) -> Result<(), CodecError> {
        Api::encode(&(self.build)(version), version, out)
    }

    fn decode(version: i16, body: Bytes) -> Result<Self::Answer, CodecError> {
        <R as Api>::decode(version, body)
    }
}

/// Bytes that are not the message they should be, or a message that cannot become bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CodecError {
    /// The request does not fit its version.
    Encode(String),
    /// The bytes are not a message of this version.
    Decode(String),
    /// Less is there than a length or a field needs.
    Truncated,
    /// The message ended this many bytes before the frame.
    LeftOver(usize),
    /// The message is longer than what is decoded safely.
    TooLong {
        /// Its length in bytes.
        size: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// This version is not one of [`Api::VERSIONS`].
    Version(i16),
}

impl fmt::Display for CodecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Encode(detail) => write!(f, "cannot be encoded: {detail}"),
            Self::Decode(detail) => write!(f, "cannot be decoded: {detail}"),
            Self::Truncated => f.write_str("ends before its last field"),
            Self::LeftOver(bytes) => write!(f, "{bytes} bytes left over"),
            Self::TooLong { size, limit } => write!(f, "{size} bytes exceed the limit of {limit}"),
            Self::Version(version) => write!(f, "version {version} is not implemented"),
        }
    }
}

impl std::error::Error for CodecError {}

#[cfg(test)]
mod tests {
    use kafka_protocol::messages::{ApiVersionsRequest, MetadataRequest, MetadataResponse};

    use super::*;

    #[test]
    fn header_versions_are_the_messages_own() {
        assert_eq!((MetadataRequest::request_header_version(8), MetadataRequest::response_header_version(8)), (1, 0));
        assert_eq!((MetadataRequest::request_header_version(9), MetadataRequest::response_header_version(9)), (2, 1));
        // KIP-511: an answer to ApiVersions has the oldest header, since its version is not agreed yet.
        assert_eq!(ApiVersionsRequest::request_header_version(3), 2);
        assert_eq!(ApiVersionsRequest::response_header_version(3), 0);
    }

    #[test]
    fn a_body_is_built_for_the_agreed_version() {
        let request = by_version(|version| {
            MetadataRequest::default().with_topics(None).with_include_topic_authorized_operations(version >= 8)
        });
        for version in [7, 8, 12] {
            let mut body = Vec::new();
            assert_eq!(Api::encode(&request, version, &mut body), Ok(()), "version {version}");
            let sent = guard::decode::<MetadataRequest>(body.into(), version, version >= 9).expect("a request");
            assert_eq!(sent.include_topic_authorized_operations, version >= 8);
        }
    }

    #[test]
    fn a_field_without_a_place_in_the_version_is_an_error() {
        let request = MetadataRequest::default().with_include_topic_authorized_operations(true);
        assert!(matches!(Api::encode(&request, 7, &mut Vec::new()), Err(CodecError::Encode(_))));
    }

    #[test]
    fn an_answer_is_decoded_whole() {
        let mut body = Vec::new();
        Encodable::encode(&MetadataResponse::default(), &mut body, 12).expect("an answer");
        assert_eq!(<MetadataRequest as Api>::decode(12, body.clone().into()), Ok(MetadataResponse::default()));
        body.pop();
        assert!(<MetadataRequest as Api>::decode(12, body.into()).is_err());
    }
}
