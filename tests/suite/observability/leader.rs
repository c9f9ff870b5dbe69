//! One leader of several is away: that the others answer is not enough to work.

use std::time::Duration;

use libtest_mimic::Failed;
use ottla_embedded_broker::{Api, EmbeddedBroker, Fault};
use tokio::time::{Instant, sleep};

use super::outage::ready_while_live;
use crate::{
    harness::{Context, Outcome},
    http,
    support::{Process, shop},
};

const NODES: std::ops::RangeInclusive<i32> = 1..=3;
/// How long the leader is away.
const AWAY: Duration = Duration::from_secs(8);
/// How soon readiness must be off, on a busy machine.
const NOTICED_WITHIN: Duration = Duration::from_secs(20);
/// The longest that an answer about health may take, whatever the brokers do; what a busy machine adds included.
const ANSWERED_WITHIN: Duration = Duration::from_secs(5);
/// How soon the service must be ready again: requests that were never answered are given up by then.
const BACK_WITHIN: Duration = Duration::from_secs(90);

pub(super) async fn a_silent_leader_is_named_by_readiness_until_it_answers(cx: Context) -> Outcome {
    let builder = EmbeddedBroker::builder().listen("127.0.0.1:0").nodes(NODES.count()).auto_create_topics(false);
    let broker = builder.start().await?;
    let addresses: Vec<String> = broker.addrs().map(|address| address.to_string()).collect();
    let mut service = Process::in_memory_on(&cx, "leader", &addresses.join(","))?;
    service.up().await?;
    shop::seed(service.port()).await?;
    let (node, partition) = chosen(&broker)?;
    for api in Api::all() {
        broker.faults().add(api, Fault::Silence.times(u32::MAX).at_node(node));
    }
    let noticed = named_while_away(service.port(), node, &format!("orders-{partition}")).await?;
    broker.faults().clear();
    let returned = Instant::now();
    shop::until(service.port(), "/health/ready", BACK_WITHIN, |answer| answer.status == 200).await?;
    cx.figure(&format!("unready after {noticed:?}, ready {:?} after its leader's return", returned.elapsed()));
    let id = cx.env().uuid().to_string();
    let answer = http::request(service.port(), "POST", "/orders", Some(&shop::order(&id))).await?;
    assert_eq!(answer.status, 202, "{}", answer.body);
    service.until(&format!("/orders/{id}"), |answer| answer.json()["status"] == "stored").await?;
    service.end().await?;
    broker.stop().await;
    Ok(())
}

/// A node that coordinates neither group, so that nothing but a leader is away, and the first partition that it leads.
fn chosen(broker: &EmbeddedBroker) -> Result<(i32, i32), Failed> {
    let groups = ["orders-consumer-group", "users-consumer-group"].map(|group| broker.coordinator(group));
    let node = NODES.rev().find(|node| !groups.contains(&Some(*node))).ok_or("every node coordinates a group")?;
    let led = (0..).map_while(|partition| broker.leader("orders", partition)).zip(0..).find(|(led, _)| *led == node);
    let (_, partition) = led.ok_or_else(|| format!("node {node} leads nothing of orders"))?;
    Ok((node, partition))
}

/// Watches health while the leader is away: how soon readiness named it.
async fn named_while_away(port: u16, node: i32, partition: &str) -> Result<Duration, Failed> {
    let (began, mut noticed) = (Instant::now(), None);
    while noticed.is_none_or(|noticed| began.elapsed() < noticed + AWAY) {
        let ready = ready_while_live(port, ANSWERED_WITHIN).await?;
        if ready.status == 503 {
            let error = ready.json()["error"].as_str().unwrap_or_default().to_owned();
            if error.contains(partition) && error.contains(&format!("leader {node}")) {
                noticed.get_or_insert_with(|| began.elapsed());
            }
        } else if noticed.is_some() || began.elapsed() > NOTICED_WITHIN {
            return Err(format!("ready {:?} after {node} fell silent: {}", began.elapsed(), ready.body).into());
        }
        if noticed.is_none() && began.elapsed() > NOTICED_WITHIN {
            return Err(format!("{partition} is never named: {}", ready.body).into());
        }
        sleep(Duration::from_millis(100)).await;
    }
    noticed.ok_or_else(|| "readiness never named it".into())
}
