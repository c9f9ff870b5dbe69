//! Brokers that cheat at authentication. The broker behind the liar knows nothing of SASL: the liar is all there is of it.

use std::time::Duration;

use ottla_kafka_core::protocol::{
    kafka_protocol::protocol::{Encodable, StrBytes},
    messages::{
        ApiVersionsRequest, ApiVersionsResponse, SaslAuthenticateResponse, SaslHandshakeResponse,
        api_versions_response::ApiVersion,
    },
};
use ottla_tests::{liar::Told, stub::Request};

use super::{ALWAYS, Attempt, Expected, Row, edit, frames::API_VERSIONS};

pub(super) const HANDSHAKE: i16 = 17;
const AUTHENTICATE: i16 = 36;
/// The session that PLAIN gets, so that it is to be renewed while the client uses it.
const SESSION_MS: i64 = 1_000;

type Lie = fn(&Request, &[u8]) -> Told;

const fn knows(what: &'static str, lie: Lie, text: &'static str) -> Row {
    Row { what, attempt: Attempt::MetadataByScram, times: ALWAYS, lie, expected: Expected::Knows(text) }
}

const fn says(what: &'static str, lie: Lie, text: &'static str) -> Row {
    Row { what, attempt: Attempt::MetadataByScram, times: ALWAYS, lie, expected: Expected::Says(text) }
}

const fn heals(what: &'static str, lie: Lie) -> Row {
    Row { what, attempt: Attempt::MetadataByPlain, times: ALWAYS, lie, expected: Expected::Heals }
}

/// A broker with SASL, up to its answer to SaslAuthenticate.
fn authenticated(request: &Request, body: &[u8], answer: impl FnOnce() -> Told) -> Told {
    match request.api {
        API_VERSIONS => with_sasl(request, body),
        HANDSHAKE => handshake(request, 0, &["SCRAM-SHA-256", "PLAIN"]),
        AUTHENTICATE => answer(),
        _ => Told::Truth,
    }
}

/// The broker's versions, and those of SASL.
pub(super) fn with_sasl(request: &Request, body: &[u8]) -> Told {
    let api = |(key, max)| ApiVersion::default().with_api_key(key).with_max_version(max);
    let offers =
        |answer: &mut ApiVersionsResponse| answer.api_keys.extend([(HANDSHAKE, 1), (AUTHENTICATE, 2)].map(api));
    edit::edited::<ApiVersionsRequest>(request, body, offers)
}

