//! The demo's own HTTP client: what a customer of the service would use.

use std::{fmt, net::SocketAddr};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Method, Request, StatusCode, header};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde_json::Value;

/// Requests to one service, over kept connections. Cloning shares them.
#[derive(Clone)]
pub(super) struct Http {
    client: Client<HttpConnector, Full<Bytes>>,
    addr: SocketAddr,
}

/// No answer came.
#[derive(Debug)]
pub(super) struct NoAnswer(String);

impl Http {
    pub(super) fn new(addr: SocketAddr) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        Self { client: Client::builder(TokioExecutor::new()).build(connector), addr }
    }

    /// Sends `body` as JSON, or nothing, and returns the status and the body of the answer.
    pub(super) async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<(StatusCode, Bytes), NoAnswer> {
        let content = body.map(Value::to_string).unwrap_or_default();
        let request = Request::builder()
            .method(method)
            .uri(format!("http://{}{path}", self.addr))
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::from(content))
            .map_err(|error| NoAnswer(error.to_string()))?;
        let answer = self.client.request(request).await.map_err(|error| NoAnswer(error.to_string()))?;
        let status = answer.status();
        let body = answer.into_body().collect().await.map_err(|error| NoAnswer(error.to_string()))?;
        Ok((status, body.to_bytes()))
    }
}

impl fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no answer: {}", self.0)
    }
}

impl std::error::Error for NoAnswer {}
