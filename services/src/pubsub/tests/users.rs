use super::*;

fn user(id: &str) -> Value {
    let address = json!({"street": "s", "city": "c", "postal_code": "p", "country": "DE"});
    json!({"user_id": id, "email": "a@example.com", "name": "A", "address": address})
}

#[tokio::test(start_paused = true)]
async fn a_user_is_published_and_accepted_whether_or_not_anybody_stores_it() {
    let service = Service::empty();
    let user = user("a b/ü");
    let request = Request::post("/users").header("content-type", "application/json");
    let request = request.header("x-correlation-id", "corr-7").body(user.to_string().into()).expect("a request");
    let response = service.request(request).await;
    assert_eq!(response.status(), StatusCode::ACCEPTED);
    assert_eq!(response.headers()["location"], "/users/a%20b%2F%C3%BC");
    assert_eq!(response.headers()["x-correlation-id"], "corr-7");
    let [record] = service.published().try_into().expect("one record");
    assert_eq!((record.topic, &record.key[..]), ("users", "a b/ü".as_bytes()));
    let mut value: Value = serde_json::from_slice(&record.value).expect("JSON");
    let metadata = value.as_object_mut().expect("an object").remove("metadata").expect("metadata");
    assert_eq!(value, user);
    assert_eq!((&metadata["event_type"], &metadata["correlation_id"]), (&json!("user.created"), &json!("corr-7")));
    assert_eq!(record.headers[0].key, "traceparent");
    let (status, _) = service.get("/users/a%20b%2F%C3%BC").await;
    assert_eq!(status, StatusCode::NOT_FOUND, "nobody has stored it");
}

#[tokio::test]
async fn a_user_can_be_read_once_it_is_stored() {
    let service = Service::empty();
    let (user, (go, gone)) = (user("user-1"), oneshot::channel());
    service.plan(Planned::Wait(gone));
    let stored = async {
        service.put_customer(serde_json::from_value(user.clone()).expect("a user")).await;
        go.send(()).expect("it waits");
    };
    let ((status, _), ()) = tokio::join!(service.send(Method::POST, "/users", &user), stored);
    assert_eq!(status, StatusCode::ACCEPTED);
    assert_eq!(service.get("/users/user-1").await, (StatusCode::OK, user.clone()));
    assert_eq!(service.send(Method::POST, "/users", &user).await.0, StatusCode::ACCEPTED);
    let again: Value = serde_json::from_slice(&service.published()[1].value).expect("JSON");
    assert_eq!(again["metadata"]["event_type"], "user.updated");
}

#[tokio::test]
async fn what_became_of_a_user_is_told_truthfully() {
    let service = Service::empty();
    for (maybe_applied, expected) in [(false, StatusCode::SERVICE_UNAVAILABLE), (true, StatusCode::GATEWAY_TIMEOUT)] {
        service.plan(Planned::Fail(timeout(maybe_applied)));
        let (status, problem) = service.send(Method::POST, "/users", &user("user-1")).await;
        assert_eq!((status, &problem["maybe_applied"]), (expected, &json!(maybe_applied)));
        assert_eq!(problem["user_id"], "user-1");
    }
    let mut bad = user("user-1");
    bad["email"] = json!("nowhere");
    bad["address"]["country"] = json!("France");
    let (status, problem) = service.send(Method::POST, "/users", &bad).await;
    assert_eq!((status, problem["errors"].as_array().map(Vec::len)), (StatusCode::BAD_REQUEST, Some(2)));
}
