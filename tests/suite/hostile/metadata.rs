//! Lies about the cluster.

use ottla_kafka_core::protocol::{
    kafka_protocol::protocol::StrBytes,
    messages::{BrokerId, MetadataRequest, MetadataResponse, TopicName},
};
use ottla_tests::{liar::Told, stub::Request};

use super::{ALWAYS, Attempt, Expected, Row, edit};

type Lie = fn(&Request, &[u8]) -> Told;

const fn says(what: &'static str, attempt: Attempt, lie: Lie, text: &'static str) -> Row {
    Row { what, attempt, times: ALWAYS, lie, expected: Expected::Says(text) }
}

const fn tells(what: &'static str, attempt: Attempt, lie: Lie, text: &'static str) -> Row {
    Row { what, attempt, times: ALWAYS, lie, expected: Expected::Tells(text) }
}

const fn heals(what: &'static str, attempt: Attempt, lie: Lie) -> Row {
    Row { what, attempt, times: 2, lie, expected: Expected::Heals }
}

fn edited(request: &Request, body: &[u8], change: impl FnOnce(&mut MetadataResponse)) -> Told {
    edit::edited::<MetadataRequest>(request, body, change)
}

fn raw(request: &Request, body: &[u8]) -> Told {
    edit::replaced::<MetadataRequest>(request, |_| body.to_vec())
}

/// Tags, throttle time, and the count of brokers that a varint claims.
const BILLIONS: &[u8] = &[0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x0f, 1, 1, 1, 1];
const ENDLESS: &[u8] = &[0, 0, 0, 0, 0, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1];
const TAGS: &[u8] = &[0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff, 0x0f];

pub(super) const ROWS: &[Row] = &[
    says("2^32 brokers", Attempt::Metadata, |r, _| raw(r, BILLIONS), "Metadata"),
    says("a varint without an end", Attempt::Metadata, |r, _| raw(r, ENDLESS), "Metadata"),
    says("2^32 tagged fields", Attempt::Metadata, |r, _| raw(r, TAGS), "Metadata"),
    says("an empty answer", Attempt::Metadata, |r, _| raw(r, &[]), "Metadata"),
    says("200 bytes of 0xff", Attempt::Metadata, |r, _| raw(r, &[0xff; 200]), "Metadata"),
    says(
        "an honest answer cut in half",
        Attempt::Metadata,
        |r, b| raw(r, b.get(..b.len() / 2).unwrap_or_default()),
        "Metadata",
    ),
    says("an honest answer and one byte more", Attempt::Metadata, |r, b| raw(r, &[b, &[0]].concat()), "Metadata"),
    tells("another topic than was asked for", Attempt::Metadata, |r, b| edited(r, b, |m| rename(m, "another")), ""),
    tells("no brokers at all", Attempt::Produce, |r, b| edited(r, b, |m| m.brokers.clear()), ""),
    tells("a leader that no broker is", Attempt::Produce, |r, b| edited(r, b, |m| lead(m, 99)), "delivery"),
    tells("a leader of a negative number", Attempt::Produce, |r, b| edited(r, b, |m| lead(m, -7)), "delivery"),
    tells("a port that is none", Attempt::Produce, |r, b| edited(r, b, |m| set_port(m, 70_000)), ""),
    tells("a negative port", Attempt::Produce, |r, b| edited(r, b, |m| set_port(m, -1)), ""),
    tells("a port where nobody listens", Attempt::Produce, |r, b| edited(r, b, |m| set_port(m, 1)), ""),
    tells("a host without a name", Attempt::Produce, |r, b| edited(r, b, |m| set_host(m, "")), ""),
    tells(
        "a host of control characters",
        Attempt::Produce,
        |r, b| edited(r, b, |m| set_host(m, "\u{1b}[31m\r\nevil")),
        "",
    ),
    tells(
        "a topic whose partitions are gone",
        Attempt::Produce,
        |r, b| edited(r, b, |m| m.topics.iter_mut().for_each(|t| t.partitions.clear())),
        "metadata",
    ),
    tells("a partition of number 2^31 − 1", Attempt::Produce, |r, b| edited(r, b, |m| number(m, i32::MAX)), ""),
    tells("a partition of number −1", Attempt::Produce, |r, b| edited(r, b, |m| number(m, -1)), ""),
    tells(
        "a topic that fails with error 29",
        Attempt::Produce,
        |r, b| edited(r, b, |m| m.topics.iter_mut().for_each(|t| t.error_code = 29)),
        "TOPIC_AUTHORIZATION_FAILED",
    ),
    heals("a topic that is not known twice", Attempt::Produce, |r, b| {
        edited(r, b, |m| m.topics.iter_mut().for_each(|t| t.error_code = 3))
    }),
    heals("no leader twice", Attempt::Produce, |r, b| edited(r, b, |m| lead(m, -1))),
];

fn rename(metadata: &mut MetadataResponse, name: &'static str) {
    metadata.topics.iter_mut().for_each(|topic| topic.name = Some(TopicName(StrBytes::from_static_str(name))));
}

fn lead(metadata: &mut MetadataResponse, leader: i32) {
    let partitions = metadata.topics.iter_mut().flat_map(|topic| &mut topic.partitions);
    partitions.for_each(|partition| partition.leader_id = BrokerId(leader));
}

fn number(metadata: &mut MetadataResponse, index: i32) {
    let partitions = metadata.topics.iter_mut().flat_map(|topic| &mut topic.partitions);
    partitions.for_each(|partition| partition.partition_index = index);
}

fn set_port(metadata: &mut MetadataResponse, port: i32) {
    metadata.brokers.iter_mut().for_each(|broker| broker.port = port);
}

fn set_host(metadata: &mut MetadataResponse, host: &'static str) {
    metadata.brokers.iter_mut().for_each(|broker| broker.host = StrBytes::from_static_str(host));
}
