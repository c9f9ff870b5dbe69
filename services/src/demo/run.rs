//! One run of the demo, from the broker to the account.

use std::{net::Ipv4Addr, path::PathBuf, sync::Arc, time::Duration};

use futures_util::FutureExt;
use hyper::Method;
use ottla::{
    BrokerAddr, Client, Env,
    delivery::{RedbStore, Store},
    kafka::Producer,
};
use ottla_embedded_broker::EmbeddedBroker;
use serde_json::Value;
use tokio::time::{Instant, sleep, timeout};
use uuid::Uuid;

use super::{
    DemoError, audit,
    http::Http,
    load::{self, Orders},
    poison,
    progress::Progress,
    summary::{Evidence, Posted, Summary},
};
use crate::{
    config::Settings,
    pubsub::{
        PubSub, Share,
        topics::{Layout, ORDERS, ORDERS_DLQ},
    },
};

/// How long the service may take until it is ready.
const READY_WITHIN: Duration = Duration::from_secs(60);
/// How long the consumer may stand still, after the last order, before it is not waited for any more.
const STANDSTILL: Duration = Duration::from_secs(60);
/// The store's file in the run's directory.
const STORE: &str = "orders.redb";
const GRACE: Duration = Duration::from_secs(30);

/// What the demo is to do.
#[derive(Clone, Debug)]
pub struct Options {
    /// How many orders are posted.
    pub orders: usize,
    /// Orders a second; `None` is as fast as they are accepted.
    pub rate: Option<f64>,
    /// Bad records beside the orders, in percent of them.
    pub poison_percent: f64,
    /// Orders whose handler fails once, in percent.
    pub flaky_percent: f64,
    /// A cluster to use instead of the embedded broker, and how to reach it.
    pub(crate) cluster: Option<Settings>,
    /// Whether to end after the account instead of serving on.
    pub exit: bool,
    /// When the program started.
    pub started: Instant,
}

/// What runs during a demo.
struct Stage {
    env: Env,
    run_id: String,
    embedded: Option<EmbeddedBroker>,
    cluster: Option<Settings>,
    bootstrap: BrokerAddr,
    client: Client,
    directory: PathBuf,
    store: Arc<RedbStore>,
    service: PubSub,
}

/// Runs the demo until it has accounted for every order, or `interrupted` completes; then it accounts for those so
/// far. Without `exit` it serves on afterwards until `interrupted`.
///
/// # Errors
/// Something of the demo did not start, or the account cannot be made.
///
/// # Cancel safety
/// Dropping it ends everything; the store's directory stays behind.
pub async fn run(options: Options, interrupted: impl Future<Output = ()> + Send) -> Result<Summary, DemoError> {
    let interrupted = interrupted.shared();
    let mut progress = Progress::new();
    let stage = Stage::set(&options, &progress).await?;
    let marks = audit::mark(&stage.client).await?;
    let http = Http::new(stage.service.addr());
    load::seed(&http).await?;
    let evidence = stage.load(&options, &http, &mut progress, interrupted.clone()).await?;
    stage.drain(&progress).await?;
    let summary = stage.account(&options, &marks, evidence, &progress, interrupted).await?;
    Ok(summary)
}

