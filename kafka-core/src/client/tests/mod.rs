//! The client's connections against a broker in memory, in paused time.

mod fake;
#[cfg(feature = "sasl")]
mod sasl;

use std::{future::poll_fn, pin::pin, task::Poll, time::Duration};

use kafka_protocol::messages::SaslAuthenticateRequest;
use tokio::time::{advance, timeout};

use super::{Client, ConnectionKind, Target};
use crate::error::{Error, ErrorKind};
use fake::{Fake, Say, address, delete_groups, heartbeat, honest, offering};

const FOREVER: Duration = Duration::ZERO;

/// An error and its causes.
fn chain(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(cause) => format!("{error}: {}", chain(cause)),
        None => error.to_string(),
    }
}

#[tokio::test(start_paused = true)]
async fn what_does_not_speak_kafka_is_told_by_its_first_words() {
    for (says, expected) in [
        (
            vec![Say::Bytes(b"HTTP/1.1 400 Bad Request\r\n"), Say::Close],
            "does not speak Kafka: its first bytes are 'HTTP/1.1'",
        ),
        (vec![Say::Bytes(&[21, 3, 3, 0, 2, 2, 80]), Say::Close], "a TLS alert: this listener wants TLS"),
        (vec![Say::Bytes(&[0, 0, 0]), Say::Close], "ended: the broker closed it in its first answer"),
        (vec![Say::Close], "closed it without a word; does it want TLS?"),
        (vec![], "no answer within 5s: agreeing on versions with broker.example:9092"),
    ] {
        let fake = Fake::new(move |_| says.clone());
        let client = fake.client().build().expect("valid settings");
        let text = chain(&heartbeat(&client).await.expect_err("no Kafka"));
        assert!(text.contains("broker.example:9092"), "{text}");
        assert!(text.contains(expected), "'{expected}' is missing from: {text}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_wants_sasl_and_is_not_given_it_is_recognised() {
    let fake = Fake::new(|heard| if heard.number == 0 { honest(heard, FOREVER) } else { vec![Say::Close] });
    let client = fake.client().build().expect("valid settings");
    let error = heartbeat(&client).await.expect_err("it closes");
    assert!(chain(&error).contains("does it want SASL?"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn who_wants_sasl_is_asked_what_it_offers_and_a_broker_that_goes_down_may_come_back() {
    for (code, is_known) in [(33, true), (34, false)] {
        let fake = Fake::new(move |heard| match (heard.number, heard.key) {
            (0, _) => honest(heard, FOREVER),
            (_, 17) => offering(heard, code),
            _ => vec![Say::Close],
        });
        let client = fake.client().build().expect("valid settings");
        let error = heartbeat(&client).await.expect_err("it closes");
        let said = chain(&error);
        match is_known {
            true => assert!(said.contains("this listener wants SASL") && said.contains("it offers PLAIN"), "{said}"),
            false => assert!(said.contains("does it want SASL?") && error.is_retriable(), "{said}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_that_nobody_polls_any_more_holds_nobody_up() {
    let fake = Fake::new(|heard| honest(heard, FOREVER));
    let client = fake.client().build().expect("valid settings");
    heartbeat(&client).await.expect("an answer");
    // Far more than the connection's buffers take: its first poll cannot send it all.
    let large = SaslAuthenticateRequest::default().with_auth_bytes(vec![7; 1 << 20].into());
    let mut left = pin!(call(&client, &large));
    let begun = poll_fn(|cx| Poll::Ready(left.as_mut().poll(cx).is_pending())).await;
    assert!(begun, "it waits for its answer");
    timeout(Duration::from_secs(1), heartbeat(&client)).await.expect("it is held up").expect("an answer");
    left.await.expect("it was sent all the same");
}

async fn call<A: crate::protocol::Api>(client: &Client, request: &A) -> Result<A::Answer, Error> {
    client.call(Target::Address(address()), ConnectionKind::Control, request, Duration::from_secs(30)).await
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_that_ended_unnoticed_costs_a_request_only_if_it_may_have_arrived() {
    // Each connection ends at its third request.
    let fake = Fake::new(|heard| if heard.number < 2 { honest(heard, FOREVER) } else { vec![Say::Close] });
    let client = fake.client().build().expect("valid settings");
    for _ in 0..3 {
        heartbeat(&client).await.expect("over a fresh connection if need be");
        advance(Duration::from_secs(2)).await;
    }
    assert_eq!(fake.heard().iter().filter(|heard| heard.key == 18).count(), 3);
    heartbeat(&client).await.expect("over a fresh connection");
    let soon = heartbeat(&client).await.expect_err("it was not idle: who talks to a dying broker is told");
    assert!(matches!(soon.kind(), ErrorKind::Disconnected { .. }), "{soon}");
    heartbeat(&client).await.expect("over a fresh connection");
    advance(Duration::from_secs(2)).await;
    let error = delete_groups(&client).await.expect_err("it may have been applied");
    assert!(error.maybe_applied(), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_nobody_uses_for_nine_minutes_is_not_used_again() {
    let fake = Fake::new(|heard| honest(heard, FOREVER));
    let client = fake.client().build().expect("valid settings");
    for (minutes, connections) in [(0, 1), (8, 1), (9, 2)] {
        advance(Duration::from_secs(60 * minutes)).await;
        heartbeat(&client).await.expect("an answer");
        let last = fake.heard().last().map(|heard| heard.connection);
        assert_eq!(last, Some(connections), "after {minutes} minutes");
    }
}
