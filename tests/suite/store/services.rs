//! The orders system while its store is away or full: no order is acknowledged that is lost, it says what is the
//! matter, and it goes on by itself.

use std::{
    collections::BTreeMap,
    sync::{MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::future::join_all;
use libtest_mimic::Failed;
use ottla_tests::lane::Needs;
use tokio::{
    sync::watch,
    time::{Instant, sleep},
};

use crate::{
    fixture::{postgres::database, tmpfs::Tmpfs},
    harness::{Context, Outcome, Suite},
    http,
    kills::{Orders, Posted, Scene, judge, post},
    support::shop,
};

const POSTERS: u32 = 3;
/// Orders that are taken before and after.
const ORDERS: usize = 150;
const LIMIT: Duration = Duration::from_secs(90);
/// How soon readiness tells of it.
const NOTICED_WITHIN: Duration = Duration::from_secs(10);
/// Room for some hundred orders.
const DISK_BYTES: u64 = 16 << 20;

pub(super) fn tests(suite: &mut Suite) {
    let limit = Duration::from_secs(420);
    let stopped = postgres_stopped_under_load_loses_no_order;
    let needs = Needs::ANY.alone().own_postgres();
    suite.long_test("store::postgres_stopped_under_load_loses_no_order", needs, limit, stopped);
    let full = a_full_disk_under_redb_loses_no_order;
    suite.long_test("store::a_full_disk_under_redb_loses_no_order", Needs::ANY.alone().mounts(), limit, full);
}

async fn postgres_stopped_under_load_loses_no_order(cx: Context) -> Outcome {
    let server = cx.fixture().own_postgres("services").await?;
    let url = database(server.url(), "orders").await?;
    let mut scene = Scene::on(&cx, url, 1)?;
    let ports = scene.start().await?;
    let away = cx.size().of(Duration::from_secs(12), Duration::from_secs(30));
    let orders = Orders::default();
    let disturb = async {
        until_accepted(&orders, ORDERS).await?;
        server.stop();
        let stopped = Instant::now();
        for port in &ports {
            until_unready(*port, "PostgreSQL at 127.0.0.1", NOTICED_WITHIN).await?;
        }
        let noticed = stopped.elapsed();
        let mut slowest = Duration::ZERO;
        while stopped.elapsed() < away {
            slowest = slowest.max(refused(&cx, ports[0]).await?);
            for port in &ports {
                assert_eq!(http::request(*port, "GET", "/health/live", None).await?.status, 200, "it is alive");
            }
            sleep(Duration::from_millis(200)).await;
        }
        server.launch().await?;
        let back = Instant::now();
        for port in &ports {
            shop::until(*port, "/health/ready", LIMIT, |answer| answer.status == 200).await?;
        }
        cx.figure(&format!(
            "away for {away:?}: unready after {noticed:?}, refusals took {slowest:?} at most, ready {:?} after its return",
            back.elapsed()
        ));
        until_accepted(&orders, ORDERS).await
    };
    while_posting(&cx, ports[0], &orders, disturb).await?;
    let told = told(&orders).clone();
    judge(&cx, scene, &told).await
}

async fn a_full_disk_under_redb_loses_no_order(cx: Context) -> Outcome {
    let dir = cx.fixture().dir("full-disk")?;
    let disk = Tmpfs::mount(&dir, DISK_BYTES)?;
    let mut scene = Scene::together(&cx, dir.join("orders.redb"))?;
    let ports = scene.start().await?;
    let orders = Orders::default();
    let disturb = async {
        until_accepted(&orders, ORDERS).await?;
        disk.fill()?;
        let filled = Instant::now();
        // There may be room left within the file.
        until_unready(ports[0], "disk is full", LIMIT).await?;
        let noticed = filled.elapsed();
        assert_eq!(http::request(ports[0], "GET", "/health/live", None).await?.status, 200, "it is alive");
        // It does not get better by itself.
        sleep(Duration::from_secs(2)).await;
        until_unready(ports[0], "disk is full", NOTICED_WITHIN).await?;
        disk.free()?;
        let freed = Instant::now();
        shop::until(ports[0], "/health/ready", LIMIT, |answer| answer.status == 200).await?;
        cx.figure(&format!(
            "unready {noticed:?} after the disk was full, ready {:?} after it was not",
            freed.elapsed()
        ));
        until_accepted(&orders, ORDERS).await
    };
    while_posting(&cx, ports[0], &orders, disturb).await?;
    let told = told(&orders).clone();
    judge(&cx, scene, &told).await
}

/// Orders are posted until `disturb` is done.
async fn while_posting(cx: &Context, port: u16, orders: &Orders, disturb: impl Future<Output = Outcome>) -> Outcome {
    let (running, over) = watch::channel(false);
    let posting = join_all((0..POSTERS).map(|_| post(cx, port, orders, over.clone())));
    let disturbing = async {
        let outcome = disturb.await;
        let _ = running.send(true);
        outcome
    };
    let (disturbed, posted) = tokio::join!(disturbing, posting);
    disturbed?;
    posted.into_iter().collect::<Result<Vec<_>, _>>().map(drop)
}

fn told(orders: &Orders) -> MutexGuard<'_, BTreeMap<String, Posted>> {
    orders.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits until that many more orders were accepted.
async fn until_accepted(orders: &Orders, more: usize) -> Outcome {
    let accepted = || told(orders).values().filter(|posted| **posted == Posted::Accepted).count();
    let (from, deadline) = (accepted(), Instant::now() + LIMIT);
    while accepted() < from + more {
        if Instant::now() > deadline {
            return Err(format!("only {} orders were accepted within {LIMIT:?}", accepted() - from).into());
        }
        sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

/// Waits until readiness is off and says `why`.
async fn until_unready(port: u16, why: &str, limit: Duration) -> Outcome {
    let unready = |answer: &http::Answer| answer.status == 503 && answer.body.contains(why);
    shop::until(port, "/health/ready", limit, unready).await
}

/// An order is refused in words, and how long that took.
async fn refused(cx: &Context, port: u16) -> Result<Duration, Failed> {
    let asked = Instant::now();
    let order = shop::order(&cx.env().uuid().to_string());
    let answer = http::request(port, "POST", "/orders", Some(&order)).await?;
    assert!([503, 504].contains(&answer.status), "{}: {}", answer.status, answer.body);
    assert!(!answer.body.contains("ottla-suite"), "the password is told: {}", answer.body);
    Ok(asked.elapsed())
}
