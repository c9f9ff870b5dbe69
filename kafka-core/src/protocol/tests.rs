//! The messages by hand against kafka-protocol's, in every version.

mod fetch;
mod hostile;
mod produce;

use bytes::Bytes;
use kafka_protocol::{
    messages::{BrokerId, TopicName},
    protocol::{Decodable, Encodable, StrBytes},
};
use proptest::prelude::*;

use super::{Api, CodecError};

fn ours<A: Api>(request: &A, version: i16) -> Bytes {
    let mut body = Vec::new();
    request.encode(version, &mut body).expect("a request of this version");
    body.into()
}

fn decoded<T: Decodable>(mut body: Bytes, version: i16) -> T {
    let message = T::decode(&mut body, version).expect("a message of this version");
    assert!(body.is_empty(), "{} bytes left over", body.len());
    message
}

fn theirs(message: &impl Encodable, version: i16) -> Bytes {
    let mut body = Vec::new();
    message.encode(&mut body, version).expect("a message of this version");
    body.into()
}

fn topic_name(name: &str) -> TopicName {
    TopicName(StrBytes::from_string(name.to_owned()))
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z]{0,8}", "[a-zäöü✓]{100,150}"]
}

fn records() -> impl Strategy<Value = Bytes> {
    proptest::collection::vec(any::<u8>(), 0..200).prop_map(Bytes::from)
}

/// A broker id and an epoch, or -1 for "not known".
fn leader() -> impl Strategy<Value = (i32, i32)> {
    prop_oneof![Just((-1, -1)), (0..5_i32, any::<i32>())]
}

/// The nodes of KIP-951, as (id, host, port, rack).
fn nodes() -> impl Strategy<Value = Vec<(BrokerId, String, i32, Option<String>)>> {
    let node = (any::<i32>().prop_map(BrokerId), text(), any::<i32>(), proptest::option::of(text()));
    proptest::collection::vec(node, 0..3)
}

/// Every prefix of a body is an error, and so is anything behind it.
fn refuses_other_lengths<A: Api>(body: &Bytes, version: i16)
where
    A::Answer: std::fmt::Debug + PartialEq,
{
    for end in 0..body.len() {
        assert!(A::decode(version, body.slice(..end)).is_err(), "version {version}, {end} of {} bytes", body.len());
    }
    let longer: Bytes = [&body[..], b"\0"].concat().into();
    assert_eq!(A::decode(version, longer), Err(CodecError::LeftOver(1)), "version {version}");
}
