//! Other people's clients on the topic `orders`.

use std::{sync::Arc, time::Duration};

use ottla::{
    delivery::{MemoryStore, Store},
    kafka::Codec,
};
use ottla_services::pubsub::{PubSub, rows};
use ottla_tests::lane::Needs;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{LIMIT, run};
use crate::{
    harness::{Context, Outcome, Suite},
    http,
    support::shop,
};

const KAFKA_PYTHON: &str = include_str!("orders.py");
const KAFKAJS: &str = include_str!("orders.cjs");
const COUNT: u64 = 50;
const SOON: Duration = Duration::from_secs(60);

pub(super) fn tests(suite: &mut Suite) {
    let python = orders_of_kafka_python_are_stored;
    suite.long_test("foreign::orders_of_kafka_python_are_stored", Needs::ANY.python().alone(), LIMIT, python);
    let kafkajs = orders_are_read_by_kafkajs;
    suite.long_test("foreign::orders_are_read_by_kafkajs", Needs::ANY.node().alone(), LIMIT, kafkajs);
}

/// A service on the lane's cluster, ready and with a customer and a product.
async fn service(cx: &Context, codec: Codec, store: Arc<MemoryStore>) -> Result<PubSub, libtest_mimic::Failed> {
    let builder = PubSub::builder(cx.client()?).store(store).compression(codec);
    let service = builder.listen(([127, 0, 0, 1], 0).into()).start().await?;
    shop::until(service.addr().port(), "/health/ready", SOON, |answer| answer.status == 200).await?;
    shop::seed(service.addr().port()).await?;
    Ok(service)
}

/// The first of as many ids as anybody wants, which nobody else has.
fn first(cx: &Context) -> u128 {
    u128::from(cx.env().random_u64()) << 64
}

async fn orders_of_kafka_python_are_stored(cx: Context) -> Outcome {
    let store = Arc::new(MemoryStore::new());
    let service = service(&cx, Codec::Lz4, Arc::clone(&store)).await?;
    let python = cx.fixture().foreign().python().ok_or("Python is gone")?;
    let first = first(&cx);
    let (brokers, count) = (cx.fixture().addresses().join(","), COUNT.to_string());
    let (template, id) = (documented().to_string(), Uuid::from_u128(first).to_string());
    let said = run(python, &["-c", KAFKA_PYTHON, &brokers, &template, &count, &id], "").await?;
    assert_eq!(said.trim(), format!("kafka-python: {COUNT} orders"));
    for id in (0..u128::from(COUNT)).map(|n| Uuid::from_u128(first + n)) {
        let stored = |answer: &http::Answer| answer.json()["status"] == "stored";
        shop::until(service.addr().port(), &format!("/orders/{id}"), SOON, stored).await?;
        assert!(store.get(rows::ORDERS, &rows::order_key(id)).await?.is_some());
    }
    service.shutdown(Duration::from_secs(20)).await;
    Ok(())
}

/// A record as the documents have it, without an id.
fn documented() -> Value {
    let address = json!({"street": "1 Main St", "city": "Paris", "postal_code": "75001", "country": "FR"});
    json!({
        "customer_info": {
            "customer_id": "user-456", "email": "john@example.com", "name": "John Doe", "address": address
        },
        "items": [
            {"product_id": "prod-789", "name": "Lamp", "quantity": 2, "unit_price": 49.99, "line_total": 99.98}
        ],
        "inventory_status": [{"product_id": "prod-789", "available": 118, "in_stock": true}],
        "metadata": {"event_id": "e-1", "timestamp": "2024-01-15T10:30:00.000Z", "correlation_id": "corr-123456"}
    })
}

async fn orders_are_read_by_kafkajs(cx: Context) -> Outcome {
    let modules = cx.fixture().foreign().kafkajs().ok_or("KafkaJS is gone")?.display().to_string();
    for codec in [Codec::Lz4, Codec::Snappy] {
        let service = service(&cx, codec, Arc::new(MemoryStore::new())).await?;
        let first = first(&cx);
        for n in 0..u128::from(COUNT) {
            let order = shop::order(&Uuid::from_u128(first + n).to_string());
            let answer = http::request(service.addr().port(), "POST", "/orders", Some(&order)).await?;
            assert_eq!(answer.status, 202, "{}", answer.body);
        }
        let (brokers, group) = (cx.fixture().addresses().join(","), cx.unique("kafkajs"));
        let (count, id) = (COUNT.to_string(), Uuid::from_u128(first).to_string());
        // Behind the program's text, `-` is the name of the script that its arguments follow.
        let arguments = ["-", &modules, &brokers, &group, &count, &id];
        let said = run(std::path::Path::new("node"), &arguments, KAFKAJS).await?;
        assert_eq!(said.trim(), format!("KafkaJS: {COUNT} orders"), "{codec}");
        service.shutdown(Duration::from_secs(20)).await;
    }
    Ok(())
}
