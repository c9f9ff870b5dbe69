use std::{
    fmt,
    str::FromStr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Request, Uri, header::CONTENT_TYPE};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use ottla::{Env, Task};
use tokio::{sync::mpsc, time::timeout};

use super::{Ended, SpanLayer, encode};

/// Spans that may wait; further ones are lost.
const QUEUE: usize = 4096;
/// Spans in one request.
const AT_ONCE: usize = 512;
/// How long spans are gathered for a request.
const GATHER: Duration = Duration::from_millis(500);
/// How long a collector may take.
const LIMIT: Duration = Duration::from_secs(5);
/// How long the end waits for what is left.
const FLUSH: Duration = Duration::from_secs(2);

/// Where a collector takes spans: `http://HOST:PORT`, with the path `/v1/traces` unless another is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint(Uri);

impl FromStr for Endpoint {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let base: Uri = text.parse().map_err(|error| format!("'{text}' is no URL: {error}"))?;
        if base.scheme_str() != Some("http") || base.host().is_none_or(str::is_empty) {
            return Err(format!("'{text}' is not http://HOST:PORT; for TLS put a collector beside the service"));
        }
        let whole = match base.path().trim_end_matches('/') {
            "" => format!("{}/v1/traces", text.trim_end_matches('/')),
            _ => text.to_owned(),
        };
        whole.parse().map(Self).map_err(|error| format!("'{whole}' is no URL: {error}"))
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How many spans a collector took, and how many none did. Cloning shares it.
#[derive(Clone, Debug, Default)]
pub struct SpanCounts(Arc<[AtomicU64; 2]>);

impl SpanCounts {
    /// Spans that the collector took.
    pub fn exported(&self) -> u64 {
        self.0[0].load(Relaxed)
    }

    /// Spans that were dropped: the collector was away, or too slow.
    pub fn lost(&self) -> u64 {
        self.0[1].load(Relaxed)
    }

    fn export(&self, spans: usize) {
        self.0[0].fetch_add(spans as u64, Relaxed);
    }

    pub(super) fn lose(&self, spans: usize) {
        self.0[1].fetch_add(spans as u64, Relaxed);
    }
}

/// Sends spans, once it is started.
#[derive(Debug)]
pub struct Exporter {
    env: Env,
    endpoint: Endpoint,
    service: String,
    queued: mpsc::Receiver<Ended>,
    counts: SpanCounts,
}

/// The exporter at work. Dropping it sends nothing more.
#[derive(Debug)]
pub struct Exporting {
    task: Task,
    stop: tokio::sync::oneshot::Sender<()>,
}

impl Exporter {
    /// An exporter to `endpoint` for the service of this name, and the layer that hands it spans.
    pub fn new(env: &Env, endpoint: Endpoint, service: &str) -> (Self, SpanLayer) {
        let (queue, queued) = mpsc::channel(QUEUE);
        let counts = SpanCounts::default();
        let layer = SpanLayer { env: env.clone(), queue, counts: counts.clone() };
        (Self { env: env.clone(), endpoint, service: service.to_owned(), queued, counts }, layer)
    }

    /// What has become of spans so far.
    pub fn counts(&self) -> SpanCounts {
        self.counts.clone()
    }

    /// Starts sending.
    pub fn start(self) -> Exporting {
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let env = self.env.clone();
        Exporting { task: env.spawn("spans", self.run(stopped)), stop }
    }

    async fn run(mut self, mut stopped: tokio::sync::oneshot::Receiver<()>) {
        let client: Http = Client::builder(TokioExecutor::new()).build_http();
        let mut spans = Vec::with_capacity(AT_ONCE);
        let mut told = false;
        loop {
            tokio::select! {
                biased;
                _ = &mut stopped => break,
                received = self.queued.recv_many(&mut spans, AT_ONCE) => if received == 0 { break },
            }
            tokio::select! {
                biased;
                _ = &mut stopped => break,
                () = tokio::time::sleep(GATHER) => {}
            }
            self.gather(&mut spans);
            self.send(&client, &mut spans, &mut told).await;
        }
        self.queued.close();
        loop {
            self.gather(&mut spans);
            if spans.is_empty() {
                return;
            }
            self.send(&client, &mut spans, &mut told).await;
        }
    }

