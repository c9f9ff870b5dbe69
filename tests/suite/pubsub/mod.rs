//! The orders system over a broker: from HTTP to the event store, and what happens to records that are no orders.

mod apart;
mod compression;
mod dense;
mod poison;
mod users;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::future::try_join_all;
use http_body_util::{BodyExt, Full};
use hyper::{Method, Request, StatusCode};
use hyper_util::{
    client::legacy::{Client as HttpClient, connect::HttpConnector},
    rt::TokioExecutor,
};
use libtest_mimic::Failed;
use ottla::{
    Client,
    delivery::{MemoryStore, Store, Unit},
    kafka::{ErrorCode, Producer, ProducerRecord, record::BatchBuilder},
};
use ottla_services::pubsub::{
    PubSub, Share,
    rows::{self, order_key},
};
use ottla_tests::lane::Needs;
use serde_json::{Value, json};
use tokio::time::{Instant, interval, timeout};
use uuid::Uuid;

use crate::{
    command,
    fixture::ports,
    harness::{Context, Outcome, Suite},
    http,
    support::{MAX_MESSAGE_BYTES, Process, read_log, shop},
};

pub(crate) fn tests(suite: &mut Suite) {
    let limit = Duration::from_secs(120);
    let travels = orders_travel_to_the_store_and_poison_to_the_dead_letters;
    suite.long_test(
        "pubsub::orders_travel_to_the_store_and_poison_to_the_dead_letters",
        Needs::ANY.alone(),
        limit,
        travels,
    );
    suite.test(
        "pubsub::without_a_cluster_it_starts_and_says_why",
        Needs::ANY,
        without_a_cluster_it_starts_and_says_why,
    );
    let again = a_topic_that_was_deleted_is_made_again;
    suite.long_test("pubsub::a_topic_that_was_deleted_is_made_again", Needs::ANY, limit, again);
    apart::tests(suite);
    compression::tests(suite);
    dense::tests(suite);
    poison::tests(suite);
    users::tests(suite);
}

const ORDERS: u128 = 200;

async fn orders_travel_to_the_store_and_poison_to_the_dead_letters(cx: Context) -> Outcome {
    let (client, store) = (cx.client()?, Arc::new(MemoryStore::new()));
    let builder = PubSub::builder(client.clone()).listen(([127, 0, 0, 1], 0).into()).flaky(Share::percent(20.0));
    let service = builder.store(store.clone()).start().await?;
    let web = Web::new(&service);
    web.until("/health/ready", |status, _| status == StatusCode::OK).await?;
    shop::seed(service.addr().port()).await?;

    // Nobody else's orders have these ids, also on a cluster that outlives the run.
    let base = cx.seed().between(0..u64::MAX);
    let ids: Vec<_> = (0..ORDERS).map(|n| Uuid::from_u128(u128::from(base) << 64 | n)).collect();
    try_join_all(ids.iter().map(|id| post_order(&web, *id))).await?;
    try_join_all(ids.iter().step_by(10).map(|id| post_order(&web, *id))).await?;
    let poison = post_poison(&client, base).await?;
    for id in &ids {
        web.until(&format!("/orders/{id}"), |_, body| body["status"] == "stored").await?;
    }
    for id in poison.keys() {
        web.until(&format!("/orders/{id}"), |_, body| body["status"] == "dead-lettered").await?;
    }

    let orders = read_log(&cx, "orders").await?;
    for id in &ids {
        let key = id.to_string();
        let found: Vec<_> = orders.iter().filter(|record| record.key.as_deref() == Some(key.as_bytes())).collect();
        let [record] = found.as_slice() else { return Err(format!("{id}: {} records", found.len()).into()) };
        let row = store.get(rows::ORDERS, &order_key(*id)).await?.ok_or("no row")?;
        let row: rows::StoredOrder = serde_json::from_slice(&row.value)?;
        assert_eq!(Some(row.record.get().as_bytes()), record.value.as_deref());
        assert_eq!((row.partition, row.offset), (record.partition, record.offset));
    }
    let letters = read_log(&cx, "orders-dlq").await?;
    for (id, value) in &poison {
        let key = id.to_string();
        let found: Vec<_> = letters.iter().filter(|record| record.key.as_deref() == Some(key.as_bytes())).collect();
        let [letter] = found.as_slice() else { return Err(format!("{id}: {} dead letters", found.len()).into()) };
        assert_eq!(&letter.value, value);
    }

    let (_, metrics) = web.ask(Method::GET, "/metrics", None).await?;
    for name in ["kafka_producer_messages_total", "kafka_consumer_lag", "kafka_dlq_messages_total"] {
        assert!(metrics.contains(&format!("\n{name}{{")), "{name}: {metrics}");
    }
    let counts = service.counts().clone();
    assert!(counts.failures_on_purpose() > 0);
    assert_eq!(counts.retried_records(), counts.failures_on_purpose());
    let report = service.shutdown(Duration::from_secs(30)).await;
    assert!(report.requests_ended && report.drained, "{report:?}");
    assert!(report.worker.is_some_and(|worker| worker.drained()));
    client.close().await;
    Ok(())
}

