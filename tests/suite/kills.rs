//! The services of the orders system killed again and again while orders are posted: nothing is lost, and an order is
//! one row.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use futures_util::future::join_all;
use libtest_mimic::Failed;
use ottla::{
    Env,
    delivery::{RedbStore, Store},
};
use ottla_kafka_core::{
    BrokerAddr, ConnectionKind, Target,
    protocol::{
        by_version,
        kafka_protocol::protocol::StrBytes,
        messages::{FindCoordinatorRequest, GroupId, LeaveGroupRequest, leave_group_request::MemberIdentity},
    },
};
use ottla_services::pubsub::rows;
use ottla_tests::lane::Needs;
use tokio::{
    sync::watch,
    time::{Instant, sleep},
};

use crate::{
    fixture::postgres::{database, sql},
    harness::{Context, Outcome, Suite},
    http,
    support::{Process, read_log, shop},
};

const KILLS: u32 = 20;
const POSTERS: u32 = 3;
const CALL_LIMIT: Duration = Duration::from_secs(60);
const DRAIN_LIMIT: Duration = Duration::from_secs(120);
/// The member that the killed consumer is, so that it has its partitions back at once.
const MEMBER: &str = "kills-consumer";

pub(crate) fn tests(suite: &mut Suite) {
    let limit = Duration::from_secs(420);
    let killed = a_service_killed_at_any_moment_loses_no_order;
    suite.long_test("kills::a_service_killed_at_any_moment_loses_no_order", Needs::ANY.alone(), limit, killed);
    let apart = Needs::ANY.alone().postgres();
    let producer = a_producer_killed_at_any_moment_loses_no_order;
    suite.long_test("kills::a_producer_killed_at_any_moment_loses_no_order", apart, limit, producer);
    let consumer = a_consumer_killed_at_any_moment_loses_no_order;
    suite.long_test("kills::a_consumer_killed_at_any_moment_loses_no_order", apart, limit, consumer);
}

/// What the poster of an order was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Posted {
    /// 202: it is in the log.
    Accepted,
    /// 503: it is in no log.
    Refused,
    /// 504, or the answer never came.
    Unknown,
}

/// What was said of each order, by its id.
pub(crate) type Orders = Mutex<BTreeMap<String, Posted>>;

/// Services, one of which is killed.
pub(crate) struct Scene {
    /// The first takes the orders.
    services: Vec<Process>,
    victim: usize,
    rows: Rows,
}

/// Where the rows are.
enum Rows {
    Redb(PathBuf),
    Postgres(String),
}

async fn a_service_killed_at_any_moment_loses_no_order(cx: Context) -> Outcome {
    let file = cx.fixture().dir("kills")?.join("orders.redb");
    kill_under_load(&cx, Scene::together(&cx, file)?).await
}

async fn a_producer_killed_at_any_moment_loses_no_order(cx: Context) -> Outcome {
    let scene = Scene::apart(&cx, 0).await?;
    kill_under_load(&cx, scene).await
}

async fn a_consumer_killed_at_any_moment_loses_no_order(cx: Context) -> Outcome {
    let scene = Scene::apart(&cx, 1).await?;
    kill_under_load(&cx, scene).await
}

async fn kill_under_load(cx: &Context, mut scene: Scene) -> Outcome {
    scene.start().await?;
    let port = scene.port();
    let orders = Orders::default();
    let (running, over) = watch::channel(false);
    let victim = &mut scene.services[scene.victim];
    let killing = async {
        let mut seed = cx.seed();
        for kill in 0..KILLS {
            // Every fourth dies while it starts.
            if kill % 4 != 3 {
                victim.ready().await?;
            }
            sleep(seed.millis(0..1_000)).await;
            victim.kill().await?;
            victim.start()?;
        }
        victim.ready().await?;
        let _ = running.send(true);
        Ok::<_, Failed>(())
    };
    let posting = join_all((0..POSTERS).map(|_| post(cx, port, &orders, over.clone())));
    let (killed, posted) = tokio::join!(killing, posting);
    killed?;
    posted.into_iter().collect::<Result<Vec<_>, _>>()?;
    judge(cx, scene, &orders.into_inner().unwrap_or_else(PoisonError::into_inner)).await
}

/// Waits until all that is in the log is stored, and compares what was promised with both.
pub(crate) async fn judge(cx: &Context, mut scene: Scene, orders: &BTreeMap<String, Posted>) -> Outcome {
    let mut in_log: BTreeMap<&str, u32> = BTreeMap::new();
    let log = read_log(cx, "orders").await?;
    for record in &log {
        let key = std::str::from_utf8(record.key.as_deref().unwrap_or_default()).unwrap_or_default();
        if let Some((id, _)) = orders.get_key_value(key) {
            *in_log.entry(id).or_default() += 1;
        }
    }
    let mut waiting: BTreeSet<&str> = in_log.keys().copied().collect();
    let deadline = Instant::now() + DRAIN_LIMIT;
    while let Some(id) = waiting.first() {
        let answer = http::request(scene.port(), "GET", &format!("/orders/{id}"), None).await?;
        if answer.json()["status"] == "stored" {
            waiting.pop_first();
        } else if Instant::now() > deadline {
            return Err(format!("{} orders in the log are not stored\n{}", waiting.len(), scene.tails()).into());
        } else {
            sleep(Duration::from_millis(20)).await;
        }
    }
    for service in &mut scene.services {
        service.end().await?;
    }
    for group in ["orders-consumer-group", "users-consumer-group"] {
        forget(cx, group, MEMBER).await?;
    }
    let rows = scene.rows.read(orders).await?;
    let mut told: BTreeMap<&str, u32> = BTreeMap::new();
    for (id, posted) in orders {
        let copies = in_log.get(id.as_str()).copied().unwrap_or_default();
        let stored = rows.contains(id);
        let kept = match posted {
            Posted::Accepted => copies == 1 && stored,
            Posted::Refused => copies == 0 && !stored,
            Posted::Unknown => copies <= 1 && stored == (copies == 1),
        };
        assert!(kept, "{id} was {posted:?}, is {copies} times in the log, stored: {stored}");
        *told.entry(posted.name()).or_default() += 1;
    }
    let accepted = told.get("accepted").copied().unwrap_or_default();
    assert!(accepted > 10 * KILLS, "too few orders to show anything: {told:?}");
    cx.figure(&format!("orders {told:?}, {} in the log and in as many rows", in_log.len()));
    Ok(())
}

