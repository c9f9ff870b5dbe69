//! A thousand inputs an endpoint that must be refused, drawn from the run's seed.

use std::collections::BTreeMap;

use futures_util::future::try_join_all;
use libtest_mimic::Failed;
use ottla_envelope::{Schema, parse_value};
use ottla_tests::{
    inputs::{
        head::{garbled, odd_id},
        schema::{broken, pick, valid},
        text::mangled,
    },
    seed::Seed,
};
use serde_json::Value;
use tokio::sync::Semaphore;

use super::{
    Answer, Connection, client, request,
    routes::{ENDPOINTS, Endpoint, methods},
};
use crate::{
    harness::{Context, Outcome},
    support::{Process, shop},
};

/// Bad inputs for each endpoint.
const INPUTS: usize = 1_000;
/// Valid inputs for each endpoint with a body, so that a service that refuses everything does not pass.
const VALID: usize = 50;
const AT_ONCE: usize = 16;

pub(super) async fn bad_inputs_are_refused_by_problem_documents(cx: Context) -> Outcome {
    let mut service = Process::in_memory(&cx, "inputs")?;
    service.up().await?;
    shop::seed(service.port()).await?;
    for endpoint in ENDPOINTS {
        let mut seed = cx.seed().fork(endpoint.method).fork(endpoint.path);
        let told = refused(&service, *endpoint, INPUTS, &mut seed).await?;
        let name = format!("{} {}", endpoint.method, endpoint.path);
        cx.figure(&format!("{name}: {INPUTS} bad inputs refused, by status {told:?}"));
        valid_inputs_are_taken(service.port(), *endpoint, &mut seed).await?;
    }
    let answer = request(service.port(), "GET", "/health/ready", None).await?;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let order = shop::order(&cx.env().uuid().to_string());
    let answer = request(service.port(), "POST", "/orders", Some(&order)).await?;
    assert_eq!(answer.status, 202, "{}", answer.body);
    assert!(!service.log().contains("panicked"), "{}", service.tail());
    service.end().await
}

/// Sends so many bad inputs to an endpoint, each of which must be refused; how often each status was answered.
pub(super) async fn refused(
    service: &Process,
    endpoint: Endpoint,
    count: usize,
    seed: &mut Seed,
) -> Result<BTreeMap<u16, usize>, Failed> {
    let inputs: Vec<_> = (0..count).map(|_| bad(endpoint, seed)).collect::<Result<_, Failed>>()?;
    let told = send_all(service.port(), inputs).await;
    told.map_err(|error| format!("{} {}: {error:?}\n{}", endpoint.method, endpoint.path, service.tail()).into())
}

/// What is sent, and why it is bad.
struct Input {
    bytes: Vec<u8>,
    why: String,
}

/// Sends all, each on a connection of its own; how often each status was answered.
async fn send_all(port: u16, inputs: Vec<Input>) -> Result<BTreeMap<u16, usize>, Failed> {
    let free = Semaphore::new(AT_ONCE);
    let send = async |input: Input| {
        let _permit = free.acquire().await?;
        let answer = async { Connection::open(port).await?.exchange(&input.bytes).await }.await;
        let answer = answer.map_err(|error| format!("{}: {error}\n{}", input.why, shown(&input.bytes)))?;
        match answer.is_no_refusal() {
            None => Ok::<_, Failed>(answer.status),
            Some(told) => Err(format!("{} is answered {told}\n{}", input.why, shown(&input.bytes)).into()),
        }
    };
    let mut told = BTreeMap::new();
    for status in try_join_all(inputs.into_iter().map(send)).await? {
        *told.entry(status).or_default() += 1;
    }
    Ok(told)
}

fn shown(bytes: &[u8]) -> String {
    bytes.iter().take(600).flat_map(|byte| std::ascii::escape_default(*byte)).map(char::from).collect()
}

/// One input that the endpoint must refuse.
fn bad(endpoint: Endpoint, seed: &mut Seed) -> Result<Input, Failed> {
    let Endpoint { method, path: template, schema } = endpoint;
    let path = template.replace("{id}", &format!("{:x}", seed.next_u64()));
    match (seed.between(0..10), schema) {
        (0, _) => Ok(another_method(method, &path, template, seed)),
        (1, _) => {
            let (bytes, why) = garbled(method, &path, seed);
            Ok(Input { bytes, why: why.to_owned() })
        }
        (2, Some(schema)) => Ok(no_json(method, &path, &body(schema, seed)?.to_string(), seed)),
        (3, Some(_)) => Ok(wrong_path(method, template, seed)),
        (4..=6, Some(schema)) => wrong_text(method, &path, schema, seed),
        (_, Some(schema)) => {
            let (body, why) = broken(&serde_json::from_str(schema)?, seed)?;
            Ok(Input { bytes: client::written(method, &path, &body.to_string(), "close"), why })
        }
        (_, None) => Ok(wrong_path(method, template, seed)),
    }
}

