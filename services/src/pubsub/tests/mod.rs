//! The paths over a store in memory and a publisher that does as told: no broker, no socket.

mod orders;
mod others;
mod users;

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::Body,
    http::{Method, Request, Response, StatusCode, header},
};
use http_body_util::BodyExt;
use ottla::{
    Env, Error, ErrorKind,
    delivery::{MemoryStore, Store},
    kafka::BoxFuture,
};
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tower::ServiceExt;

use super::{
    Schemas,
    accept::Acceptor,
    claims::Claims,
    emit::Emitter,
    locks::OrderLocks,
    order::User,
    publisher::{Outgoing, Publisher},
    routes,
    rows::{self, CUSTOMERS, CustomerRow},
    users::Registrar,
};
use crate::{detached::Detached, http, metrics::Metrics};

/// Answers each record as planned, and with success when the plan has ended.
#[derive(Debug, Default)]
struct Fake {
    published: Mutex<Vec<Outgoing>>,
    plan: Mutex<VecDeque<Planned>>,
}

#[derive(Debug)]
enum Planned {
    Fail(Error),
    Wait(oneshot::Receiver<()>),
}

impl Publisher for Fake {
    fn publish(&self, record: Outgoing) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(async {
            let planned = self.plan.lock().expect("no panic").pop_front();
            match planned {
                Some(Planned::Fail(error)) => return Err(error),
                Some(Planned::Wait(until)) => until.await.expect("told to go on"),
                None => {}
            }
            self.published.lock().expect("no panic").push(record);
            Ok(())
        })
    }
}

/// A service whose customer is `user-456` and whose product is `prod-789`.
struct Service {
    router: Router,
    store: Arc<dyn Store>,
    fake: Arc<Fake>,
}

const ORDER_ID: &str = "550e8400-e29b-41d4-a716-446655440000";

fn timeout(maybe_applied: bool) -> Error {
    let kind = ErrorKind::Timeout { what: "delivery".into(), after: std::time::Duration::from_secs(5) };
    Error::new(kind).with_maybe_applied(maybe_applied)
}

impl Service {
    fn empty() -> Self {
        let (env, fake) = (Env::system(), Arc::new(Fake::default()));
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let schemas = Arc::new(Schemas::compile().expect("schemas"));
        let emitter = Emitter { env: env.clone(), publisher: fake.clone(), metrics: Metrics::new() };
        let acceptor = Acceptor {
            emitter: emitter.clone(),
            store: Arc::clone(&store),
            schemas: Arc::clone(&schemas),
            claims: Claims::new(Arc::clone(&store)),
            locks: OrderLocks::default(),
            detached: Detached::new(env, 4),
        };
        let registrar = Registrar { emitter, store: Arc::clone(&store), schemas: Arc::clone(&schemas) };
        let router = routes::tables(Arc::clone(&store), schemas)
            .merge(routes::publishing(acceptor, registrar))
            .fallback(http::not_found)
            .method_not_allowed_fallback(http::method_not_allowed);
        Self { router, store, fake }
    }

    async fn seeded() -> Self {
        let service = Self::empty();
        let address = json!({"street": "1 Main St", "city": "Paris", "postal_code": "75001", "country": "FR"});
        let user = json!({
            "user_id": "user-456", "email": "john@example.com", "name": "John Doe", "address": address
        });
        service.put_customer(serde_json::from_value(user).expect("a user")).await;
        let product = r#"{"name": "Lamp", "unit_price": 49.99, "available": 120}"#;
        let response = service.raw(Method::PUT, "/inventory/prod-789", "application/json", product).await;
        assert_eq!(response.status(), StatusCode::CREATED);
        service
    }

    /// Does what the consumer of `users` does.
    async fn put_customer(&self, user: User) {
        let key = user.user_id.clone();
        rows::upsert(&self.store, CUSTOMERS, &key, &CustomerRow { user, seen: None }).await.expect("written");
    }

    fn plan(&self, planned: Planned) {
        self.fake.plan.lock().expect("no panic").push_back(planned);
    }

    fn published(&self) -> Vec<Outgoing> {
        self.fake.published.lock().expect("no panic").clone()
    }

    async fn raw(&self, method: Method, path: &str, media_type: &str, body: impl Into<Body>) -> Response<Body> {
        let request = Request::builder().method(method).uri(path).header(header::CONTENT_TYPE, media_type);
        self.request(request.body(body.into()).expect("a request")).await
    }

    async fn request(&self, request: Request<Body>) -> Response<Body> {
        self.router.clone().oneshot(request).await.expect("infallible")
    }

    async fn send(&self, method: Method, path: &str, body: &Value) -> (StatusCode, Value) {
        json_of(self.raw(method, path, "application/json", body.to_string()).await).await
    }

    async fn get(&self, path: &str) -> (StatusCode, Value) {
        json_of(self.raw(Method::GET, path, "", "").await).await
    }
}

async fn json_of(response: Response<Body>) -> (StatusCode, Value) {
    let status = response.status();
    let body = response.into_body().collect().await.expect("a body").to_bytes();
    (status, serde_json::from_slice(&body).unwrap_or_else(|_| panic!("JSON instead of {body:?}")))
}

/// Waits for what other tasks bring about.
async fn until(mut holds: impl AsyncFnMut() -> bool) {
    for _ in 0..10_000 {
        if holds().await {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("it never came about");
}