impl Stage {
    /// Starts the broker, unless a cluster is given, and the service, and waits until it is ready.
    async fn set(options: &Options, progress: &Progress) -> Result<Self, DemoError> {
        let env = Env::system();
        let run_id = env.uuid().simple().to_string()[..8].to_owned();
        let embedded = match &options.cluster {
            Some(_) => None,
            None => {
                let builder =
                    EmbeddedBroker::builder().listen("127.0.0.1:0").env(env.clone()).auto_create_topics(false);
                Some(builder.start().await.map_err(|error| DemoError::Broker(error.to_string()))?)
            }
        };
        let bootstrap = match (&options.cluster, &embedded) {
            (Some(cluster), _) => cluster.brokers().first().cloned(),
            (None, Some(broker)) => Some(broker.addr()),
            (None, None) => None,
        };
        let bootstrap = bootstrap.ok_or_else(|| DemoError::Broker("none was started".to_owned()))?;
        let cluster = options.cluster.clone();
        let client = client(cluster.as_ref(), &bootstrap, &env, "ottla-demo")?;
        let directory = std::env::temp_dir().join(format!("ottla-demo-{run_id}"));
        std::fs::create_dir_all(&directory).map_err(DemoError::Directory)?;
        let store = Arc::new(RedbStore::open(&env, directory.join(STORE)).await?);
        let service = PubSub::builder(client.clone())
            .store(Arc::clone(&store) as Arc<dyn Store>)
            .layout(Layout::Development)
            .listen((Ipv4Addr::LOCALHOST, 0).into())
            .flaky(Share::percent(options.flaky_percent))
            .start()
            .await?;
        let kind = if embedded.is_some() { "embedded broker" } else { "cluster" };
        progress.say(&format!("run {run_id}: {kind} at {bootstrap}, orders at http://{}/orders", service.addr()));
        let stage = Self { env, run_id, embedded, cluster, bootstrap, client, directory, store, service };
        stage.wait_until_ready().await?;
        Ok(stage)
    }

