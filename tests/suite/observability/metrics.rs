//! What the dashboard and the rules ask for, a running service has.

use std::collections::BTreeSet;

use ottla_kafka_core::{Producer, ProducerRecord};
use serde_json::Value;

use crate::{
    harness::{Context, Outcome},
    http,
    support::{Process, shop},
};

const DASHBOARD: &str = include_str!("../../../deploy/grafana/ottla.json");
const RULES: &str = include_str!("../../../deploy/prometheus/ottla.rules.yml");

/// Prometheus's own, and words of its language that no parenthesis follows.
const NOT_OURS: [&str; 10] = ["up", "and", "or", "unless", "bool", "offset", "sum", "max", "min", "count"];

pub(super) async fn every_metric_of_rules_and_dashboard_is_in_a_live_scrape(cx: Context) -> Outcome {
    let mut service = Process::in_memory(&cx, "scrape")?;
    service.up().await?;
    shop::seed(service.port()).await?;
    let id = cx.env().uuid().to_string();
    let answer = http::request(service.port(), "POST", "/orders", Some(&shop::order(&id))).await?;
    assert_eq!(answer.status, 202, "{}", answer.body);
    service.until(&format!("/orders/{id}"), |answer| answer.json()["status"] == "stored").await?;
    // A failure and a dead letter have figures once there is one.
    let client = cx.client()?;
    let producer = Producer::builder(&client).build()?;
    producer.send(ProducerRecord::to("orders").key("poison").value("not an order")).await?;
    producer.close().await;
    client.close().await;
    let asked = asked_for();
    assert!(asked.len() > 30, "the expressions were not read: {asked:?}");
    let missing = |scrape: &str| -> Vec<String> {
        let there: BTreeSet<&str> = scrape.lines().filter(|line| !line.starts_with('#')).map(name_of).collect();
        asked.iter().filter(|name| !there.contains(name.as_str())).cloned().collect()
    };
    // What is asked of the cluster comes a moment after the start.
    service.until("/metrics", |answer| missing(&answer.body).is_empty()).await.map_err(|error| {
        format!(
            "a live scrape lacks metrics: {}",
            error.message().unwrap_or_default().chars().take(400).collect::<String>()
        )
    })?;
    let scrape = http::request(service.port(), "GET", "/metrics", None).await?.body;
    cx.figure(&format!("{} metrics of rules and dashboard, all among {} samples", asked.len(), scrape.lines().count()));
    service.end().await
}

/// A sample's metric.
fn name_of(sample: &str) -> &str {
    sample.split(['{', ' ']).next().unwrap_or_default()
}

/// Every metric that an expression of the dashboard or the rules names.
fn asked_for() -> BTreeSet<String> {
    let dashboard: Value = serde_json::from_str(DASHBOARD).unwrap_or_default();
    let panels = dashboard["panels"].as_array().into_iter().flatten();
    let targets = panels.flat_map(|panel| panel["targets"].as_array().into_iter().flatten());
    let expressions = targets.filter_map(|target| target["expr"].as_str());
    let rules = RULES.lines().filter_map(|line| line.trim().strip_prefix("expr: "));
    expressions.chain(rules).flat_map(metrics_of).collect()
}

/// The metrics in an expression: names that are neither functions, labels nor words of the language.
fn metrics_of(expression: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut rest = expression;
    while let Some(first) = rest.chars().next() {
        let length = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != ':').unwrap_or(rest.len());
        let (word, after) = rest.split_at(length.max(first.len_utf8()));
        let next = after.trim_start();
        rest = match first {
            // Matchers and ranges name labels and times.
            '{' => next.split_once('}').map_or("", |(_, after)| after),
            '[' => next.split_once(']').map_or("", |(_, after)| after),
            _ if ["by", "without", "on", "ignoring"].contains(&word) => {
                next.split_once(')').map_or("", |(_, after)| after)
            }
            _ if first.is_ascii_alphabetic() && !next.starts_with('(') && !NOT_OURS.contains(&word) => {
                names.push(word.to_owned());
                after
            }
            _ => after,
        };
    }
    names
}