async fn without_a_cluster_it_starts_and_says_why(_cx: Context) -> Outcome {
    // A port that was just free; nobody listens there.
    let port = std::net::TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
    let client = Client::builder().bootstrap([format!("127.0.0.1:{port}").parse()?]).build()?;
    let store = Arc::new(MemoryStore::new());
    let customer = serde_json::to_vec(&shop::customer())?;
    store.apply(Unit::new().put(rows::CUSTOMERS, "user-456", customer)).await?;
    let builder = PubSub::builder(client.clone()).store(store).listen(([127, 0, 0, 1], 0).into());
    let service = builder.delivery_timeout(Duration::from_millis(500)).start().await?;
    let web = Web::new(&service);
    let began = Instant::now();
    let (status, body) = web.json(Method::GET, "/health", None).await?;
    assert!(began.elapsed() < Duration::from_secs(2));
    assert_eq!((status, &body["kafka"]), (StatusCode::SERVICE_UNAVAILABLE, &json!("disconnected")));
    assert!(body["error"].is_string(), "{body}");
    assert_eq!(web.json(Method::GET, "/health/live", None).await?.0, StatusCode::OK);
    let stocked = web.json(Method::PUT, "/inventory/prod-789", Some(shop::product())).await?;
    assert_eq!(stocked.0, StatusCode::CREATED);
    let order = shop::order(&Uuid::from_u128(1).to_string());
    for (path, body) in [("/orders", order), ("/users", shop::customer())] {
        let (status, body) = web.json(Method::POST, path, Some(body)).await?;
        assert_eq!((status, &body["maybe_applied"]), (StatusCode::SERVICE_UNAVAILABLE, &json!(false)), "{path}");
    }
    let report = service.shutdown(Duration::from_secs(10)).await;
    assert!(report.requests_ended && report.drained, "{report:?}");
    client.close().await;
    Ok(())
}

async fn post_order(web: &Web, id: Uuid) -> Outcome {
    let (status, body) = web.json(Method::POST, "/orders", Some(shop::order(&id.to_string()))).await?;
    assert_eq!(status, StatusCode::ACCEPTED, "{body}");
    Ok(())
}

