use std::{collections::BTreeMap, time::Duration};

use libtest_mimic::Failed;
use tokio::time::{Instant, sleep};

use crate::{
    harness::{Context, Outcome},
    http::{self, Connection},
    support::{Process, read_log, shop},
};

/// How long clients take descriptors away.
const PRESSURE: Duration = Duration::from_secs(10);
const CLIENTS: usize = 200;
/// A pause between two orders: what is measured is the service's work, not the test's.
const PAUSE: Duration = Duration::from_millis(50);
/// Within which an order is accepted though idle clients have all places; they would keep them for 15 s.
const BESIDE: Duration = Duration::from_secs(5);
/// How long orders may be refused after the pressure has gone.
const RECOVERY: Duration = Duration::from_secs(30);
/// What a service has beside the descriptors it needs without clients: fewer than the half that clients may take.
const SPARE: usize = 8;
/// Clock ticks of 10 ms that a second of waiting may cost: a loop that spins takes 100.
const TICKS_A_SECOND: u64 = 50;

pub(super) async fn sixty_four_descriptors_cost_no_acknowledged_order(cx: Context) -> Outcome {
    let mut service = Process::together(&cx, "descriptors")?;
    service.limit_descriptors(64);
    let waited = under_pressure(&cx, &mut service).await?;
    assert!(waited < BESIDE, "beside idle clients no order is accepted for {waited:?}");
    Ok(())
}

pub(super) async fn without_descriptors_it_says_so_and_recovers(cx: Context) -> Outcome {
    let mut service = Process::together(&cx, "no-descriptors")?;
    service.up().await?;
    shop::seed(service.port()).await?;
    let order = shop::order(&cx.env().uuid().to_string());
    assert_eq!(http::request(service.port(), "POST", "/orders", Some(&order)).await?.status, 202);
    let needed = service.open_descriptors()?;
    assert!(needed > SPARE, "{needed} are in use");
    service.end().await?;
    service.limit_descriptors(needed + SPARE);
    under_pressure(&cx, &mut service).await?;
    assert!(service.log().contains("Too many open files"), "nothing is said: {}", service.log());
    Ok(())
}

/// Judges the service beside more idle clients than it has descriptors for; after how long it took an order.
async fn under_pressure(cx: &Context, service: &mut Process) -> Result<Duration, Failed> {
    service.up().await?;
    let port = service.port();
    shop::seed(port).await?;
    let mut orders = BTreeMap::new();
    let ticks = service.cpu_ticks()?;
    let mut crowd = Vec::new();
    for number in 0..CLIENTS {
        // The system's own backlog takes them, whether they are accepted or not.
        let mut client = Connection::open(port).await?;
        if number % 2 == 0 {
            // These are answered one day, and stay.
            client.send(&http::written("GET", "/health/live", "", "keep-alive")).await?;
        }
        crowd.push(client);
    }
    let (began, mut waited) = (Instant::now(), None);
    while began.elapsed() < PRESSURE {
        if post(cx, port, &mut orders).await == Some(202) {
            waited.get_or_insert_with(|| began.elapsed());
        }
        sleep(PAUSE).await;
    }
    let spent = service.cpu_ticks()?.saturating_sub(ticks);
    let seconds = began.elapsed().as_secs().max(1);
    assert!(spent < seconds * TICKS_A_SECOND, "{spent} ticks in {seconds} s: something spins");
    drop(crowd);
    let deadline = Instant::now() + RECOVERY;
    while post(cx, port, &mut orders).await != Some(202) {
        assert!(Instant::now() < deadline, "no order is accepted after the pressure\n{}", service.log());
        sleep(Duration::from_millis(100)).await;
    }
    judge(cx, service, &orders).await?;
    let accepted = orders.values().filter(|status| **status == Some(202)).count();
    cx.figure(&format!(
        "{accepted} of {} orders accepted, the first after {waited:?}, {spent} clock ticks in {seconds} s",
        orders.len()
    ));
    Ok(waited.unwrap_or(PRESSURE))
}

/// Posts one order, and notes what was answered, if anything was.
async fn post(cx: &Context, port: u16, orders: &mut BTreeMap<String, Option<u16>>) -> Option<u16> {
    let id = cx.env().uuid().to_string();
    let order = shop::order(&id);
    let asking = http::request(port, "POST", "/orders", Some(&order));
    let answer = tokio::time::timeout(Duration::from_secs(1), asking).await;
    let status = answer.ok().and_then(Result::ok).map(|answer| answer.status);
    orders.insert(id, status);
    status
}

/// What was accepted is in the log once and stored; what was refused is in no log.
async fn judge(cx: &Context, service: &mut Process, orders: &BTreeMap<String, Option<u16>>) -> Outcome {
    for (id, _) in orders.iter().filter(|(_, status)| **status == Some(202)) {
        service.until(&format!("/orders/{id}"), |answer| answer.json()["status"] == "stored").await?;
    }
    service.end().await?;
    let mut in_log: BTreeMap<Vec<u8>, u32> = BTreeMap::new();
    for record in read_log(cx, "orders").await? {
        *in_log.entry(record.key.unwrap_or_default().to_vec()).or_default() += 1;
    }
    for (id, status) in orders {
        let copies = in_log.get(id.as_bytes()).copied().unwrap_or_default();
        let kept = match status {
            Some(202) => copies == 1,
            Some(503) => copies == 0,
            None | Some(504) => copies <= 1,
            Some(other) => return Err(Failed::from(format!("{id} is answered {other}"))),
        };
        assert!(kept, "{id} was answered {status:?} and is {copies} times in the log");
    }
    service.forget(cx).await
}
