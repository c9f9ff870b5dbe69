//! The demo's account, on its own broker and on the lane's.

use std::time::Duration;

use ottla_tests::lane::Needs;
use serde_json::Value;

use crate::{
    command,
    harness::{Context, Outcome, Suite},
};

const ORDERS: u64 = 1_000;

pub(crate) fn tests(suite: &mut Suite) {
    let limit = Duration::from_secs(120);
    let own = the_demo_loses_nothing_on_its_own_broker;
    suite.long_test("demo::the_demo_loses_nothing_on_its_own_broker", Needs::ANY, limit, own);
    let lane = the_demo_loses_nothing_on_the_lanes_broker;
    suite.long_test("demo::the_demo_loses_nothing_on_the_lanes_broker", Needs::ANY.alone(), limit, lane);
}

async fn the_demo_loses_nothing_on_its_own_broker(cx: Context) -> Outcome {
    run(&cx, "own", &[]).await
}

async fn the_demo_loses_nothing_on_the_lanes_broker(cx: Context) -> Outcome {
    let address = cx.fixture().addresses().first().cloned().ok_or("no broker")?;
    run(&cx, "lane", &["--bootstrap", &address]).await
}

async fn run(cx: &Context, name: &str, more: &[&str]) -> Outcome {
    let dir = cx.fixture().dir(&format!("demo-{name}"))?;
    let log = dir.join("log");
    let orders = ORDERS.to_string();
    // Of a thousand orders one in twenty: that no attempt fails at all does not happen.
    let args = [&["demo", "--orders", &orders, "--poison", "1", "--flaky", "5", "--exit", "--json"], more].concat();
    let mut demo = command::start(&args, &dir, &log)?;
    let status = demo.wait().await?;
    assert!(status.success(), "{status}\n{}", demo.tail(40));
    let output = std::fs::read_to_string(&log)?;
    let summary: Value = serde_json::from_str(output.lines().last().unwrap_or_default())?;
    let count = |name: &str| summary.get(name).and_then(Value::as_u64).ok_or_else(|| format!("{name}: {summary}"));
    assert_eq!((count("lost")?, count("duplicates")?), (0, 0), "{summary}");
    assert_eq!((count("accepted")?, count("poisoned")?), (ORDERS, ORDERS / 100), "{summary}");
    assert_eq!(count("stored")? + count("dead_lettered")?, count("accepted")? + count("poisoned")?, "{summary}");
    assert!(count("retried")? > 0, "one in twenty fails once: {summary}");
    Ok(())
}
