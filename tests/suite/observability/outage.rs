//! An outage of Kafka: readiness says so soon, liveness never, and the service comes back by itself.

use std::{io, time::Duration};

use libtest_mimic::Failed;
use tokio::time::{Instant, sleep};

use crate::{
    fixture::Fixture,
    harness::{Context, Outcome},
    http,
    support::{Process, shop},
};

/// How soon readiness must be off.
const NOTICED_WITHIN: Duration = Duration::from_secs(5);
/// The longest that an answer about health may take, whatever the brokers do; what a busy machine adds included.
const ANSWERED_WITHIN: Duration = Duration::from_secs(3);
/// How soon the service must be ready again once the brokers are: a group's session and its rebalance included.
const BACK_WITHIN: Duration = Duration::from_secs(90);

pub(super) async fn brokers_that_are_gone_fail_readiness_and_never_liveness(cx: Context) -> Outcome {
    survives(&cx, Fixture::kill_all, Fixture::restart_all).await
}

pub(super) async fn brokers_that_are_silent_fail_readiness_and_never_liveness(cx: Context) -> Outcome {
    survives(&cx, Fixture::pause_all, Fixture::resume_all).await
}

/// All brokers go `away` and come `back`, under a service that was ready.
async fn survives(
    cx: &Context,
    away: impl AsyncFn(&Fixture) -> io::Result<()>,
    back: impl AsyncFn(&Fixture) -> io::Result<()>,
) -> Outcome {
    let mut service = Process::in_memory(cx, "outage")?;
    service.up().await?;
    shop::seed(service.port()).await?;
    away(cx.fixture()).await?;
    let seen = outage(cx, service.port()).await;
    // Whatever was seen, the next test needs them.
    back(cx.fixture()).await?;
    let (lasting, noticed) = seen?;
    let returned = Instant::now();
    shop::until(service.port(), "/health/ready", BACK_WITHIN, |answer| answer.status == 200).await?;
    cx.figure(&format!(
        "away for {lasting:?}: unready after {noticed:?}, ready {:?} after its return",
        returned.elapsed()
    ));
    let id = cx.env().uuid().to_string();
    let answer = http::request(service.port(), "POST", "/orders", Some(&shop::order(&id))).await?;
    assert_eq!(answer.status, 202, "{}", answer.body);
    service.until(&format!("/orders/{id}"), |answer| answer.json()["status"] == "stored").await?;
    service.end().await
}

/// Readiness, told in time by a service that says that it lives.
pub(super) async fn ready_while_live(port: u16, within: Duration) -> Result<http::Answer, Failed> {
    let asked = Instant::now();
    let live = http::request(port, "GET", "/health/live", None).await?;
    assert_eq!(live.status, 200, "a restart would not help: {}", live.body);
    let ready = http::request(port, "GET", "/health/ready", None).await?;
    assert!(asked.elapsed() < within, "health took {:?}", asked.elapsed());
    Ok(ready)
}

/// Watches health while the brokers are away: how long that was, and how soon readiness was off.
async fn outage(cx: &Context, port: u16) -> Result<(Duration, Duration), Failed> {
    let lasting = cx.size().of(Duration::from_secs(12), Duration::from_secs(60));
    let began = Instant::now();
    let mut noticed = None;
    while began.elapsed() < lasting {
        let ready = ready_while_live(port, ANSWERED_WITHIN).await?;
        if ready.status == 503 {
            let body = ready.json();
            assert_eq!(
                (&body["kafka"], &body["status"]),
                (&"disconnected".into(), &"unhealthy".into()),
                "{}",
                ready.body
            );
            noticed.get_or_insert_with(|| began.elapsed());
        } else if noticed.is_some() || began.elapsed() > NOTICED_WITHIN {
            return Err(format!("ready {:?} into the outage: {}", began.elapsed(), ready.body).into());
        }
        sleep(Duration::from_millis(200)).await;
    }
    Ok((lasting, noticed.ok_or("readiness never said so")?))
}
