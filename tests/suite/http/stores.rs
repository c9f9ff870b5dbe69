//! What one store or another could not keep, or a person could not read there, is refused whatever the store.

use serde_json::{Value, json};

use super::{Connection, client, inputs, request, routes::ENDPOINTS};
use crate::{
    harness::{Context, Outcome},
    support::{Process, shop},
};

/// Bad inputs for each endpoint of each service: the thousand are sent to the service that is both.
const INPUTS: usize = 150;

pub(super) async fn what_a_store_may_not_hold_is_refused(cx: Context) -> Outcome {
    let mut service = Process::in_memory(&cx, "stores")?;
    service.up().await?;
    judge(&cx, &service).await?;
    service.end().await
}

pub(super) async fn bad_inputs_are_refused_on_postgres(cx: Context) -> Outcome {
    let mut services = Process::apart(&cx).await?;
    judge(&cx, &services[0]).await?;
    for (service, name) in services.iter().zip(["pubsub.producer", "pubsub.consumer"]) {
        for endpoint in ENDPOINTS {
            let mut seed = cx.seed().fork(name).fork(endpoint.method).fork(endpoint.path);
            inputs::refused(service, *endpoint, INPUTS, &mut seed).await?;
        }
        let ready = request(service.port(), "GET", "/health/ready", None).await?;
        assert_eq!(ready.status, 200, "{name}: {}", ready.body);
        assert!(!service.log().contains("panicked"), "{name}: {}", service.tail());
    }
    for service in &mut services {
        service.end().await?;
    }
    Ok(())
}

/// Judges the service that takes orders: what cannot be is refused, and what is merely odd is kept to the letter.
async fn judge(cx: &Context, service: &Process) -> Outcome {
    let port = service.port();
    shop::seed(port).await?;
    for (method, path, body) in refused() {
        let answer = Connection::open(port).await?.exchange(&client::written(method, &path, &body, "close")).await?;
        let shown: String = body.chars().take(300).collect();
        assert_eq!(answer.is_no_refusal(), None, "{method} {path} {shown}\n{}", service.tail());
    }
    let odd =
        ["\u{1}\u{7f}\u{80}", "'; DROP TABLE orders; --", "\\u0000 \\000 \\\\ %00", "\u{10ffff}\u{fffe}", "é\u{301}"];
    for odd in odd.map(str::to_owned).into_iter().chain(["\u{1f980}".repeat(63)]) {
        let (user_id, product_id) = (format!("{odd}u"), format!("{odd}p"));
        let mut user = shop::customer();
        (user["user_id"], user["name"]) = (user_id.as_str().into(), odd.as_str().into());
        let mut product = shop::product();
        product["name"] = odd.as_str().into();
        let answer = request(port, "PUT", &format!("/inventory/{}", encoded(&product_id)), Some(&product)).await?;
        assert!([200, 201].contains(&answer.status), "{product_id:?}: {}", answer.body);
        let answer = request(port, "POST", "/users", Some(&user)).await?;
        assert_eq!(answer.status, 202, "{user_id:?}: {}", answer.body);
        let known = |answer: &super::Answer| answer.status == 200 && answer.json() == user;
        shop::until(port, &format!("/users/{}", encoded(&user_id)), shop::KNOWN_WITHIN, known).await?;
        let id = cx.env().uuid().to_string();
        let mut order = shop::order(&id);
        (order["customer_id"], order["items"][0]["product_id"]) = (user_id.into(), product_id.into());
        let answer = request(port, "POST", "/orders", Some(&order)).await?;
        assert_eq!(answer.status, 202, "{order}: {}", answer.body);
        let stored = |answer: &super::Answer| {
            let order = answer.json();
            order["status"] == "stored" && order["order"]["customer_info"]["name"] == user["name"]
        };
        shop::until(port, &format!("/orders/{id}"), shop::KNOWN_WITHIN, stored).await?;
    }
    Ok(())
}

/// Requests that must be refused: method, path, body.
fn refused() -> Vec<(&'static str, String, String)> {
    let mut all = Vec::new();
    let id = r#""550e8400-e29b-41d4-a716-446655440000""#;
    for text in [r"a\u0000", r"\u0000", r"\ud800", r"\udc00\ud800 lone", &r"\u00e9".repeat(256)] {
        let text = format!("\"{text}\"");
        all.push(("POST", "/orders", order(id, &text, r#""prod-789""#, "1")));
        all.push(("POST", "/orders", order(id, r#""user-456""#, &text, "1")));
        all.push(("POST", "/orders", order(&text, r#""user-456""#, r#""prod-789""#, "1")));
        for field in ["user_id", "email", "name", "address/street", "address/city", "address/country"] {
            all.push(("POST", "/users", changed(shop::customer(), field, &text)));
        }
        all.push(("PUT", "/inventory/a", changed(shop::product(), "name", &text)));
    }
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    for number in ["9223372036854775808", "-9223372036854775809", "1e400", "1e-400", "-0.5", "1e19", &deep] {
        all.push(("POST", "/orders", order(id, r#""user-456""#, r#""prod-789""#, number)));
        all.push(("PUT", "/inventory/a", changed(shop::product(), "available", number)));
        // The smallest is as good as no price to a schema, and no amount of money.
        all.push(("PUT", "/inventory/a", changed(shop::product(), "unit_price", number)));
    }
    let mut all: Vec<_> = all.into_iter().map(|(method, path, body)| (method, path.to_owned(), body)).collect();
    for id in ["%00", "a%00b", "%ed%a0%80", "%ff", &"a".repeat(5_000)] {
        all.push(("PUT", format!("/inventory/{id}"), shop::product().to_string()));
        for path in ["inventory", "users", "orders"] {
            all.push(("GET", format!("/{path}/{id}"), String::new()));
        }
    }
    for query in ["after=%00", "after=%ff", "limit=18446744073709551616", "limit=-1", "limit=1e400"] {
        all.push(("GET", format!("/orders?{query}"), String::new()));
    }
    all
}

fn order(id: &str, customer: &str, product: &str, quantity: &str) -> String {
    format!(
        r#"{{"order_id": {id}, "customer_id": {customer}, "items": [{{"product_id": {product}, "quantity": {quantity}}}]}}"#
    )
}

/// `value` with other JSON, right or wrong, in the place of a field.
fn changed(mut value: Value, field: &str, text: &str) -> String {
    const MARK: &str = "the place";
    if let Some(field) = value.pointer_mut(&format!("/{field}")) {
        *field = json!(MARK);
    }
    value.to_string().replace(&format!("\"{MARK}\""), text)
}

/// `text` as a segment of a path.
fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02x}")).collect()
}
