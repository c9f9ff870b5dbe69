//! Honest answers, changed in one place.

use bytes::{Bytes, BytesMut};
use ottla_kafka_core::protocol::kafka_protocol::protocol::{Decodable, Encodable, HeaderVersion, Request as Message};
use ottla_tests::{liar::Told, stub::Request};

/// The answer to a request of kind `M` with `change` made to it; the truth about other requests, and where the change
/// cannot be written.
pub(super) fn edited<M: Message>(request: &Request, body: &[u8], change: impl FnOnce(&mut M::Response)) -> Told {
    if request.api != M::KEY {
        return Told::Truth;
    }
    changed::<M>(request, body, change).map_or(Told::Truth, Told::Body)
}

fn changed<M: Message>(request: &Request, body: &[u8], change: impl FnOnce(&mut M::Response)) -> Option<Vec<u8>> {
    let mut rest = Bytes::copy_from_slice(body);
    let header = M::Response::header_version(request.version);
    // Header version 1 ends with tagged fields, of which Kafka sends none; the correlation id is not in `body`.
    let tags = if header >= 1 { rest.split_to(1) } else { Bytes::new() };
    let mut answer = M::Response::decode(&mut rest, request.version).ok()?;
    change(&mut answer);
    let mut written = BytesMut::from(&tags[..]);
    answer.encode(&mut written, request.version).ok()?;
    Some(written.to_vec())
}

/// The answer to a request of kind `M` replaced by these bytes.
pub(super) fn replaced<M: Message>(request: &Request, body: impl FnOnce(i16) -> Vec<u8>) -> Told {
    if request.api == M::KEY { Told::Body(body(request.version)) } else { Told::Truth }
}
