use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use tokio::{
    sync::watch,
    time::{Instant, sleep},
};

use super::{driver::Driver, rate};
use crate::{
    fixture::child::Signal,
    harness::{Context, Outcome},
    http::Connection,
    support::{Process, read_log, shop},
};

/// How long orders are posted before the signal.
const LOAD: Duration = Duration::from_secs(10);
/// What the end may take.
const END: Duration = Duration::from_secs(5);
/// What the service may take after the restart to store what it had not.
const STORED: Duration = Duration::from_secs(90);

pub(super) async fn sigterm_under_orders_ends_in_time_and_loses_nothing(cx: Context) -> Outcome {
    let mut service = Process::together(&cx, "ending")?;
    service.up().await?;
    shop::seed(service.port()).await?;
    let driver = Driver::new(&cx, service.port(), rate());
    let (over, running) = watch::channel(false);
    let ending = async {
        sleep(LOAD).await;
        let asked = Instant::now();
        service.signal(Signal::Term)?;
        let code = service.ended(END * 2).await?;
        over.send_replace(true);
        Ok::<_, libtest_mimic::Failed>((asked.elapsed(), code))
    };
    let (ended, ()) = tokio::join!(ending, driver.run(running));
    let (took, code) = ended?;
    assert_eq!(code, Some(0), "{}", service.log());
    assert!(took < END, "it took {took:?}\n{}", service.log());
    let told = driver.take();
    let copies = copies(&cx).await?;
    let mut accepted = BTreeSet::new();
    for (id, status) in &told.orders {
        let copies = copies.get(id.as_bytes()).copied().unwrap_or_default();
        let kept = match status {
            Some(202) => copies == 1,
            Some(504) | None => copies <= 1,
            Some(_) => copies == 0,
        };
        assert!(kept, "{id} was answered {status:?} and is {copies} times in the log");
        if copies > 0 {
            accepted.insert(id.clone());
        }
    }
    assert!(told.count(Some(202)) > 100, "too few orders to show anything: {}", told.count(Some(202)));
    let counts = (told.count(Some(202)), told.orders.len());
    service.up().await?;
    all_are_stored(service.port(), accepted).await?;
    cx.figure(&format!(
        "SIGTERM under {} orders a second: the end took {took:?}, exit 0; {} of {} orders accepted, each in the log \
         once and stored after the restart",
        rate(),
        counts.0,
        counts.1,
    ));
    service.end().await?;
    service.forget(&cx).await
}

/// How often each key is in the log.
async fn copies(cx: &Context) -> Result<BTreeMap<Vec<u8>, u32>, libtest_mimic::Failed> {
    let mut copies = BTreeMap::new();
    for record in read_log(cx, "orders").await? {
        *copies.entry(record.key.unwrap_or_default().to_vec()).or_default() += 1;
    }
    Ok(copies)
}

async fn all_are_stored(port: u16, mut waiting: BTreeSet<String>) -> Outcome {
    let deadline = Instant::now() + STORED;
    let mut connection = Connection::open(port).await?;
    while let Some(id) = waiting.first() {
        let answer = connection.get(&format!("/orders/{id}")).await?;
        if answer.json()["status"] == "stored" {
            waiting.pop_first();
            continue;
        }
        assert!(Instant::now() < deadline, "{} accepted orders are not stored: {}", waiting.len(), answer.body);
        sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}