    async fn wait_until_ready(&self) -> Result<(), DemoError> {
        let deadline = Instant::now() + READY_WITHIN;
        loop {
            let health = self.service.health().await;
            if health.healthy() {
                return Ok(());
            }
            if Instant::now() >= deadline {
                return Err(DemoError::NotReady(health.error().unwrap_or("no reason given").to_owned()));
            }
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Posts the orders and writes the bad records, at the same time.
    async fn load(
        &self,
        options: &Options,
        http: &Http,
        progress: &mut Progress,
        interrupted: impl Future<Output = ()>,
    ) -> Result<Evidence, DemoError> {
        let faulty = Producer::builder(&self.client).build()?;
        let bad = (options.orders as f64 * options.poison_percent / 100.0).round() as usize;
        let orders = Orders::new(http, &self.env, options.rate);
        let first = self.show_first(&orders, http, options, progress).await;
        progress.begin(options.orders);
        let (mut accepted, total) = (1, options.orders);
        let seen = |_: Uuid, posted: Posted| {
            accepted += usize::from(posted == Posted::Accepted);
            progress.at(accepted, total);
        };
        let rest = options.orders.saturating_sub(first.len());
        let (mut posted, poisoned) =
            tokio::join!(orders.post(rest, interrupted, seen), poison::write(&faulty, ORDERS, &self.run_id, bad));
        progress.end();
        faulty.close().await;
        posted.extend(first);
        let share = Share::percent(options.flaky_percent);
        let flaky = posted.keys().filter(|id| share.takes(id.to_string().as_bytes())).copied().collect();
        Ok(Evidence { posted, poisoned, flaky, ..Evidence::default() })
    }

    /// Posts the first order and shows it when it is stored.
    async fn show_first(
        &self,
        orders: &Orders<'_>,
        http: &Http,
        options: &Options,
        progress: &Progress,
    ) -> std::collections::BTreeMap<Uuid, Posted> {
        let first = orders.post(options.orders.min(1), std::future::pending(), |_, _| {}).await;
        for (id, posted) in &first {
            let stored = async {
                while status(http, id).await.as_deref() != Some("stored") {
                    sleep(Duration::from_millis(5)).await;
                }
            };
            let what = match (posted, timeout(Duration::from_secs(10), stored).await) {
                (Posted::Accepted, Ok(())) => "accepted and stored",
                (Posted::Accepted, Err(_)) => "accepted",
                _ => "posted",
            };
            progress.say(&format!("first order {id}: {what} after {:.2} s", options.started.elapsed().as_secs_f64()));
        }
        first
    }

    /// Waits until the group has committed all of the topic, as long as it gets on.
    async fn drain(&self, progress: &Progress) -> Result<(), DemoError> {
        let mut least = i64::MAX;
        let mut give_up = Instant::now() + STANDSTILL;
        loop {
            let left = audit::uncommitted(&self.client).await?;
            if left == 0 {
                return Ok(());
            }
            if left < least {
                least = left;
                give_up = Instant::now() + STANDSTILL;
            }
            if Instant::now() >= give_up {
                progress.say("the consumer stands still; what is not settled counts as lost");
                return Ok(());
            }
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// Ends the service, reads everything again and tells what it came to.
    async fn account(
        self,
        options: &Options,
        marks: &audit::Marks,
        mut evidence: Evidence,
        progress: &Progress,
        interrupted: impl Future<Output = ()>,
    ) -> Result<Summary, DemoError> {
        let listening = self.service.addr();
        self.service.shutdown(GRACE).await;
        self.client.close().await;
        self.store.close().await;
        let reader = client(self.cluster.as_ref(), &self.bootstrap, &self.env, "ottla-audit")?;
        let store = Arc::new(RedbStore::open(&self.env, self.directory.join(STORE)).await?);
        audit::collect(&reader, marks, &*store, &mut evidence).await?;
        let summary = Summary::new(&self.run_id, &evidence, options.started.elapsed().as_secs_f64());
        ledger(&summary).iter().for_each(|line| progress.say(line));
        if !options.exit {
            let kept = Arc::clone(&store) as Arc<dyn Store>;
            let service = PubSub::builder(reader.clone()).store(kept).listen(listening).start().await?;
            next_steps(service.addr(), &self.bootstrap).iter().for_each(|line| progress.say(line));
            interrupted.await;
            service.shutdown(GRACE).await;
        }
        store.close().await;
        reader.close().await;
        if let Some(broker) = self.embedded {
            broker.stop().await;
        }
        if let Err(error) = std::fs::remove_dir_all(&self.directory) {
            tracing::warn!(%error, directory = %self.directory.display(), "the store's directory stays behind");
        }
        Ok(summary)
    }
}

/// What `GET /orders/{id}` says of an order.
async fn status(http: &Http, id: &Uuid) -> Option<String> {
    let (_, body) = http.send(Method::GET, &format!("/orders/{id}"), None).await.ok()?;
    let order: Value = serde_json::from_slice(&body).ok()?;
    order.get("status")?.as_str().map(str::to_owned)
}

fn ledger(summary: &Summary) -> Vec<String> {
    let rows = [
        ("orders accepted", summary.accepted),
        ("bad records written", summary.poisoned),
        ("orders stored", summary.stored),
        ("dead-lettered", summary.dead_lettered),
        ("needed a retry", summary.retried),
        ("lost", summary.lost),
        ("twice in the log", summary.duplicates),
    ];
    let mut lines = vec![String::new(), "ledger, counted by a second reader:".to_owned()];
    lines.extend(rows.iter().map(|(what, count)| format!("  {what:<20} {count:>9}")));
    lines.push(format!("  {:<20} {:>9.1}", "seconds", summary.seconds));
    lines
}

/// A client of the cluster as its settings say, or of the embedded broker.
fn client(cluster: Option<&Settings>, bootstrap: &BrokerAddr, env: &Env, name: &str) -> Result<Client, ottla::Error> {
    match cluster {
        Some(settings) => settings.client(env, name),
        None => Client::builder().bootstrap([bootstrap.clone()]).client_id(name).env(env.clone()).build(),
    }
}

fn next_steps(orders: std::net::SocketAddr, bootstrap: &BrokerAddr) -> Vec<String> {
    vec![
        String::new(),
        "it serves on until Ctrl-C; try:".to_owned(),
        format!("  curl http://{orders}/orders"),
        format!("  curl http://{orders}/health"),
        format!("  curl http://{orders}/metrics"),
        format!("  kcat -b {bootstrap} -C -t {ORDERS_DLQ} -o beginning -e   # the bad records, with reasons (-J)"),
    ]
}
