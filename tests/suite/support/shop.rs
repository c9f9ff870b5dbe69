//! A customer, a product and orders for the orders system, as a client of its HTTP puts them in.

use std::time::Duration;

use libtest_mimic::Failed;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::{harness::Outcome, http};

/// How long a customer may take from the topic to the table, rebalances included.
pub(crate) const KNOWN_WITHIN: Duration = Duration::from_secs(60);

/// The customer of [`order`].
pub(crate) fn customer() -> Value {
    let address = json!({"street": "1 Main St", "city": "Paris", "postal_code": "75001", "country": "FR"});
    json!({"user_id": "user-456", "email": "john@example.com", "name": "John Doe", "address": address})
}

/// The product of [`order`].
pub(crate) fn product() -> Value {
    json!({"name": "Lamp", "unit_price": 49.99, "available": 120})
}

/// An order of that customer for that product.
pub(crate) fn order(id: &str) -> Value {
    json!({"order_id": id, "customer_id": "user-456", "items": [{"product_id": "prod-789", "quantity": 2}]})
}

/// Puts customer and product in through a service that takes orders, and waits until orders can name them.
pub(crate) async fn seed(port: u16) -> Outcome {
    let answer = http::request(port, "PUT", "/inventory/prod-789", Some(&product())).await?;
    assert!([200, 201].contains(&answer.status), "PUT /inventory: {}", answer.body);
    let answer = http::request(port, "POST", "/users", Some(&customer())).await?;
    assert_eq!(answer.status, 202, "POST /users: {}", answer.body);
    until(port, "/users/user-456", KNOWN_WITHIN, |answer| answer.status == 200).await
}

/// Asks until the answer is as wanted, at most so long. Nobody listening is no answer yet.
pub(crate) async fn until(port: u16, path: &str, limit: Duration, wanted: impl Fn(&http::Answer) -> bool) -> Outcome {
    let deadline = Instant::now() + limit;
    loop {
        let answer = http::request(port, "GET", path, None).await;
        if answer.as_ref().is_ok_and(&wanted) {
            return Ok(());
        }
        if Instant::now() > deadline {
            return Err(format!("{path} at {port} still answers {answer:?}").into());
        }
        sleep(Duration::from_millis(20)).await;
    }
}

/// The records of `orders` that wait for the consumer, as the service at `port` counts them.
pub(crate) async fn lag(port: u16) -> Result<u64, Failed> {
    let metrics = http::request(port, "GET", "/metrics", None).await?;
    let of_orders =
        metrics.body.lines().filter(|line| line.starts_with(r#"kafka_consumer_lag{group="orders-consumer-group""#));
    let lags: Vec<u64> = of_orders.filter_map(|line| line.rsplit(' ').next()?.parse().ok()).collect();
    if lags.is_empty() { Err("no lag is told".into()) } else { Ok(lags.iter().sum()) }
}
