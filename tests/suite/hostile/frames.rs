//! What is no Kafka, or Kafka in pieces: told about the first answer of a connection unless it says otherwise.

use std::time::Duration;

use ottla_tests::{liar::Told, stub::Request};

use super::{ALWAYS, Attempt, Expected, Row};

pub(super) const API_VERSIONS: i16 = 18;
pub(super) const METADATA: i16 = 3;

/// Tells `lie` about every answer to ApiVersions.
fn first(request: &Request, lie: impl FnOnce() -> Told) -> Told {
    if request.api == API_VERSIONS { lie() } else { Told::Truth }
}

/// Tells `lie` about every answer to Metadata.
fn second(request: &Request, lie: impl FnOnce() -> Told) -> Told {
    if request.api == METADATA { lie() } else { Told::Truth }
}

const fn row(what: &'static str, lie: fn(&Request, &[u8]) -> Told, says: &'static str) -> Row {
    Row { what, attempt: Attempt::Metadata, times: ALWAYS, lie, expected: Expected::Says(says) }
}

const fn heals(what: &'static str, lie: fn(&Request, &[u8]) -> Told) -> Row {
    Row { what, attempt: Attempt::Metadata, times: 1, lie, expected: Expected::Heals }
}

/// A frame's head that claims `length` bytes, and its correlation id.
fn head(length: i32, request: &Request) -> Vec<u8> {
    [length.to_be_bytes(), request.correlation_id.to_be_bytes()].concat()
}

pub(super) const ROWS: &[Row] = &[
    row("never a word", |r, _| first(r, || Told::Nothing), "no answer"),
    row("the connection ends at once", |r, _| first(r, || Told::Last(Vec::new())), "ended"),
    row("the connection ends in a length", |r, _| first(r, || Told::Last(vec![0, 0])), "ended"),
    row("the connection ends in an answer", |r, b| first(r, || Told::Last([&head(100, r), b].concat())), "ended"),
    row(
        "HTTP",
        |r, _| first(r, || Told::Last(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n".to_vec())),
        "does not speak Kafka",
    ),
    row(
        "HTTP that stays",
        |r, _| first(r, || Told::Bytes(b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec())),
        "does not speak Kafka",
    ),
    row("a TLS alert", |r, _| first(r, || Told::Last(vec![0x15, 3, 3, 0, 2, 2, 0x28])), "this listener wants TLS"),
    Row {
        what: "no TLS for a client that wants it",
        attempt: Attempt::MetadataOverTls,
        times: ALWAYS,
        lie: |_, _| Told::Truth,
        expected: Expected::Knows("this listener is plaintext"),
    },
    row("SSH", |r, _| first(r, || Told::Bytes(b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n".to_vec())), "does not speak Kafka"),
    row("Redis", |r, _| first(r, || Told::Bytes(b"-ERR unknown command\r\n".to_vec())), "does not speak Kafka"),
    row("a length of 0", |r, _| first(r, || Told::Bytes(head(0, r))), "does not speak Kafka"),
    row("a length of 3", |r, _| first(r, || Told::Bytes(head(3, r))), "does not speak Kafka"),
    row("a negative length", |r, _| first(r, || Told::Bytes(head(-1, r))), "does not speak Kafka"),
    row("a length of 2 GiB", |r, _| first(r, || Told::Bytes(head(i32::MAX, r))), "does not speak Kafka"),
    row("a length of 200 MB", |r, _| first(r, || Told::Bytes(head(200_000_000, r))), "does not speak Kafka"),
    row(
        "another correlation id",
        |r, b| first(r, || Told::Bytes(answer(r.correlation_id ^ 0x55, b))),
        "does not speak Kafka",
    ),
    row(
        "a correlation id that comes later",
        |r, b| first(r, || Told::Bytes(answer(r.correlation_id + 1, b))),
        "does not speak Kafka",
    ),
    row("one byte a second", |r, _| first(r, || Told::Slowly(Duration::from_secs(1))), "no answer"),
    heals("an answer twice", |r, _| if r.api == METADATA { Told::Twice } else { Told::Truth }),
    heals("an answer to nothing", |r, b| {
        if r.api == METADATA {
            Told::Bytes([answer(r.correlation_id, b), answer(77, b"")].concat())
        } else {
            Told::Truth
        }
    }),
    heals("one lost answer", |r, _| if r.api == METADATA { Told::Nothing } else { Told::Truth }),
    heals("one cut answer", |r, b| {
        if r.api == METADATA { Told::Last(answer(r.correlation_id, b)[..9].to_vec()) } else { Told::Truth }
    }),
    heals("one connection cut at once", |r, _| first(r, || Told::Last(Vec::new()))),
    row("a later answer of 2 GiB", |r, _| second(r, || Told::Bytes(head(i32::MAX, r))), "bytes"),
    row("a later answer of negative length", |r, _| second(r, || Told::Bytes(head(-1, r))), "bytes"),
    row("a later answer to another request", |r, b| second(r, || Told::Bytes(answer(99, b))), "request 99"),
    row("a later answer one byte a second", |r, _| second(r, || Told::Slowly(Duration::from_secs(1))), "no answer"),
    row("a later answer that is HTTP", |r, _| second(r, || Told::Last(b"HTTP/1.1 500 Sorry\r\n\r\n".to_vec())), ""),
    row("ApiVersions without a body", |r, _| first(r, || Told::Body(Vec::new())), "not speak"),
    row("ApiVersions of one byte", |r, _| first(r, || Told::Body(vec![0])), "not speak"),
    row(
        "ApiVersions that claims 2^31 − 1 requests",
        |r, _| first(r, || Told::Body(vec![0, 0, 0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0])),
        "not speak",
    ),
    row("ApiVersions with 500 bytes too many", |r, b| first(r, || Told::Body([b, &[7; 500]].concat())), "not speak"),
    row(
        "ApiVersions that fails with error 35 for ever",
        |r, _| first(r, || Told::Body(vec![0, 35, 0, 0, 0, 0])),
        "not speak",
    ),
    row(
        "ApiVersions that fails with error 999",
        |r, _| first(r, || Told::Body(vec![3, 0xe7, 1, 0, 0, 0, 0, 0])),
        "not speak",
    ),
    row("ApiVersions without Metadata", |r, _| first(r, || Told::Body(versions(&[(18, 0, 4)]))), "no common version"),
    row(
        "ApiVersions with a range that is upside down",
        |r, _| first(r, || Told::Body(versions(&[(18, 0, 4), (3, 12, 1)]))),
        "no common version",
    ),
    row(
        "ApiVersions with Metadata from the future",
        |r, _| first(r, || Told::Body(versions(&[(18, 0, 4), (3, 90, 99)]))),
        "no common version",
    ),
];

fn answer(correlation_id: i32, body: &[u8]) -> Vec<u8> {
    let length = i32::try_from(body.len() + 4).unwrap_or(i32::MAX);
    [&length.to_be_bytes()[..], &correlation_id.to_be_bytes(), body].concat()
}

/// An answer to ApiVersions 3 or 4 that offers these requests.
fn versions(offers: &[(i16, i16, i16)]) -> Vec<u8> {
    let mut body = vec![0, 0, u8::try_from(offers.len() + 1).unwrap_or(u8::MAX)];
    for (key, min, max) in offers {
        body.extend([key.to_be_bytes(), min.to_be_bytes(), max.to_be_bytes()].concat());
        body.push(0);
    }
    body.extend([0, 0, 0, 0, 0]);
    body
}
