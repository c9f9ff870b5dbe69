//! Records that no store should be asked to keep: dead letters, and what comes after them goes on.

use std::time::Duration;

use ottla::kafka::{Producer, ProducerRecord};
use ottla_tests::lane::Needs;
use serde_json::{Value, json};

use crate::{
    harness::{Context, Outcome, Suite},
    http,
    support::{Process, read_log, shop},
};

pub(super) fn tests(suite: &mut Suite) {
    let (needs, limit) = (Needs::ANY.alone(), Duration::from_secs(180));
    let stalls = what_no_store_can_keep_stalls_nothing;
    suite.long_test("pubsub::what_no_store_can_keep_stalls_nothing", needs, limit, stalls);
    let postgres = what_postgres_cannot_keep_stalls_nothing;
    suite.long_test("pubsub::what_postgres_cannot_keep_stalls_nothing", needs.postgres(), limit, postgres);
}

async fn what_no_store_can_keep_stalls_nothing(cx: Context) -> Outcome {
    let mut service = Process::in_memory(&cx, "poison")?;
    service.up().await?;
    judge(&cx, service.port()).await?;
    service.end().await
}

async fn what_postgres_cannot_keep_stalls_nothing(cx: Context) -> Outcome {
    let mut services = Process::apart(&cx).await?;
    judge(&cx, services[0].port()).await?;
    for service in &mut services {
        service.end().await?;
    }
    Ok(())
}

async fn judge(cx: &Context, port: u16) -> Outcome {
    shop::seed(port).await?;
    let client = cx.client()?;
    let producer = Producer::builder(&client).build()?;
    let (order_id, user_id) = (cx.env().uuid().to_string(), cx.unique("user"));
    // One key: all of them are in the partition of the good one that comes last.
    let (orders, users) = (poison(&order(&order_id), "order_id"), poison(&user(&user_id), "user_id"));
    for (topic, key, poison) in [("orders", &order_id, &orders), ("users", &user_id, &users)] {
        for value in poison {
            producer.send(ProducerRecord::to(topic).key(key.clone()).value(value.clone())).await?;
        }
    }
    // An unknown field may say what it likes: it is kept to the letter.
    let mut odd = order(&order_id);
    odd["extra"] = json!({"\0": ["\0"]});
    producer.send(ProducerRecord::to("orders").key(order_id.clone()).value(odd.to_string())).await?;
    producer.send(ProducerRecord::to("users").key(user_id.clone()).value(user(&user_id).to_string())).await?;
    producer.close().await;
    client.close().await;
    let stored = |answer: &http::Answer| {
        let answer = answer.json();
        answer["status"] == "stored" && answer["order"]["extra"] == odd["extra"]
    };
    shop::until(port, &format!("/orders/{order_id}"), shop::KNOWN_WITHIN, stored).await?;
    shop::until(port, &format!("/users/{user_id}"), shop::KNOWN_WITHIN, |answer| answer.status == 200).await?;
    for (topic, key, poison) in [("orders-dlq", &order_id, orders), ("users-dlq", &user_id, users)] {
        let mut letters = read_log(cx, topic).await?;
        letters.retain(|letter| letter.key.as_deref() == Some(key.as_bytes()));
        let letters: Vec<_> = letters.iter().map(|letter| letter.text()).collect();
        assert_eq!(letters, poison, "{topic}: each once, in order");
    }
    Ok(())
}

/// `value` with something in it that cannot be, in each way.
fn poison(value: &Value, id: &str) -> Vec<String> {
    const MARK: &str = "the place";
    let deep = format!("{}1{}", "[".repeat(10_000), "]".repeat(10_000));
    let mut all = Vec::new();
    let mut put = |place: &str, texts: &[&str]| {
        let mut marked = value.clone();
        let Some(field) = marked.pointer_mut(place) else { return };
        *field = json!(MARK);
        all.extend(texts.iter().map(|text| marked.to_string().replace(&format!("\"{MARK}\""), text)));
    };
    put(&format!("/{id}"), &[r#""\u0000""#, r#""a\u0000b""#, r#""\ud800""#]);
    put("/name", &[r#""a\u0000b""#, r#""\udc00""#, &deep]);
    put("/address/street", &[r#""\u0000""#]);
    put("/customer_info/customer_id", &[r#""user\u0000""#]);
    put("/customer_info/name", &[r#""\u0000""#]);
    put("/items/0/product_id", &[r#""\u0000""#]);
    put("/items/0/quantity", &["1e400", "9223372036854775808", &deep]);
    put("/items/0/unit_price", &["1e300", "1e-400", "99999999999999999999999999999999.99"]);
    put("/inventory_status/0/available", &["18446744073709551616", "4294967296"]);
    put("/metadata/event_id", &[r#""\u0000""#]);
    put("/metadata/timestamp", &["1e400", r#""\u0000""#]);
    all
}

fn user(id: &str) -> Value {
    let mut user = shop::customer();
    user["user_id"] = id.into();
    user["metadata"] = metadata("user.created");
    user
}

fn order(id: &str) -> Value {
    let mut customer = shop::customer();
    let customer_id = customer.as_object_mut().and_then(|customer| customer.remove("user_id"));
    customer["customer_id"] = customer_id.unwrap_or_default();
    json!({
        "order_id": id,
        "customer_info": customer,
        "items": [{"product_id": "prod-789", "name": "Lamp", "quantity": 2, "unit_price": 49.99, "line_total": 99.98}],
        "inventory_status": [{"product_id": "prod-789", "available": 118, "in_stock": true}],
        "metadata": metadata("order.created"),
    })
}

fn metadata(event_type: &str) -> Value {
    json!({"event_id": "e-1", "event_type": event_type, "timestamp": "2024-01-15T10:30:00.000Z"})
}
