use std::time::Duration;

use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::{
    harness::{Context, Outcome},
    http,
    support::{Process, read_log, shop},
};

/// How long an order may be refused once the service is ready.
const LIMIT: Duration = Duration::from_secs(30);
/// When its log has said at the latest what it waits for: after the client's own limit of 30 s.
const TOLD: Duration = Duration::from_secs(45);

pub(super) async fn brokers_away_at_the_start_are_waited_for(cx: Context) -> Outcome {
    let mut service = Process::together(&cx, "away")?;
    service.up().await?;
    // The customer is in the store when the brokers are not.
    shop::seed(service.port()).await?;
    service.end().await?;
    cx.fixture().kill_all().await?;
    let refused = without_brokers(&cx, &mut service).await;
    // Whatever was seen, the next test needs them.
    cx.fixture().restart_all().await?;
    let id = refused?;
    service.until("/health/ready", |answer| answer.status == 200).await?;
    let order = shop::order(&id);
    let accepted = async {
        while http::request(service.port(), "POST", "/orders", Some(&order)).await?.status != 202 {
            sleep(Duration::from_millis(50)).await;
        }
        Ok::<_, libtest_mimic::Failed>(())
    };
    tokio::time::timeout(LIMIT, accepted).await.map_err(|_| "ready, but no order is accepted")??;
    service.until(&format!("/orders/{id}"), |answer| answer.json()["status"] == "stored").await?;
    service.end().await?;
    let log = read_log(&cx, "orders").await?;
    let copies = log.iter().filter(|record| record.key.as_deref() == Some(id.as_bytes())).count();
    assert_eq!(copies, 1, "refused means that nothing was written");
    service.forget(&cx).await
}

/// It lives, is not ready and says why, and refuses an order as not applied; that order's id.
async fn without_brokers(cx: &Context, service: &mut Process) -> Result<String, libtest_mimic::Failed> {
    service.start()?;
    service.until("/health/live", |answer| answer.status == 200).await?;
    let port = service.port();
    let ready = http::request(port, "GET", "/health/ready", None).await?;
    assert_eq!((ready.status, &ready.json()["kafka"]), (503, &json!("disconnected")), "{}", ready.body);
    assert!(ready.json()["error"].as_str().is_some_and(|error| !error.is_empty()), "{}", ready.body);
    let id = cx.env().uuid().to_string();
    let answer = http::request(port, "POST", "/orders", Some(&shop::order(&id))).await?;
    assert_eq!((answer.status, &answer.json()["maybe_applied"]), (503, &json!(false)), "{}", answer.body);
    let deadline = Instant::now() + TOLD;
    while !service.log().contains("no cluster") {
        assert!(Instant::now() < deadline, "the log does not say why: {}", service.log());
        sleep(Duration::from_millis(100)).await;
    }
    Ok(id)
}
