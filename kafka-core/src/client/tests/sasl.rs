use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use kafka_protocol::{messages::SaslAuthenticateResponse, protocol::StrBytes};
use tokio::time::{advance, sleep};

use super::{
    chain,
    fake::{Fake, Heard, Say, auth_bytes, authenticate, heartbeat, honest},
};
use crate::{
    error::ErrorKind,
    security::{Sasl, Secret},
};

const SESSION: Duration = Duration::from_secs(10);
const HEARTBEAT: i16 = 12;
const HANDSHAKE: i16 = 17;
const VERSIONS: i16 = 18;
const AUTHENTICATE: i16 = 36;

fn plain() -> Sasl {
    Sasl::plain("me", Secret::new("canary")).allow_plaintext()
}

fn keys(fake: &Fake) -> Vec<i16> {
    fake.heard().iter().map(|heard| heard.key).collect()
}

#[tokio::test(start_paused = true)]
async fn requests_keep_their_order_around_an_authentication_in_their_midst() {
    // Every answer takes a second, so that requests queue up behind each other.
    let fake = Fake::new(|heard| {
        let mut says = honest(heard, SESSION);
        says.insert(0, Say::Wait(Duration::from_millis(100)));
        says
    });
    let client = fake.client().sasl(plain()).build().expect("valid settings");
    heartbeat(&client).await.expect("an answer");
    assert_eq!(keys(&fake), [VERSIONS, HANDSHAKE, AUTHENTICATE, HEARTBEAT]);
    // Not yet due; then due while one is in flight, and three more come.
    advance(SESSION * 6 / 10).await;
    heartbeat(&client).await.expect("an answer");
    advance(SESSION / 5).await;
    let all = async { tokio::join!(heartbeat(&client), heartbeat(&client), heartbeat(&client)) };
    let (first, second, third) = all.await;
    first.and(second).and(third).expect("answers");
    let later = &keys(&fake)[4..];
    assert_eq!(later, [HEARTBEAT, HANDSHAKE, AUTHENTICATE, HEARTBEAT, HEARTBEAT, HEARTBEAT]);
    assert!(fake.heard().iter().all(|heard| heard.connection == 1));
}

#[tokio::test(start_paused = true)]
async fn nothing_else_is_sent_while_a_session_is_renewed() {
    // A broker takes only SaslAuthenticate after SaslHandshake, and ends the connection at anything else.
    let midway = Arc::new(AtomicUsize::new(0));
    let strict = Arc::clone(&midway);
    let fake = Fake::new(move |heard: &Heard| {
        let expected = match heard.key {
            HANDSHAKE => strict.swap(1, Ordering::SeqCst) == 0,
            AUTHENTICATE => strict.swap(0, Ordering::SeqCst) == 1,
            _ => strict.load(Ordering::SeqCst) == 0,
        };
        let wait = Say::Wait(Duration::from_millis(50));
        if expected { [vec![wait], honest(heard, SESSION)].concat() } else { vec![Say::Close] }
    });
    let client = fake.client().sasl(plain()).build().expect("valid settings");
    let callers = (0..5).map(|number| {
        let client = client.clone();
        async move {
            for _ in 0..200 {
                heartbeat(&client).await.expect("no call fails");
                sleep(Duration::from_millis(70 + 13 * number)).await;
            }
        }
    });
    futures_util::future::join_all(callers).await;
    let heard = fake.heard();
    assert!(heard.iter().all(|heard| heard.connection == 1));
    assert!(heard.iter().filter(|heard| heard.key == HANDSHAKE).count() >= 4, "{}", heard.len());
}

