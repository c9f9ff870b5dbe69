use super::*;
use crate::{
    http::MAX_BODY,
    pubsub::rows::{ORDER_STATES, ORDERS, OrderState, OrderStatus, StoredOrder, order_key, text},
};
use ottla::{delivery::Unit, envelope::Timestamp};

#[tokio::test]
async fn refusals_are_problem_documents() {
    let service = Service::seeded().await;
    let check = async |method: Method, path: &str, media_type: &str, body: Body, expected: u16| {
        let response = service.raw(method.clone(), path, media_type, body).await;
        assert_eq!(response.status().as_u16(), expected, "{method} {path}");
        assert_eq!(response.headers()["content-type"], "application/problem+json", "{method} {path}");
        let problem = json_of(response).await.1;
        assert_eq!((&problem["status"], &problem["type"]), (&json!(expected), &json!("about:blank")));
    };
    let json = "application/json";
    check(Method::GET, "/nothing", "", Body::empty(), 404).await;
    check(Method::DELETE, "/orders", "", Body::empty(), 405).await;
    check(Method::POST, "/orders", "text/plain", "{}".into(), 415).await;
    check(Method::POST, "/orders", json, vec![b' '; MAX_BODY + 1].into(), 413).await;
    check(Method::POST, "/orders", json, vec![b' '; MAX_BODY].into(), 400).await;
    check(Method::POST, "/orders", json, "{".into(), 400).await;
    check(Method::POST, "/orders", json, vec![0xff].into(), 400).await;
    check(Method::POST, "/orders", json, "[".repeat(100_000).into(), 400).await;
    check(Method::POST, "/orders", json, r#"{"items": [], "items": []}"#.into(), 400).await;
    check(Method::POST, "/users", json, "{}".into(), 400).await;
    check(Method::PUT, "/inventory/a", json, r#"{"name": "a", "unit_price": 1.005, "available": 1}"#.into(), 400).await;
    check(Method::PUT, &format!("/inventory/{}", "a".repeat(256)), json, "{}".into(), 400).await;
    check(Method::GET, "/orders/not-an-id", "", Body::empty(), 404).await;
    check(Method::GET, &format!("/orders/{ORDER_ID}"), "", Body::empty(), 404).await;
    check(Method::GET, "/orders?after=x", "", Body::empty(), 400).await;
    check(Method::GET, "/users/nobody", "", Body::empty(), 404).await;
    check(Method::GET, "/users/%ff", "", Body::empty(), 400).await;
    check(Method::GET, "/inventory/nothing", "", Body::empty(), 404).await;
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_arrive_is_given_up() {
    let service = Service::empty();
    let body = Body::from_stream(futures_util::stream::pending::<Result<bytes::Bytes, std::io::Error>>());
    let response = service.raw(Method::POST, "/orders", "application/json", body).await;
    assert_eq!(response.status(), StatusCode::REQUEST_TIMEOUT);
}

#[tokio::test]
async fn products_are_read_as_they_were_written() {
    let service = Service::seeded().await;
    let body = r#"{"name": "Lamp", "unit_price": 0.10, "available": 1}"#;
    let response = service.raw(Method::PUT, "/inventory/prod-789", "application/json", body).await;
    assert_eq!(response.status(), StatusCode::OK, "it was there");
    let response = service.raw(Method::GET, "/inventory/prod-789", "", "").await;
    let text = response.into_body().collect().await.expect("a body").to_bytes();
    assert_eq!(&text[..], br#"{"name":"Lamp","unit_price":0.10,"available":1}"#);
}

#[tokio::test]
async fn an_orders_status_follows_the_store() {
    let service = Service::seeded().await;
    let at = Timestamp::from_millis(1_705_314_600_000).expect("a year we know");
    let record = serde_json::value::RawValue::from_string(r#"{"unit_price":1.10}"#.into()).expect("JSON");
    let id = |n| uuid::Uuid::from_u128(n);
    let (status, reason) = (OrderStatus::DeadLettered, Some("schema".into()));
    let dead = OrderState { status, at, requested: None, reason, shared: false };
    let stored = StoredOrder { partition: 2, offset: 7, stored_at: at, attempts: 1, handler_runs: 1, record };
    let unit = Unit::new()
        .put(ORDER_STATES, order_key(id(1)), text(&dead).expect("JSON"))
        .put(ORDER_STATES, order_key(id(2)), text(&OrderState { status: OrderStatus::Stored, ..dead }).expect("JSON"))
        .put(ORDERS, order_key(id(2)), text(&stored).expect("JSON"));
    service.store.apply(unit).await.expect("applies");
    let (_, first) = service.get(&format!("/orders/{}", id(1))).await;
    assert_eq!((&first["status"], &first["reason"]), (&json!("dead-lettered"), &json!("schema")));
    let (_, second) = service.get(&format!("/orders/{}", id(2))).await;
    assert_eq!((&second["status"], &second["offset"]), (&json!("stored"), &json!(7)));
    assert_eq!(second["at"], "2024-01-15T10:30:00.000Z");

    let (_, list) = service.get("/orders?limit=1").await;
    assert_eq!((list["orders"].as_array().map(Vec::len), &list["next"]), (Some(1), &json!(id(1))));
    let (_, list) = service.get(&format!("/orders?after={}", id(1))).await;
    assert_eq!((&list["orders"][0]["order_id"], &list["next"]), (&json!(id(2)), &Value::Null));
}