fn body(schema: &str, seed: &mut Seed) -> Result<Value, Failed> {
    Ok(valid(&serde_json::from_str(schema)?, seed)?)
}

fn another_method(method: &str, path: &str, template: &str, seed: &mut Seed) -> Input {
    let known: Vec<_> = methods(template).collect();
    let all = ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND", "BREW", "get", "Post", "G"];
    let others: Vec<_> = all.into_iter().filter(|other| !known.contains(other)).collect();
    let other = pick(&others, seed);
    Input { bytes: client::written(other, path, "", "close"), why: format!("{other} instead of {method}") }
}

/// A body that is valid, called something else.
fn no_json(method: &str, path: &str, body: &str, seed: &mut Seed) -> Input {
    let headers = [
        "Content-Type: text/plain",
        "Content-Type: application/x-www-form-urlencoded",
        "Content-Type: multipart/form-data; boundary=x",
        "Content-Type: application/xml",
        "Content-Type: application/jsonp",
        "Content-Type: json",
        "Content-Type:",
        "Content-Type: \u{1f980}",
        "X-Content-Type: application/json",
        "Content-Type: application/json; charset=utf-16",
        "Content-Type: application/json; charset=\"iso-8859-1\"",
        "Content-Type: application/json\r\nContent-Type: text/plain",
        "Content-Type: application/json\r\nContent-Encoding: gzip",
        "Content-Type: application/json\r\nContent-Encoding: br, identity",
    ];
    let header = pick(&headers, seed);
    let length = body.len();
    let text = format!(
        "{method} {path} HTTP/1.1\r\nHost: a\r\n{header}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    );
    Input { bytes: text.into_bytes(), why: header.to_owned() }
}

/// A body whose text is wrong, by the reader's own judgement: now and then a mangled text is a right one.
fn wrong_text(method: &str, path: &str, schema: &str, seed: &mut Seed) -> Result<Input, Failed> {
    let judge = Schema::compile(schema)?;
    loop {
        let (body, why) = mangled(&body(schema, seed)?.to_string(), seed);
        if parse_value(&body).is_ok_and(|value| judge.check(&value).is_ok()) {
            continue;
        }
        let head = client::written(method, path, &" ".repeat(body.len()), "close");
        let head = head.get(..head.len() - body.len()).unwrap_or_default();
        return Ok(Input { bytes: [head, &body].concat(), why: why.to_owned() });
    }
}

/// A path or a query that leads nowhere.
fn wrong_path(method: &str, template: &str, seed: &mut Seed) -> Input {
    let noise = seed.next_u64();
    let queries = ["after=x", "limit=-1", "limit=x", "limit=1&limit=2", "limit=", "after=", "after=%ff", "limit=1e3"];
    let path = match template {
        "/inventory/{id}" if method == "PUT" => {
            let long = "a".repeat(256 + usize::try_from(noise % 8_000).unwrap_or_default());
            template.replace("{id}", pick(&["%ff", "%c3%28", "a/b", "", &long], seed))
        }
        "/orders" if method == "GET" && noise.is_multiple_of(2) => format!("/orders?{}", pick(&queries, seed)),
        _ if template.contains("{id}") => template.replace("{id}", &odd_id(seed)),
        _ => {
            let suffix = pick(&["/", "//", "/x/y/z", "%20", "%00", ";a=b", ".json", "..", "/%2e%2e", "%ff"], seed);
            format!("{template}{noise:x}{suffix}")
        }
    };
    let body = if method == "GET" { "" } else { "{}" };
    Input { bytes: client::written(method, &path, body, "close"), why: "a wrong path".to_owned() }
}

/// Valid inputs are told apart: refused only for what the schema cannot know.
async fn valid_inputs_are_taken(port: u16, endpoint: Endpoint, seed: &mut Seed) -> Outcome {
    let Some(schema) = endpoint.schema else { return Ok(()) };
    for _ in 0..VALID {
        let path = endpoint.path.replace("{id}", &format!("{:x}", seed.next_u64()));
        let body = body(schema, seed)?;
        let answer: Answer = request(port, endpoint.method, &path, Some(&body)).await?;
        let unknown = answer.status == 400 && answer.body.contains("no such customer");
        assert!((200..300).contains(&answer.status) || unknown, "{body} is answered {} {}", answer.status, answer.body);
    }
    Ok(())
}
