//! The load: customers and stock, then orders over HTTP, as fast or as evenly as asked.

use std::{collections::BTreeMap, time::Duration};

use futures_util::{StreamExt, stream::FuturesUnordered};
use hyper::{Method, StatusCode};
use ottla::Env;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, sleep_until};
use uuid::Uuid;

use super::{DemoError, http::Http, summary::Posted};

/// Orders that are on their way at a time.
const CONCURRENCY: usize = 64;
/// How long a refused order is tried again.
const REFUSED_FOR: Duration = Duration::from_secs(30);
const CUSTOMERS: usize = 10;
const PRODUCTS: usize = 20;

/// How long customers may take from their topic to their table.
const KNOWN_WITHIN: Duration = Duration::from_secs(30);

/// Puts customers and stock in through HTTP, and waits until orders can name them.
pub(super) async fn seed(http: &Http) -> Result<(), DemoError> {
    futures_util::future::try_join_all((0..CUSTOMERS).map(|n| seed_customer(http, n))).await?;
    for n in 0..PRODUCTS {
        let product = json!({"name": format!("Product {n}"), "unit_price": (999 + 100 * n) as f64 / 100.0, "available": 1_000_000});
        expect_success(http, Method::PUT, &format!("/inventory/prod-{n}"), &product).await?;
    }
    Ok(())
}

async fn seed_customer(http: &Http, n: usize) -> Result<(), DemoError> {
    let user = json!({
        "user_id": format!("user-{n}"),
        "email": format!("customer{n}@example.com"),
        "name": format!("Customer {n}"),
        "address": {"street": format!("{} Main St", n + 1), "city": "Paris", "postal_code": "75001", "country": "FR"},
    });
    expect_success(http, Method::POST, "/users", &user).await?;
    let (path, give_up) = (format!("/users/user-{n}"), Instant::now() + KNOWN_WITHIN);
    loop {
        match http.send(Method::GET, &path, None).await {
            Ok((StatusCode::OK, _)) => return Ok(()),
            Ok(_) if Instant::now() < give_up => sleep(Duration::from_millis(10)).await,
            Ok((status, _)) => return Err(DemoError::Seed(format!("{path} still answers {status}"))),
            Err(error) => return Err(DemoError::Seed(error.to_string())),
        }
    }
}

async fn expect_success(http: &Http, method: Method, path: &str, body: &Value) -> Result<(), DemoError> {
    let (status, answer) =
        http.send(method, path, Some(body)).await.map_err(|error| DemoError::Seed(error.to_string()))?;
    if status.is_success() {
        return Ok(());
    }
    Err(DemoError::Seed(format!("{path} answered {status}: {}", String::from_utf8_lossy(&answer))))
}

/// Orders to be posted, one after the other.
pub(super) struct Orders<'a> {
    http: &'a Http,
    env: &'a Env,
    /// Orders a second; `None` is as fast as they are accepted.
    rate: Option<f64>,
}

impl<'a> Orders<'a> {
    pub(super) fn new(http: &'a Http, env: &'a Env, rate: Option<f64>) -> Self {
        Self { http, env, rate }
    }

    /// Posts `count` orders and tells `seen` of each; ends early when `stopped` does.
    pub(super) async fn post(
        &self,
        count: usize,
        stopped: impl Future<Output = ()>,
        mut seen: impl FnMut(Uuid, Posted),
    ) -> BTreeMap<Uuid, Posted> {
        let started = Instant::now();
        let mut posted = BTreeMap::new();
        let mut on_their_way = FuturesUnordered::new();
        let mut next = 0;
        let mut stopped = std::pin::pin!(stopped);
        let mut stop = false;
        while next < count && !stop || !on_their_way.is_empty() {
            let due = self.rate.map_or(started, |rate| started + Duration::from_secs_f64(next as f64 / rate));
            let room = next < count && !stop && on_their_way.len() < CONCURRENCY;
            tokio::select! {
                biased;
                () = &mut stopped, if !stop => stop = true,
                () = sleep_until(due), if room => {
                    let (id, order) = order(self.env.uuid(), next);
                    on_their_way.push(async move { (id, self.post_one(&order).await) });
                    next += 1;
                }
                Some((id, outcome)) = on_their_way.next(), if !on_their_way.is_empty() => {
                    seen(id, outcome);
                    posted.insert(id, outcome);
                }
            }
        }
        posted
    }

    /// Posts one order. A refusal says that it was not applied, so it is tried again; an unknown outcome is not.
    async fn post_one(&self, order: &Value) -> Posted {
        let give_up = Instant::now() + REFUSED_FOR;
        loop {
            match self.http.send(Method::POST, "/orders", Some(order)).await {
                Ok((StatusCode::ACCEPTED, _)) => return Posted::Accepted,
                Ok((StatusCode::SERVICE_UNAVAILABLE, _)) if Instant::now() < give_up => {
                    sleep(Duration::from_millis(100)).await;
                }
                Ok((StatusCode::GATEWAY_TIMEOUT, _)) | Err(_) => return Posted::Unknown,
                Ok((status, body)) => {
                    tracing::warn!(%status, body = %String::from_utf8_lossy(&body), "an order was refused");
                    return Posted::Refused;
                }
            }
        }
    }
}

/// The `n`th order.
fn order(id: Uuid, n: usize) -> (Uuid, Value) {
    let items: Vec<Value> = (0..=n % 3)
        .map(|item| json!({"product_id": format!("prod-{}", (n + item) % PRODUCTS), "quantity": 1 + n % 4}))
        .collect();
    (id, json!({"order_id": id, "customer_id": format!("user-{}", n % CUSTOMERS), "items": items}))
}
