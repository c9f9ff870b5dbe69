//! Lies to producers and groups.

use bytes::Bytes;
use ottla_kafka_core::protocol::{
    kafka_protocol::protocol::StrBytes,
    messages::{
        BrokerId, FindCoordinatorRequest, FindCoordinatorResponse, InitProducerIdRequest, JoinGroupRequest,
        ListOffsetsRequest, OffsetFetchRequest, ProduceRequest, ProducerId, SyncGroupRequest,
    },
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

fn point(request: &Request, body: &[u8], host: &'static str, port: i32) -> Told {
    edit::edited::<FindCoordinatorRequest>(request, body, |answer| aim(answer, host, port))
}

fn aim(answer: &mut FindCoordinatorResponse, host: &'static str, port: i32) {
    // Which of the two forms the version has.
    if answer.coordinators.is_empty() {
        (answer.host, answer.port, answer.node_id) = (StrBytes::from_static_str(host), port, BrokerId(7));
    }
    for coordinator in &mut answer.coordinators {
        (coordinator.host, coordinator.port) = (StrBytes::from_static_str(host), port);
        coordinator.node_id = BrokerId(7);
    }
}

fn assign(request: &Request, body: &[u8], assignment: &'static [u8]) -> Told {
    edit::edited::<SyncGroupRequest>(request, body, |answer| answer.assignment = Bytes::from_static(assignment))
}

/// Version 0, and a count of topics that is a lie.
const BILLIONS_ASSIGNED: &[u8] = &[0, 0, 0x7f, 0xff, 0xff, 0xff, 0, 1, b'a', 0, 0, 0, 1, 0, 0, 0, 0];

pub(super) const ROWS: &[Row] =
    &[
        says(
            "a Produce answer of garbage",
            Attempt::Produce,
            |r, _| edit::replaced::<ProduceRequest>(r, |_| vec![0xff; 64]),
            "Produce",
        ),
        says(
            "a Produce answer of nothing",
            Attempt::Produce,
            |r, _| edit::replaced::<ProduceRequest>(r, |_| Vec::new()),
            "Produce",
        ),
        tells(
            "a Produce answer without the partition",
            Attempt::Produce,
            |r, b| edit::edited::<ProduceRequest>(r, b, |a| a.responses.clear()),
            "",
        ),
        tells(
            "a Produce answer about another partition",
            Attempt::Produce,
            |r, b| {
                edit::edited::<ProduceRequest>(r, b, |a| {
                    a.responses.iter_mut().flat_map(|t| &mut t.partition_responses).for_each(|p| p.index = 9)
                })
            },
            "",
        ),
        heals("a Produce answer twice", Attempt::Produce, |r, _| if r.api == 0 { Told::Twice } else { Told::Truth }),
        heals("two lost Produce answers", Attempt::Produce, |r, _| {
            if r.api == 0 { Told::Last(Vec::new()) } else { Told::Truth }
        }),
        heals("a throttle time of 2^31 − 1 ms", Attempt::Produce, |r, b| {
            edit::edited::<ProduceRequest>(r, b, |a| a.throttle_time_ms = i32::MAX)
        }),
        tells(
            "a producer id of −1",
            Attempt::Produce,
            |r, b| edit::edited::<InitProducerIdRequest>(r, b, |a| a.producer_id = ProducerId(-1)),
            "",
        ),
        tells(
            "a producer epoch of −1",
            Attempt::Produce,
            |r, b| edit::edited::<InitProducerIdRequest>(r, b, |a| a.producer_epoch = -1),
            "",
        ),
        says(
            "InitProducerId of garbage",
            Attempt::Produce,
            |r, _| edit::replaced::<InitProducerIdRequest>(r, |_| vec![0xff; 9]),
            "InitProducerId",
        ),
        says(
            "ListOffsets of garbage",
            Attempt::Offsets,
            |r, _| edit::replaced::<ListOffsetsRequest>(r, |_| vec![0xee; 50]),
            "ListOffsets",
        ),
        tells(
            "ListOffsets without the partition",
            Attempt::Offsets,
            |r, b| edit::edited::<ListOffsetsRequest>(r, b, |a| a.topics.clear()),
            "ListOffsets",
        ),
        says(
            "OffsetFetch of garbage",
            Attempt::GroupOffsets,
            |r, _| edit::replaced::<OffsetFetchRequest>(r, |_| vec![0xee; 50]),
            "OffsetFetch",
        ),
        tells(
            "OffsetFetch without the group",
            Attempt::GroupOffsets,
            |r, b| edit::edited::<OffsetFetchRequest>(r, b, |a| a.groups.clear()),
            "OffsetFetch",
        ),
        tells(
            "a coordinator where nobody listens",
            Attempt::GroupOffsets,
            |r, b| point(r, b, "127.0.0.1", 1),
            "127.0.0.1:1",
        ),
        tells("a coordinator at a port that is none", Attempt::GroupOffsets, |r, b| point(r, b, "127.0.0.1", -5), ""),
        tells("a coordinator without a host", Attempt::GroupOffsets, |r, b| point(r, b, "", 9092), ""),
        tells(
            "JoinGroup of garbage",
            Attempt::Group,
            |r, _| edit::replaced::<JoinGroupRequest>(r, |_| vec![0xff; 40]),
            "JoinGroup",
        ),
        says("an assignment of garbage", Attempt::Group, |r, b| assign(r, b, &[0xff; 30]), "assignment"),
        says("an assignment of 2^31 topics", Attempt::Group, |r, b| assign(r, b, BILLIONS_ASSIGNED), "assignment"),
        heals("two lost JoinGroup answers", Attempt::Group, |r, _| {
            if r.api == 11 { Told::Last(Vec::new()) } else { Told::Truth }
        }),
    ];