#[tokio::test(start_paused = true)]
async fn a_renewal_that_is_refused_ends_the_connection_and_says_why() {
    let fake = Fake::new(|heard: &Heard| match heard.key {
        AUTHENTICATE if heard.at.elapsed().is_zero() && heard.number > 2 => {
            authenticate(heard, &refusal("no longer, says canary"))
        }
        AUTHENTICATE if heard.connection > 1 => authenticate(heard, &refusal("no longer")),
        _ => honest(heard, SESSION),
    });
    let client = fake.client().sasl(plain()).build().expect("valid settings");
    heartbeat(&client).await.expect("an answer");
    advance(SESSION).await;
    let error = heartbeat(&client).await.expect_err("refused");
    assert!(matches!(error.kind(), ErrorKind::Authentication { mechanism: "PLAIN", .. }), "{error}");
    assert!(!chain(&error).contains("canary") && !format!("{error:?}").contains("canary"), "{error:?}");
}

fn refusal(message: &'static str) -> SaslAuthenticateResponse {
    SaslAuthenticateResponse::default().with_error_code(58).with_error_message(Some(StrBytes::from_static_str(message)))
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_cheats_at_scram_is_refused_before_it_costs_anything() {
    for (challenge, says) in [
        ("s=W22Z,i=4000000000", "4000000000 SCRAM iterations; 4096 to 1000000 are accepted"),
        ("s=W22Z,i=1", "1 SCRAM iterations"),
        ("s=W22Z,i=0", "0 SCRAM iterations"),
        ("s=!,i=4096", "not base64"),
        ("garbage", "no attribute 's'"),
        ("s=W22Z,i=4096", "signature"),
    ] {
        let fake = Fake::new(move |heard: &Heard| match heard.key {
            AUTHENTICATE if heard.number == 2 => {
                let first = String::from_utf8_lossy(&auth_bytes(heard)).into_owned();
                let nonce = first.rsplit_once("r=").map(|(_, nonce)| nonce.to_owned()).unwrap_or_default();
                authenticate(heard, &words(format!("r={nonce}x,{challenge}")))
            }
            AUTHENTICATE => authenticate(heard, &words("v=d3Jvbmc=".to_owned())),
            _ => honest(heard, SESSION),
        });
        let sasl = Sasl::scram_sha_256("me", Secret::new("canary"));
        let client = fake.client().sasl(sasl).build().expect("valid settings");
        let error = heartbeat(&client).await.expect_err("cheated");
        let text = chain(&error);
        assert!(matches!(error.kind(), ErrorKind::Authentication { .. }), "{text}");
        assert!(text.contains(says) && text.contains("broker.example:9092"), "'{says}' is missing from: {text}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_nonce_that_is_not_ours_is_refused() {
    let fake = Fake::new(|heard: &Heard| match heard.key {
        AUTHENTICATE => authenticate(heard, &words("r=another,s=W22Z,i=4096".to_owned())),
        _ => honest(heard, SESSION),
    });
    let client = fake.client().sasl(Sasl::scram_sha_512("me", Secret::new("canary"))).build().expect("valid settings");
    let error = heartbeat(&client).await.expect_err("a replay");
    assert!(chain(&error).contains("does not continue ours"), "{error}");
}

fn words(text: String) -> SaslAuthenticateResponse {
    SaslAuthenticateResponse::default().with_auth_bytes(text.into())
}

#[test]
fn a_password_is_not_sent_in_the_clear_unless_that_is_allowed_by_name() {
    let build = |sasl| crate::Client::builder().bootstrap([super::address()]).sasl(sasl).build().map(drop);
    for sasl in [Sasl::plain("me", Secret::new("canary")), Sasl::oauthbearer_token(Secret::new("canary"))] {
        let error = build(sasl.clone()).expect_err("not allowed");
        assert!(error.to_string().contains("Sasl::allow_plaintext") && !error.to_string().contains("canary"));
        build(sasl.allow_plaintext()).expect("allowed");
    }
    build(Sasl::scram_sha_256("me", Secret::new("canary"))).expect("SCRAM sends no password");
    build(Sasl::scram_sha_256("", Secret::new(""))).expect_err("nobody");
}
