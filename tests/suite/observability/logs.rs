//! Logs that a machine reads.

use std::time::Duration;

use serde_json::Value;

use crate::{
    harness::{Context, Outcome},
    http,
    support::{Process, read_log, shop},
};

pub(super) async fn json_logs_carry_an_orders_ids_from_its_request_to_its_record(cx: Context) -> Outcome {
    let mut service = Process::in_memory(&cx, "json-logs")?.arguments(&["--log-format", "json"]);
    service.up().await?;
    shop::seed(service.port()).await?;
    // Requests and records are told at most so often in a second: this order is not to be among too many.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let id = cx.env().uuid().to_string();
    let answer = http::request(service.port(), "POST", "/orders", Some(&shop::order(&id))).await?;
    assert_eq!(answer.status, 202, "{}", answer.body);
    service.until(&format!("/orders/{id}"), |answer| answer.json()["status"] == "stored").await?;
    service.end().await?;
    let log = read_log(&cx, "orders").await?;
    let record = log.iter().find(|record| record.key.as_deref() == Some(id.as_bytes())).ok_or("not in the log")?;
    let metadata = serde_json::from_str::<Value>(&record.text())?["metadata"].clone();
    let lines: Vec<Value> = service
        .log()
        .lines()
        .filter(|line| line.starts_with('{'))
        .map(serde_json::from_str)
        .collect::<Result<_, _>>()?;
    assert!(lines.len() > 3, "no JSON: {}", service.tail());
    let field = |line: &Value, name: &str| line["fields"][name].as_str().or(line[name].as_str()).map(str::to_owned);
    for name in ["correlation_id", "trace_id"] {
        let expected = metadata[name].as_str().ok_or_else(|| format!("the record has no {name}: {metadata}"))?;
        let told: Vec<&Value> = lines.iter().filter(|line| field(line, name).as_deref() == Some(expected)).collect();
        // The request's, and the record's.
        assert!(told.len() >= 2, "{name} {expected} is on {} lines: {}", told.len(), service.tail());
        assert!(told.iter().all(|line| field(line, "span_id").is_some()), "a line without its span: {told:?}");
    }
    Ok(())
}