/// An answer to SaslHandshake.
pub(super) fn handshake(request: &Request, error_code: i16, mechanisms: &[&'static str]) -> Told {
    let mechanisms = mechanisms.iter().map(|name| StrBytes::from_static_str(name)).collect();
    let answer = SaslHandshakeResponse::default().with_error_code(error_code).with_mechanisms(mechanisms);
    encoded(&answer, request, false)
}

fn encoded(answer: &impl Encodable, request: &Request, tagged: bool) -> Told {
    let mut body = if tagged { vec![0] } else { Vec::new() };
    match answer.encode(&mut body, request.version) {
        Ok(()) => Told::Body(body),
        Err(_) => Told::Truth,
    }
}

fn answer(request: &Request, answer: &SaslAuthenticateResponse) -> Told {
    encoded(answer, request, request.version >= 2)
}

fn words(request: &Request, words: impl Into<Vec<u8>>) -> Told {
    answer(request, &SaslAuthenticateResponse::default().with_auth_bytes(words.into().into()))
}

/// An honest user is told `challenge` behind the nonce, then `last`.
fn scram(request: &Request, body: &[u8], challenge: fn(&str) -> String, last: &str) -> Told {
    authenticated(request, body, || {
        let said = String::from_utf8_lossy(&request.body).into_owned();
        // The last message of a client repeats the header of its first, in base64.
        if said.contains("c=biws") {
            return words(request, last);
        }
        let nonce = said.rsplit_once("r=").map(|(_, nonce)| nonce.trim_end_matches('\0')).unwrap_or_default();
        words(request, challenge(nonce))
    })
}

fn honest(nonce: &str) -> String {
    format!("r={nonce}x,s=W22Z,i=4096")
}

/// PLAIN is accepted for a second; what comes of `again` is told in a later round.
fn plain(request: &Request, body: &[u8], again: impl FnOnce() -> Told) -> Told {
    let is_first = request.number <= 2;
    let session = SaslAuthenticateResponse::default().with_session_lifetime_ms(SESSION_MS);
    match request.api {
        HANDSHAKE | AUTHENTICATE if !is_first => again(),
        _ => authenticated(request, body, || answer(request, &session)),
    }
}

fn lasting(request: &Request, body: &[u8], session_ms: i64) -> Told {
    let session = SaslAuthenticateResponse::default().with_session_lifetime_ms(session_ms);
    authenticated(request, body, || answer(request, &session))
}

pub(super) const ROWS: &[Row] = &[
    knows(
        "SCRAM with 4·10⁹ iterations",
        |r, b| scram(r, b, |n| format!("r={n}x,s=W22Z,i=4000000000"), ""),
        "4000000000",
    ),
    knows("SCRAM with 1 iteration", |r, b| scram(r, b, |n| format!("r={n}x,s=W22Z,i=1"), ""), "1 SCRAM iterations"),
    knows("SCRAM with no number of iterations", |r, b| scram(r, b, |n| format!("r={n}x,s=W22Z"), ""), "attribute 'i'"),
    knows("SCRAM without a salt", |r, b| scram(r, b, |n| format!("r={n}x,i=4096"), ""), "attribute 's'"),
    knows("SCRAM with a salt that is none", |r, b| scram(r, b, |n| format!("r={n}x,s=?,i=4096"), ""), "not base64"),
    knows(
        "SCRAM with a salt of 8 MB",
        |r, b| scram(r, b, |n| format!("r={n}x,s={},i=4096", "W22Z".repeat(2 << 20)), ""),
        "too long",
    ),
    knows("SCRAM with another's nonce", |r, b| scram(r, b, |_| honest("another"), ""), "does not continue ours"),
    knows("SCRAM with our nonce alone", |r, b| scram(r, b, |n| format!("r={n},s=W22Z,i=4096"), ""), "continue ours"),
    knows("SCRAM with an extension", |r, b| scram(r, b, |n| format!("m=new,{}", honest(n)), ""), "attribute 'r'"),
    knows("a SCRAM challenge of nothing", |r, b| scram(r, b, |_| String::new(), ""), "attribute 'r'"),
    knows("a SCRAM challenge of garbage", |r, b| authenticated(r, b, || words(r, [0xff; 90])), "not text"),
    knows("a SCRAM signature that is wrong", |r, b| scram(r, b, honest, "v=d3Jvbmc="), "signature is wrong"),
    knows("SCRAM without a signature", |r, b| scram(r, b, honest, ""), "no signature"),
    knows("SCRAM that begins again", |r, b| scram(r, b, honest, "r=again,s=W22Z,i=4096"), "no signature"),
    knows("a SCRAM server's error", |r, b| scram(r, b, honest, "e=other-error"), "other-error"),
    knows(
        "error 58 with control characters",
        |r, b| {
            let evil = Some(StrBytes::from_static_str("\u{1b}[31mno\r\n"));
            let refused = SaslAuthenticateResponse::default().with_error_code(58).with_error_message(evil);
            authenticated(r, b, || answer(r, &refused))
        },
        "\\u{1b}[31mno",
    ),
    knows(
        "other mechanisms only",
        |r, b| if r.api == HANDSHAKE { handshake(r, 33, &["GSSAPI"]) } else { authenticated(r, b, || Told::Truth) },
        "offers GSSAPI",
    ),
    knows(
        "no SASL on this listener",
        |r, b| if r.api == HANDSHAKE { handshake(r, 34, &[]) } else { authenticated(r, b, || Told::Truth) },
        "this listener is without SASL",
    ),
    knows(
        "a broker without SASL",
        |r, b| if r.api == API_VERSIONS { Told::Body(b.to_vec()) } else { Told::Truth },
        "no common version of SaslHandshake",
    ),
    knows(
        "SaslHandshake of garbage",
        |r, b| if r.api == HANDSHAKE { Told::Body(vec![0xff; 9]) } else { authenticated(r, b, || Told::Truth) },
        "SaslHandshake",
    ),
    knows(
        "SaslAuthenticate of 2^31 − 1 bytes",
        |r, b| authenticated(r, b, || Told::Body(vec![0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x07])),
        "SaslAuthenticate",
    ),
    says("SASL that never answers", |r, b| authenticated(r, b, || Told::Nothing), "SCRAM-SHA-256 authentication"),
    says("SASL that hangs up", |r, b| authenticated(r, b, || Told::Last(Vec::new())), "closed"),
    says("SASL cut in the middle", |r, b| authenticated(r, b, || Told::Last(vec![0, 0, 0, 40, 0, 0])), "closed"),
    says(
        "SASL of one byte a second",
        |r, b| authenticated(r, b, || Told::Slowly(Duration::from_secs(1))),
        "SCRAM-SHA-256 authentication",
    ),
    heals("a second SASL round that never ends", |r, b| plain(r, b, || Told::Nothing)),
    heals("a second SASL round that is cut", |r, b| plain(r, b, || Told::Last(Vec::new()))),
    heals("a session of a millisecond, for ever", |r, b| lasting(r, b, 1)),
    heals("a session of −1 ms", |r, b| lasting(r, b, -1)),
    heals("a session of 2^63 − 1 ms", |r, b| lasting(r, b, i64::MAX)),
];
