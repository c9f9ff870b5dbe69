//! The orders system killed again and again while orders are posted: nothing is lost, and an order is one row.

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
    time::{Instant, sleep, timeout},
};

use crate::{
    command,
    fixture::{
        child::{Child, Signal},
        ports,
    },
    harness::{Context, Outcome, Suite},
    http,
    support::{read_log, shop},
};

const KILLS: u32 = 20;
const POSTERS: u32 = 3;
const START_LIMIT: Duration = Duration::from_secs(60);
const DRAIN_LIMIT: Duration = Duration::from_secs(120);
const END_LIMIT: Duration = Duration::from_secs(30);

pub(crate) fn tests(suite: &mut Suite) {
    let killed = a_service_killed_at_any_moment_loses_no_order;
    let limit = Duration::from_secs(420);
    suite.long_test("kills::a_service_killed_at_any_moment_loses_no_order", Needs::ANY.alone(), limit, killed);
}

/// What the poster of an order was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Posted {
    /// 202: it is in the log.
    Accepted,
    /// 503: it is in no log.
    Refused,
    /// 504, or the answer never came.
    Unknown,
}

type Orders = Mutex<BTreeMap<String, Posted>>;

async fn a_service_killed_at_any_moment_loses_no_order(cx: Context) -> Outcome {
    let mut service = Service::new(&cx)?;
    service.start()?;
    service.until_ready().await?;
    shop::seed(service.port).await?;
    let (port, orders) = (service.port, Orders::default());
    let (running, over) = watch::channel(false);
    let killing = async {
        let mut seed = cx.seed();
        for kill in 0..KILLS {
            // Every fourth dies while it starts.
            if kill % 4 != 3 {
                service.until_ready().await?;
            }
            sleep(seed.millis(0..1_000)).await;
            service.kill().await?;
            service.start()?;
        }
        service.until_ready().await?;
        let _ = running.send(true);
        Ok::<_, Failed>(())
    };
    let posting = join_all((0..POSTERS).map(|_| post(&cx, port, &orders, over.clone())));
    let (killed, posted) = tokio::join!(killing, posting);
    killed?;
    posted.into_iter().collect::<Result<Vec<_>, _>>()?;
    judge(&cx, service, &orders.into_inner().unwrap_or_else(PoisonError::into_inner)).await
}

/// Waits until all that is in the log is stored, and compares what was promised with both.
async fn judge(cx: &Context, mut service: Service<'_>, orders: &BTreeMap<String, Posted>) -> Outcome {
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
        let answer = http::request(service.port, "GET", &format!("/orders/{id}"), None).await?;
        if answer.json()["status"] == "stored" {
            waiting.pop_first();
        } else if Instant::now() > deadline {
            return Err(format!("{} orders in the log are not stored\n{}", waiting.len(), service.tail()).into());
        } else {
            sleep(Duration::from_millis(20)).await;
        }
    }
    service.end().await?;
    let store = RedbStore::open(&Env::system(), &service.store).await?;
    let member = store.get("service", b"instance-id").await?.ok_or("the store keeps no member's id")?;
    forget(cx, &String::from_utf8(member.value.to_vec())?).await?;
    let mut told: BTreeMap<&str, u32> = BTreeMap::new();
    for (id, posted) in orders {
        let copies = in_log.get(id.as_str()).copied().unwrap_or_default();
        let stored = store.get(rows::ORDERS, id.as_bytes()).await?.is_some();
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
    eprintln!("kills: {KILLS} kills, orders {told:?}, {} in the log", in_log.len());
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
async fn post(cx: &Context, port: u16, orders: &Orders, over: watch::Receiver<bool>) -> Outcome {
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

/// Takes the dead service out of its group, or the next test's would wait for the end of its session.
async fn forget(cx: &Context, instance_id: &str) -> Outcome {
    let client = cx.client()?;
    let text = |text: &str| StrBytes::from_string(text.to_owned());
    let group = GroupId(text("orders-consumer-group"));
    let member = MemberIdentity::default().with_group_instance_id(Some(text(instance_id)));
    let find = by_version(|version| {
        let find = FindCoordinatorRequest::default();
        if version < 4 { find.with_key(group.0.clone()) } else { find.with_coordinator_keys(vec![group.0.clone()]) }
    });
    let found = client.call(Target::Any, ConnectionKind::Control, &find, START_LIMIT).await?;
    let found = found.coordinators.first().ok_or("no coordinator")?;
    let to = Target::Address(BrokerAddr::new(found.host.to_string(), u16::try_from(found.port)?));
    let leave = LeaveGroupRequest::default().with_group_id(group.clone()).with_members(vec![member]);
    let left = client.call(to, ConnectionKind::Control, &leave, START_LIMIT).await?;
    assert_eq!((left.error_code, left.members.first().map(|member| member.error_code)), (0, Some(0)));
    client.close().await;
    Ok(())
}

/// `ottla serve pubsub` as a process.
struct Service<'a> {
    cx: &'a Context,
    port: u16,
    dir: PathBuf,
    store: PathBuf,
    process: Option<Child>,
}

impl<'a> Service<'a> {
    fn new(cx: &'a Context) -> Result<Self, Failed> {
        let dir = cx.fixture().dir("kills")?;
        let port = ports::free(1)?.pop().ok_or("no port")?;
        Ok(Self { cx, port, store: dir.join("orders.redb"), dir, process: None })
    }

    fn start(&mut self) -> Outcome {
        let listen = format!("127.0.0.1:{}", self.port);
        let store = format!("redb:{}", self.store.display());
        let bootstrap = self.cx.fixture().addresses().join(",");
        let args = ["serve", "pubsub", "--listen", &listen, "--store", &store, "--bootstrap", &bootstrap];
        self.process = Some(command::start(&args, &self.dir, &self.dir.join("log"))?);
        Ok(())
    }

    async fn kill(&mut self) -> Outcome {
        let mut process = self.process.take().ok_or("the service does not run")?;
        if let Some(status) = process.ended()? {
            return Err(format!("the service ended by itself: {status}\n{}", process.tail(40)).into());
        }
        process.signal(Signal::Kill)?;
        process.wait().await?;
        Ok(())
    }

    /// Asks for an orderly end: it drains, commits and exits without a complaint.
    async fn end(&mut self) -> Outcome {
        let mut process = self.process.take().ok_or("the service does not run")?;
        process.signal(Signal::Term)?;
        let status = timeout(END_LIMIT, process.wait()).await??;
        if status.success() { Ok(()) } else { Err(format!("{status}\n{}", process.tail(40)).into()) }
    }

    async fn until_ready(&mut self) -> Outcome {
        let deadline = Instant::now() + START_LIMIT;
        loop {
            let answer = http::request(self.port, "GET", "/health/ready", None).await;
            if answer.as_ref().is_ok_and(|answer| answer.status == 200) {
                return Ok(());
            }
            let ended = self.process.as_mut().map(Child::ended).transpose()?.flatten();
            if ended.is_some() || Instant::now() > deadline {
                return Err(format!("the service is not ready: {answer:?}, {ended:?}\n{}", self.tail()).into());
            }
            sleep(Duration::from_millis(20)).await;
        }
    }

    fn tail(&self) -> String {
        self.process.as_ref().map(|process| process.tail(40)).unwrap_or_default()
    }
}