    fn gather(&mut self, spans: &mut Vec<Ended>) {
        while spans.len() < AT_ONCE
            && let Ok(span) = self.queued.try_recv()
        {
            spans.push(span);
        }
    }

    /// Sends once: a collector that does not take spans loses them, so that nothing ever waits for it.
    async fn send(&self, client: &Http, spans: &mut Vec<Ended>, told: &mut bool) {
        let count = spans.len();
        let sent = post(client, &self.endpoint, encode::request(&self.service, spans)).await;
        spans.clear();
        match sent {
            Ok(()) => {
                self.counts.export(count);
                *told = false;
            }
            Err(reason) => {
                self.counts.lose(count);
                // Told once an outage; the counter goes on.
                if !std::mem::replace(told, true) {
                    tracing::warn!(endpoint = %self.endpoint, reason, "the collector takes no spans");
                }
            }
        }
    }
}

type Http = Client<HttpConnector, Full<Bytes>>;

async fn post(client: &Http, endpoint: &Endpoint, body: String) -> Result<(), String> {
    let request = Request::post(endpoint.0.clone())
        .header(CONTENT_TYPE, "application/json")
        .body(Full::new(Bytes::from(body)))
        .map_err(|error| error.to_string())?;
    match timeout(LIMIT, client.request(request)).await {
        Err(_) => Err(format!("no answer within {LIMIT:?}")),
        Ok(Err(error)) => Err(error.to_string()),
        Ok(Ok(response)) if response.status().is_success() => Ok(()),
        Ok(Ok(response)) => Err(format!("it answers {}", response.status())),
    }
}

impl Exporting {
    /// Sends what is left, for 2 s at most.
    ///
    /// # Cancel safety
    /// Dropping it sends nothing more.
    pub async fn finish(self) {
        // The task has ended already only if nobody hands it spans any more.
        let _ = self.stop.send(());
        let _ = timeout(FLUSH, self.task).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_plain_http_and_has_a_path() {
        for (given, url) in [
            ("http://localhost:4318", Some("http://localhost:4318/v1/traces")),
            ("http://localhost:4318/", Some("http://localhost:4318/v1/traces")),
            ("http://localhost:4318/otlp/v1/traces", Some("http://localhost:4318/otlp/v1/traces")),
            ("https://localhost:4318", None),
            ("localhost:4318", None),
            ("", None),
        ] {
            assert_eq!(given.parse::<Endpoint>().ok().map(|endpoint| endpoint.to_string()).as_deref(), url, "{given}");
        }
    }

    #[tokio::test]
    async fn a_dead_collector_costs_a_count_and_no_wait() {
        use tracing_subscriber::layer::SubscriberExt;
        // A port that was just free; nobody listens there.
        let port = std::net::TcpListener::bind(("127.0.0.1", 0))
            .and_then(|socket| socket.local_addr())
            .expect("a port")
            .port();
        let endpoint = format!("http://127.0.0.1:{port}").parse().expect("a URL");
        let (exporter, layer) = Exporter::new(&Env::system(), endpoint, "test");
        let counts = exporter.counts();
        let subscriber = tracing_subscriber::registry().with(layer);
        tracing::subscriber::with_default(subscriber, || {
            for _ in 0..QUEUE + 10 {
                drop(tracing::error_span!("request", otel.kind = "server", trace_id = "t", span_id = "s"));
            }
        });
        assert_eq!(counts.lost(), 10, "what does not fit is lost at once");
        exporter.start().finish().await;
        assert_eq!((counts.exported(), counts.lost()), (0, QUEUE as u64 + 10));
    }
}
