use super::*;

fn order() -> Value {
    json!({"order_id": ORDER_ID, "customer_id": "user-456", "items": [{"product_id": "prod-789", "quantity": 2}]})
}

#[tokio::test]
async fn an_order_is_published_with_everything_a_reader_needs() {
    let service = Service::seeded().await;
    let body = order().to_string();
    let request = Request::post("/orders")
        .header("content-type", "application/json; charset=utf-8")
        .header("x-correlation-id", "corr-123456")
        .header("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    let response = service.request(request.body(body.into()).expect("a request")).await;
    assert_eq!(response.status(), StatusCode::ACCEPTED);
    assert_eq!(response.headers()["location"], format!("/orders/{ORDER_ID}"));
    assert_eq!(response.headers()["x-correlation-id"], "corr-123456");
    let [record] = service.published().try_into().expect("one record");
    assert_eq!((record.topic, &record.key[..]), ("orders", ORDER_ID.as_bytes()));
    let mut value: Value = serde_json::from_slice(&record.value).expect("JSON");
    let metadata = value["metadata"].take();
    let expected = json!({
        "order_id": ORDER_ID,
        "customer_info": {
            "customer_id": "user-456", "email": "john@example.com", "name": "John Doe",
            "address": {"street": "1 Main St", "city": "Paris", "postal_code": "75001", "country": "FR"}
        },
        "items": [
            {"product_id": "prod-789", "name": "Lamp", "quantity": 2, "unit_price": 49.99, "line_total": 99.98}
        ],
        "inventory_status": [{"product_id": "prod-789", "available": 118, "in_stock": true}],
        "metadata": null,
    });
    assert_eq!(value, expected);
    assert_eq!(metadata["event_type"], "order.created");
    assert_eq!((&metadata["version"], &metadata["source"]), (&json!("1.0"), &json!("order-producer")));
    assert_eq!(metadata["correlation_id"], "corr-123456");
    assert_eq!(metadata["trace_id"], "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_ne!(metadata["span_id"], "00f067aa0ba902b7", "the span is the service's own");
    let [header] = record.headers.as_slice() else { panic!("one header") };
    let span = metadata["span_id"].as_str().expect("text");
    let traceparent = format!("00-4bf92f3577b34da6a3ce929d0e0e4736-{span}-01");
    assert_eq!((&header.key[..], header.value.as_deref()), (&b"traceparent"[..], Some(traceparent.as_bytes())));
}

#[tokio::test]
async fn all_problems_are_told_at_once() {
    let service = Service::seeded().await;
    let check = async |body: Value, expected: &[&str]| {
        let (status, problem) = service.send(Method::POST, "/orders", &body).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{body}");
        let errors = problem["errors"].as_array().expect("errors");
        let pointers: Vec<_> = errors.iter().map(|error| error["pointer"].as_str().expect("text")).collect();
        assert_eq!(pointers, expected, "{body}: {problem}");
    };
    check(json!({}), &["#", "#"]).await;
    check(json!({"order_id": "x", "customer_id": 7, "items": []}), &["#/customer_id", "#/items", "#/order_id"]).await;
    let items = json!([{"product_id": "a", "quantity": 0}, {"product_id": "", "quantity": 1001}, {"quantity": 1.5}]);
    let expected =
        ["#/items/0/quantity", "#/items/1/product_id", "#/items/1/quantity", "#/items/2", "#/items/2/quantity"];
    check(json!({"customer_id": "c", "items": items}), &expected).await;
    check(json!({"customer_id": "user-456", "items": order()["items"], "itmes": 1}), &["#"]).await;
    let items = json!([{"product_id": "prod-789", "quantity": 1}, {"product_id": "none", "quantity": 1}]);
    check(json!({"customer_id": "nobody", "items": items}), &["#/customer_id", "#/items/1/product_id"]).await;
    let many = vec![json!({"product_id": "prod-789", "quantity": 1}); 101];
    check(json!({"customer_id": "user-456", "items": many}), &["#/items"]).await;
    assert!(service.published().is_empty());
}

#[tokio::test]
async fn a_repeat_is_accepted_and_not_published_again() {
    let service = Service::seeded().await;
    for _ in 0..3 {
        assert_eq!(service.send(Method::POST, "/orders", &order()).await.0, StatusCode::ACCEPTED);
    }
    assert_eq!(service.published().len(), 1);
    let mut other = order();
    other["items"][0]["quantity"] = json!(3);
    let (status, problem) = service.send(Method::POST, "/orders", &other).await;
    assert_eq!((status, &problem["order_id"]), (StatusCode::CONFLICT, &json!(ORDER_ID)));
    assert_eq!(service.published().len(), 1);
}

#[tokio::test]
async fn repeats_at_the_same_time_make_one_record() {
    let service = Service::seeded().await;
    let (go, gone) = oneshot::channel();
    service.plan(Planned::Wait(gone));
    let order = order();
    let both = async {
        tokio::join!(service.send(Method::POST, "/orders", &order), service.send(Method::POST, "/orders", &order))
    };
    let told = async {
        let path = format!("/orders/{ORDER_ID}");
        until(async || service.get(&path).await.0 == StatusCode::OK).await;
        assert_eq!(service.get(&path).await.1["status"], "pending");
        go.send(()).expect("it waits");
    };
    let ((first, second), ()) = tokio::join!(both, told);
    assert_eq!((first.0, second.0), (StatusCode::ACCEPTED, StatusCode::ACCEPTED));
    assert_eq!(service.published().len(), 1);
}

#[tokio::test]
async fn an_idempotency_key_is_an_order_id() {
    let service = Service::seeded().await;
    let mut body = order();
    body.as_object_mut().expect("an object").remove("order_id");
    let send = async |key: Option<&str>| {
        let mut request = Request::post("/orders").header("content-type", "application/json");
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        let (status, answer) =
            json_of(service.request(request.body(body.to_string().into()).expect("a request")).await).await;
        (status, answer["order_id"].as_str().map(str::to_owned))
    };
    let (first, again, other) = (send(Some("k-1")).await, send(Some("k-1")).await, send(Some("k-2")).await);
    assert_eq!(first.0, StatusCode::ACCEPTED);
    assert_eq!(first, again);
    assert_ne!(first.1, other.1);
    assert_eq!(service.published().len(), 2);
    assert_ne!(send(None).await.1, send(None).await.1);
    assert_eq!(service.published().len(), 4);
    assert_eq!(send(Some(&"k".repeat(256))).await.0, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn an_outcome_is_told_truthfully() {
    let service = Service::seeded().await;
    service.plan(Planned::Fail(timeout(false)));
    let response = service.raw(Method::POST, "/orders", "application/json", order().to_string()).await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.headers()["retry-after"], "1");
    assert_eq!(json_of(response).await.1["maybe_applied"], false);
    let path = format!("/orders/{ORDER_ID}");
    assert_eq!(service.get(&path).await.0, StatusCode::NOT_FOUND);

    service.plan(Planned::Fail(timeout(true)));
    let (status, problem) = service.send(Method::POST, "/orders", &order()).await;
    assert_eq!(status, StatusCode::GATEWAY_TIMEOUT);
    assert_eq!((&problem["maybe_applied"], &problem["order_id"]), (&json!(true), &json!(ORDER_ID)));

    assert_eq!(service.send(Method::POST, "/orders", &order()).await.0, StatusCode::ACCEPTED);
    assert_eq!(service.get(&path).await.1["status"], "pending");
}

#[tokio::test]
async fn a_client_that_hangs_up_does_not_make_a_second_record() {
    let service = Service::seeded().await;
    let (go, gone) = oneshot::channel();
    service.plan(Planned::Wait(gone));
    let path = format!("/orders/{ORDER_ID}");
    {
        let order = order();
        let mut request = Box::pin(service.send(Method::POST, "/orders", &order));
        let seen = until(async || service.get(&path).await.0 == StatusCode::OK);
        tokio::select! {
            biased;
            _ = &mut request => panic!("it waits"),
            () = seen => {}
        }
    }
    go.send(()).expect("it goes on");
    until(async || service.published().len() == 1).await;
    assert_eq!(service.send(Method::POST, "/orders", &order()).await.0, StatusCode::ACCEPTED);
    assert_eq!(service.published().len(), 1);
}

#[tokio::test]
async fn more_orders_than_fit_are_refused_at_once() {
    let service = Service::seeded().await;
    let mut goes = Vec::new();
    for _ in 0..4 {
        let (go, gone) = oneshot::channel();
        service.plan(Planned::Wait(gone));
        goes.push(go);
    }
    let order = |n: u128| {
        json!({
            "order_id": uuid::Uuid::from_u128(n), "customer_id": "user-456",
            "items": [{"product_id": "prod-789", "quantity": 1}]
        })
    };
    let orders: Vec<_> = (1..=4).map(order).collect();
    let four = futures_util::future::join_all(orders.iter().map(|order| service.send(Method::POST, "/orders", order)));
    let fifth = async {
        until(async || service.fake.plan.lock().expect("no panic").is_empty()).await;
        assert_eq!(service.send(Method::POST, "/orders", &order(5)).await.0, StatusCode::SERVICE_UNAVAILABLE);
        goes.into_iter().for_each(|go| go.send(()).expect("it waits"));
    };
    let (four, ()) = tokio::join!(four, fifth);
    assert!(four.iter().all(|(status, _)| *status == StatusCode::ACCEPTED));
}
