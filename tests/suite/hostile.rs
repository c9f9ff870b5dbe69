//! Brokers that are silent, lie, or are no brokers. They are stubs, so these tests need no lane.

use std::{error::Error as _, net::SocketAddr, time::Duration};

use futures_util::future::try_join_all;
use ottla_kafka_core::{BrokerAddr, Client, Error};
use ottla_tests::{
    lane::Needs,
    stub::{Answer, Request, Stub},
};
use tokio::time::timeout;

use crate::harness::{Context, Outcome, Suite};

const API_VERSIONS: i16 = 18;
const METADATA: i16 = 3;
const CALL_LIMIT: Duration = Duration::from_secs(3);

pub(crate) fn tests(suite: &mut Suite) {
    let lies = a_lying_answer_is_an_error_that_names_the_broker;
    suite.test("hostile::a_lying_answer_is_an_error_that_names_the_broker", Needs::ANY, lies);
}

/// A client with limits short enough to wait for.
fn client(address: SocketAddr) -> Result<Client, Error> {
    Client::builder()
        .bootstrap([BrokerAddr::new(address.ip().to_string(), address.port())])
        .connect_timeout(Duration::from_secs(1))
        .request_timeout(Duration::from_secs(1))
        .default_api_timeout(CALL_LIMIT)
        .build()
}

async fn a_lying_answer_is_an_error_that_names_the_broker(_: Context) -> Outcome {
    let flexible = padded(&[0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x0f]);
    let lies = [
        ("2^31 − 1 brokers, version 4", 4, Answer::Body(padded(&[0, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff]))),
        ("2^32 − 2 brokers, version 9", 9, Answer::Body(flexible.clone())),
        ("2^32 − 2 brokers, version 12", 12, Answer::Body(flexible)),
        ("an answer of 2 GiB", 12, Answer::Bytes(vec![0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 1])),
        ("an answer of negative length", 12, Answer::Bytes(vec![0xff, 0xff, 0xff, 0xff, 0, 0, 0, 1])),
        ("an answer to another request", 12, Answer::Bytes(vec![0, 0, 0, 4, 0x77, 0x77, 0x77, 0x77])),
        ("another protocol", 12, Answer::Bytes(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n".to_vec())),
    ];
    try_join_all(lies.map(|(what, metadata_max, lie)| ask_a_liar(what, metadata_max, lie))).await.map(drop)
}

async fn ask_a_liar(what: &str, metadata_max: u8, lie: Answer) -> Outcome {
    let stub = Stub::answering(move |request| match request.api {
        API_VERSIONS => Answer::Body(api_versions(request, metadata_max)),
        _ => lie.clone(),
    });
    let stub = stub.await?;
    let client = client(stub.address())?;
    let answer = timeout(CALL_LIMIT * 2, client.metadata().topics(&["orders"])).await;
    let answer = answer.map_err(|_| format!("{what}: no end within twice its limit"))?;
    let text = chain(&answer.err().ok_or_else(|| format!("{what}: believed"))?);
    assert!(text.contains(&stub.address().to_string()), "{what}: the error does not name the broker: {text}");
    Ok(())
}

/// An error and its causes.
fn chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// Two kilobytes, so that a length that only exceeds the frame is not what gives the lie away.
fn padded(start: &[u8]) -> Vec<u8> {
    let mut body = start.to_vec();
    body.resize(2_000, 0x11);
    body
}

/// Offers ApiVersions to version 3 and Metadata to `metadata_max`.
fn api_versions(request: &Request, metadata_max: u8) -> Vec<u8> {
    let [api_versions, metadata] = [(API_VERSIONS, 3), (METADATA, metadata_max)].map(|(api, max)| {
        let [high, low] = api.to_be_bytes();
        [high, low, 0, 0, 0, max]
    });
    match request.version {
        // Error code, array, throttle time.
        0..=2 => [&[0, 0, 0, 0, 0, 2], &api_versions[..], &metadata[..], &[0, 0, 0, 0]].concat(),
        // The same in the flexible encoding: the array's length plus one, and tagged fields.
        3 => [&[0, 0, 3], &api_versions[..], &[0], &metadata[..], &[0, 0, 0, 0, 0, 0]].concat(),
        // Kafka answers a version it does not know in version 0, with an error and what it knows.
        _ => [&[0, 35, 0, 0, 0, 2], &api_versions[..], &metadata[..]].concat(),
    }
}
