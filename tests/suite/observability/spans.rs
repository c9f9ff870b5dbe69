//! What a collector of OpenTelemetry sees.

use std::{
    collections::BTreeSet,
    error::Error,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use http_body_util::{BodyExt, Full};
use hyper::{Request, Response, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use libtest_mimic::Failed;
use ottla::{Env, Task};
use serde_json::{Value, json};
use tokio::{
    net::TcpListener,
    time::{Instant, sleep},
};

use crate::{
    harness::{Context, Outcome},
    http,
    support::{Process, read_log, shop},
};

/// Longer than spans are gathered, and than a busy machine takes for an order.
const LIMIT: Duration = Duration::from_secs(60);

/// The caller's own span.
const CALLER: &str = "00f067aa0ba902b7";

pub(super) async fn a_collector_sees_an_order_from_its_request_to_its_row(cx: Context) -> Outcome {
    let collector = Collector::start(cx.env()).await?;
    let endpoint = format!("http://127.0.0.1:{}", collector.port);
    let mut service = Process::in_memory(&cx, "spans")?.arguments(&["--otlp", &endpoint]);
    service.up().await?;
    shop::seed(service.port()).await?;
    let (id, trace) = (cx.env().uuid().to_string(), cx.env().uuid().simple().to_string());
    let caller = format!("00-{trace}-{CALLER}-01");
    let answer = http::post_with(service.port(), "/orders", ("traceparent", &caller), &shop::order(&id)).await?;
    assert_eq!(answer.status, 202, "{}", answer.body);
    let spans = collector.until_all_of(&trace, &["request", "publish", "handle", "store"]).await?;
    service.until(&format!("/orders/{id}"), |answer| answer.json()["status"] == "stored").await?;

    // Each is the child of the one before, and the first the caller's.
    let mut parent = CALLER.to_owned();
    let mut began = 0;
    for (name, kind) in [("request", 2), ("publish", 4), ("handle", 5), ("store", 3)] {
        // A unit of work that lost against another is run again.
        let done = |span: &&Value| span["name"] == name && span["status"] == json!({});
        let of_name: Vec<_> = spans.iter().filter(done).collect();
        let [span] = of_name.as_slice() else { return Err(format!("{name}: {of_name:?} of {spans:?}").into()) };
        assert_eq!((&span["kind"], &span["parentSpanId"]), (&kind.into(), &parent.as_str().into()), "{span}");
        let (start, end) = (nanoseconds(span, "startTimeUnixNano")?, nanoseconds(span, "endTimeUnixNano")?);
        assert!(began <= start && start <= end, "{span} begins before {began}, or ends before it begins");
        (parent, began) = (span["spanId"].as_str().ok_or("no span id")?.to_owned(), start);
    }
    let ids: BTreeSet<_> = spans.iter().map(|span| span["spanId"].to_string()).collect();
    assert_eq!(ids.len(), spans.len(), "{spans:?}");
    assert_eq!(attribute(&spans, "request", "status"), "202");
    assert_eq!(attribute(&spans, "request", "route"), "/orders");
    assert_eq!(attribute(&spans, "publish", "topic"), "orders");
    assert_eq!(attribute(&spans, "handle", "topic"), "orders");

    // The record is of the same trace, and names the span that wrote it.
    let log = read_log(&cx, "orders").await?;
    let record = log.iter().find(|record| record.key.as_deref() == Some(id.as_bytes())).ok_or("not in the log")?;
    let metadata = serde_json::from_str::<Value>(&record.text())?["metadata"].clone();
    assert_eq!(metadata["trace_id"], trace.as_str());
    let publish = spans.iter().find(|span| span["name"] == "publish").ok_or("no publish")?;
    assert_eq!(metadata["span_id"], publish["spanId"]);
    assert_eq!(attribute(&spans, "handle", "offset"), record.offset.to_string());
    service.end().await
}

fn nanoseconds(span: &Value, name: &str) -> Result<u64, Failed> {
    Ok(span[name].as_str().ok_or_else(|| format!("no {name}: {span}"))?.parse()?)
}

/// The attribute `name` of the span called `of`, as text.
fn attribute(spans: &[Value], of: &str, name: &str) -> String {
    let attributes = spans.iter().filter(|span| span["name"] == of).flat_map(|span| span["attributes"].as_array());
    let value = attributes.flatten().find(|attribute| attribute["key"] == name).map(|attribute| &attribute["value"]);
    let text = value.and_then(|value| value["stringValue"].as_str().or(value["intValue"].as_str()));
    text.unwrap_or_default().to_owned()
}

/// Takes spans as a collector does: OTLP over HTTP, in JSON.
struct Collector {
    port: u16,
    spans: Arc<Mutex<Vec<Value>>>,
    _serving: Task,
}

impl Collector {
    async fn start(env: &Env) -> Result<Self, Failed> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let (port, spans) = (listener.local_addr()?.port(), Arc::default());
        let (collected, env_of_connections) = (Arc::clone(&spans), env.clone());
        let serving = env.spawn("collector", async move {
            let mut connections = Vec::new();
            while let Ok((stream, _)) = listener.accept().await {
                let collected = Arc::clone(&collected);
                let service = service_fn(move |request| take(request, Arc::clone(&collected)));
                connections.push(env_of_connections.spawn("connection", async move {
                    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
                }));
            }
        });
        Ok(Self { port, spans, _serving: serving })
    }

    /// The spans of a trace, once there is one of each name.
    async fn until_all_of(&self, trace: &str, names: &[&str]) -> Result<Vec<Value>, Failed> {
        let deadline = Instant::now() + LIMIT;
        loop {
            let mut spans = self.spans.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let all = spans.len();
            spans.retain(|span| span["traceId"] == trace);
            if names.iter().all(|name| spans.iter().any(|span| span["name"] == *name)) {
                return Ok(spans);
            }
            if Instant::now() > deadline {
                return Err(format!("only {spans:?} of {all} spans are of trace {trace}").into());
            }
            sleep(Duration::from_millis(20)).await;
        }
    }
}

async fn take(
    request: Request<Incoming>,
    collected: Arc<Mutex<Vec<Value>>>,
) -> Result<Response<Full<&'static [u8]>>, Box<dyn Error + Send + Sync>> {
    let as_told = request.method() == "POST"
        && request.uri().path() == "/v1/traces"
        && request.headers().get("content-type").is_some_and(|value| value == "application/json");
    let body = request.into_body().collect().await?.to_bytes();
    let body: Value = serde_json::from_slice(&body)?;
    let mut spans = Vec::new();
    for resource in body["resourceSpans"].as_array().into_iter().flatten() {
        let named = resource.pointer("/resource/attributes/0/value/stringValue").is_some();
        for scope in resource["scopeSpans"].as_array().into_iter().flatten().filter(|_| named) {
            spans.extend(scope["spans"].as_array().into_iter().flatten().cloned());
        }
    }
    let status = if as_told && !spans.is_empty() { 200 } else { 400 };
    if status == 200 {
        collected.lock().unwrap_or_else(PoisonError::into_inner).append(&mut spans);
    }
    Ok(Response::builder().status(status).body(Full::new(b"{}".as_slice()))?)
}