impl Posted {
    fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Refused => "refused",
            Self::Unknown => "unknown",
        }
    }
}

/// Posts one order after the other, each once.
pub(crate) async fn post(cx: &Context, port: u16, orders: &Orders, over: watch::Receiver<bool>) -> Outcome {
    while !*over.borrow() {
        let id = cx.env().uuid().to_string();
        let posted = match http::request(port, "POST", "/orders", Some(&shop::order(&id))).await {
            Ok(answer) => match answer.status {
                202 => Posted::Accepted,
                503 => Posted::Refused,
                504 => Posted::Unknown,
                other => return Err(format!("POST /orders answers {other}: {}", answer.body).into()),
            },
            // Nobody listened: nothing was said.
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => {
                sleep(Duration::from_millis(10)).await;
                continue;
            }
            Err(_) => Posted::Unknown,
        };
        orders.lock().unwrap_or_else(PoisonError::into_inner).insert(id, posted);
    }
    Ok(())
}

/// Takes the dead member out of its group, or the next test's would wait for the end of its session.
pub(crate) async fn forget(cx: &Context, group: &str, member: &str) -> Outcome {
    let client = cx.client()?;
    let text = |text: &str| StrBytes::from_string(text.to_owned());
    let group = GroupId(text(group));
    let member = MemberIdentity::default().with_group_instance_id(Some(text(member)));
    let find = by_version(|version| {
        let find = FindCoordinatorRequest::default();
        if version < 4 { find.with_key(group.0.clone()) } else { find.with_coordinator_keys(vec![group.0.clone()]) }
    });
    let found = client.call(Target::Any, ConnectionKind::Control, &find, CALL_LIMIT).await?;
    let found = found.coordinators.first().ok_or("no coordinator")?;
    let to = Target::Address(BrokerAddr::new(found.host.to_string(), u16::try_from(found.port)?));
    let leave = LeaveGroupRequest::default().with_group_id(group.clone()).with_members(vec![member]);
    let left = client.call(to, ConnectionKind::Control, &leave, CALL_LIMIT).await?;
    assert_eq!((left.error_code, left.members.first().map(|member| member.error_code)), (0, Some(0)));
    client.close().await;
    Ok(())
}

impl Scene {
    /// Producer and consumer in two processes on a database of their own.
    async fn apart(cx: &Context, victim: usize) -> Result<Self, Failed> {
        let name = format!("kills_{victim}_{:08x}", cx.env().random_u64() >> 32);
        Self::on(cx, database(cx.fixture().postgres()?.url(), &name).await?, victim)
    }

    /// The same on a database that is the caller's.
    pub(crate) fn on(cx: &Context, url: String, victim: usize) -> Result<Self, Failed> {
        let producer = Process::serving(cx, "pubsub.producer", &url)?;
        let consumer = Process::serving(cx, "pubsub.consumer", &url)?.arguments(&["--instance-id", MEMBER]);
        Ok(Self { services: vec![producer, consumer], victim, rows: Rows::Postgres(url) })
    }

    /// Both in one process, on a file.
    pub(crate) fn together(cx: &Context, file: PathBuf) -> Result<Self, Failed> {
        let store = format!("redb:{}", file.display());
        let services = vec![Process::serving(cx, "pubsub", &store)?.arguments(&["--instance-id", MEMBER])];
        Ok(Self { services, victim: 0, rows: Rows::Redb(file) })
    }

    /// Starts the services, waits until they are ready and orders can be posted, and gives their ports.
    pub(crate) async fn start(&mut self) -> Result<Vec<u16>, Failed> {
        for service in &mut self.services {
            service.up().await?;
        }
        shop::seed(self.port()).await?;
        Ok(self.services.iter().map(Process::port).collect())
    }

    /// Where orders are posted and asked for.
    fn port(&self) -> u16 {
        self.services[0].port()
    }

    fn tails(&self) -> String {
        self.services.iter().map(Process::tail).collect::<Vec<_>>().join("\n")
    }
}

impl Rows {
    /// The posted orders that have a row; a second row of one is a failure.
    async fn read(&self, orders: &BTreeMap<String, Posted>) -> Result<BTreeSet<String>, Failed> {
        match self {
            Self::Redb(file) => {
                let store = RedbStore::open(&Env::system(), file).await?;
                let mut stored = BTreeSet::new();
                for id in orders.keys() {
                    if store.get(rows::ORDERS, id.as_bytes()).await?.is_some() {
                        stored.insert(id.clone());
                    }
                }
                Ok(stored)
            }
            Self::Postgres(url) => {
                let ids = sql(url, "SELECT id FROM orders").await?;
                let stored: BTreeSet<String> = ids.iter().filter(|id| orders.contains_key(*id)).cloned().collect();
                assert_eq!(ids.iter().filter(|id| orders.contains_key(*id)).count(), stored.len(), "one row an order");
                Ok(stored)
            }
        }
    }
}