/// Writes records that are no orders straight to the topic, as a faulty producer would.
async fn post_poison(client: &Client, base: u64) -> Result<BTreeMap<Uuid, Option<Bytes>>, Failed> {
    let values = [
        None,
        Some(Bytes::from_static(b"no JSON")),
        Some(Bytes::from_static(b"{\"order_id\": \"\xff\"}")),
        Some(Bytes::from_static(b"{\"order_id\": 7}")),
        Some(at_the_limit()),
    ];
    let producer = Producer::builder(client).max_request_size(2 * MAX_MESSAGE_BYTES).build()?;
    let mut poison = BTreeMap::new();
    let id = |n: usize| Uuid::from_u128(u128::from(base) << 64 | 1 << 32 | n as u128);
    let larger = [&at_the_limit()[..], b"["].concat();
    let refused = producer.send(ProducerRecord::to("orders").key(id(99).to_string()).value(larger)).await;
    let refused = refused.err().ok_or("one byte more is no limit")?;
    assert_eq!((refused.code(), refused.maybe_applied()), (Some(ErrorCode::MESSAGE_TOO_LARGE), false));
    for (n, value) in values.into_iter().enumerate() {
        let id = id(n);
        let record = ProducerRecord::to("orders").key(id.to_string());
        let record = value.clone().into_iter().fold(record, ProducerRecord::value);
        producer.send(record).await?;
        poison.insert(id, value);
    }
    producer.close().await;
    Ok(poison)
}

/// A value whose batch, under a key as long as an order's id, is as large as the topic takes.
fn at_the_limit() -> Bytes {
    let key = Uuid::nil().to_string();
    let fits = |length: &usize| {
        let mut batch = BatchBuilder::new();
        batch.push(0, Some(key.as_bytes()), Some(&vec![b'['; *length]), &[]);
        batch.size() <= MAX_MESSAGE_BYTES
    };
    let length = (0..MAX_MESSAGE_BYTES).rev().find(fits).unwrap_or_default();
    vec![b'['; length].into()
}

/// A client of the service's HTTP.
struct Web {
    client: HttpClient<HttpConnector, Full<Bytes>>,
    base: String,
}

const LIMIT: Duration = Duration::from_secs(45);

impl Web {
    fn new(service: &PubSub) -> Self {
        let client = HttpClient::builder(TokioExecutor::new()).build_http();
        Self { client, base: format!("http://{}", service.addr()) }
    }

    async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> Result<(StatusCode, String), Failed> {
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        let request = Request::builder().method(method).uri(format!("{}{path}", self.base));
        let request = request.header("content-type", "application/json").body(Full::from(body))?;
        let response = timeout(LIMIT, self.client.request(request)).await??;
        let status = response.status();
        let body = timeout(LIMIT, response.into_body().collect()).await??.to_bytes();
        Ok((status, String::from_utf8(body.to_vec())?))
    }

    async fn json(&self, method: Method, path: &str, body: Option<Value>) -> Result<(StatusCode, Value), Failed> {
        let (status, body) = self.ask(method, path, body).await?;
        Ok((status, serde_json::from_str(&body)?))
    }

    /// Asks until the answer is as wanted, within a limit.
    async fn until(&self, path: &str, wanted: impl Fn(StatusCode, &Value) -> bool) -> Outcome {
        let mut turns = interval(Duration::from_millis(20));
        let deadline = Instant::now() + LIMIT;
        loop {
            turns.tick().await;
            let (status, body) = self.json(Method::GET, path, None).await?;
            if wanted(status, &body) {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(format!("{path} still answers {status} {body}").into());
            }
        }
    }
}

/// On a broker of its own: the lane's topics are other tests' as well.
async fn a_topic_that_was_deleted_is_made_again(cx: Context) -> Outcome {
    let dir = cx.fixture().dir("broker-of-deleted")?;
    let listen = format!("127.0.0.1:{}", ports::free(1)?.first().ok_or("no port")?);
    let _broker = command::start(&["broker", "--listen", &listen], &dir, &dir.join("log"))?;
    let mut service = Process::in_memory_on(&cx, "deleted", &listen)?;
    service.up().await?;
    shop::seed(service.port()).await?;
    let client = Client::builder().bootstrap([listen.parse()?]).build()?;
    for (_, deleted) in client.admin().delete_topics(&["orders"]).await? {
        deleted?;
    }
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let order = shop::order(&cx.env().uuid().to_string());
        let answer = http::request(service.port(), "POST", "/orders", Some(&order)).await?;
        if answer.status == 202 {
            break;
        }
        assert!(Instant::now() < deadline, "orders are still answered {}: {}", answer.status, answer.body);
    }
    client.close().await;
    service.end().await
}
