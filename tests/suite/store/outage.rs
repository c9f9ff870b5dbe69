//! PostgreSQL goes away and comes back: whatever was acknowledged is there, and whatever was refused is not.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures_util::future::{join, join_all};
use libtest_mimic::Failed;
use ottla_delivery::{PostgresStore, Store, StoreError, Unit};
use ottla_tests::{lane::Needs, proxy::Proxy};
use tokio::time::{Instant, sleep};

use super::database;
use crate::{
    fixture::postgres::{self, sql},
    harness::{Context, Outcome, Suite},
};

const WRITERS: u32 = 6;
const KILLS: u32 = 5;
const CUTS: u32 = 40;
const LIMIT: Duration = Duration::from_secs(30);

pub(super) fn tests(suite: &mut Suite) {
    let limit = Duration::from_secs(180);
    let (own, shared) = (Needs::ANY.own_postgres(), Needs::ANY.postgres());
    suite.long_test(
        "store::a_killed_postgres_keeps_all_that_it_acknowledged",
        own,
        limit,
        a_killed_postgres_keeps_all_that_it_acknowledged,
    );
    suite.long_test(
        "store::cut_connections_are_replaced_and_nothing_is_told_falsely",
        shared,
        limit,
        cut_connections_are_replaced_and_nothing_is_told_falsely,
    );
    suite.test("store::a_silent_postgres_is_given_up_in_time", shared, a_silent_postgres_is_given_up_in_time);
    suite.test(
        "store::a_stopped_postgres_is_refused_at_once_and_found_again",
        own,
        a_stopped_postgres_is_refused_at_once_and_found_again,
    );
}

/// What the writer of a row was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    Applied,
    Refused,
    Unknown,
}

/// What all writers were told, by key.
#[derive(Default)]
struct Writing {
    told: Mutex<BTreeMap<String, Told>>,
    over: AtomicBool,
}

impl Writing {
    /// Writes row after row, each a unit of two parts, until it is over.
    async fn write(&self, store: &PostgresStore, writer: u32) {
        for number in 0_u32.. {
            if self.over.load(Ordering::SeqCst) {
                return;
            }
            let key = format!("{writer}-{number}");
            let unit = Unit::new().put("rows", key.clone(), "{}").put("shadows", key.clone(), "{}");
            let told = match store.apply(unit).await {
                Ok(()) => Told::Applied,
                Err(error) if error.maybe_applied() => Told::Unknown,
                Err(error) => {
                    assert!(error.is_transient(), "{error:?}");
                    // Refusals come at once while the server is away.
                    sleep(Duration::from_millis(5)).await;
                    Told::Refused
                }
            };
            self.told.lock().unwrap_or_else(PoisonError::into_inner).insert(key, told);
        }
    }

    fn applied(&self) -> usize {
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.values().filter(|told| **told == Told::Applied).count()
    }

    /// Waits until that many more units were applied.
    async fn until_applied(&self, more: usize) -> Result<(), Failed> {
        let (from, deadline) = (self.applied(), Instant::now() + LIMIT);
        while self.applied() < from + more {
            if Instant::now() > deadline {
                return Err(format!("no {more} units were applied within {LIMIT:?}").into());
            }
            sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    }

    /// Compares what was told with the rows that are there.
    async fn judge(&self, cx: &Context, url: &str) -> Outcome {
        let rows = sql(url, "select id from rows").await?;
        let shadows = sql(url, "select id from shadows").await?;
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let mut counts = BTreeMap::<String, u32>::new();
        for (key, told) in &*told {
            let (row, shadow) = (rows.contains(key), shadows.contains(key));
            assert_eq!(row, shadow, "{key} is half there");
            let fits = match told {
                Told::Applied => row,
                Told::Refused => !row,
                Told::Unknown => true,
            };
            assert!(fits, "{key} was {told:?}, there: {row}");
            *counts.entry(format!("{told:?}")).or_default() += 1;
        }
        cx.figure(&format!("{counts:?}"));
        Ok(())
    }
}

async fn while_writing(store: &PostgresStore, disturb: impl Future<Output = Outcome>, writing: &Writing) -> Outcome {
    let writers = join_all((0..WRITERS).map(|writer| writing.write(store, writer)));
    let disturbing = async {
        let outcome = disturb.await;
        writing.over.store(true, Ordering::SeqCst);
        outcome
    };
    join(writers, disturbing).await.1
}

async fn a_killed_postgres_keeps_all_that_it_acknowledged(cx: Context) -> Outcome {
    let server = cx.fixture().own_postgres("killed").await?;
    let url = postgres::database(server.url(), "killed").await?;
    let store = PostgresStore::builder(&url).connect(cx.env()).await?;
    let writing = Writing::default();
    let disturb = async {
        for _ in 0..KILLS {
            writing.until_applied(50).await?;
            server.kill().await?;
            server.launch().await?;
        }
        writing.until_applied(50).await
    };
    while_writing(&store, disturb, &writing).await?;
    writing.judge(&cx, &url).await
}

async fn cut_connections_are_replaced_and_nothing_is_told_falsely(cx: Context) -> Outcome {
    let url = database(&cx).await?;
    let proxied = Proxied::start(&url).await?;
    let store = PostgresStore::builder(&proxied.url).connect(cx.env()).await?;
    let writing = Writing::default();
    let mut seed = cx.seed();
    let disturb = async {
        for cut in 0..CUTS {
            writing.until_applied(5).await?;
            sleep(seed.millis(0..10)).await;
            if cut % 2 == 0 { proxied.proxy.cut() } else { proxied.proxy.truncate() }
        }
        writing.until_applied(5).await
    };
    while_writing(&store, disturb, &writing).await?;
    writing.judge(&cx, &url).await
}

async fn a_silent_postgres_is_given_up_in_time(cx: Context) -> Outcome {
    let url = database(&cx).await?;
    let proxied = Proxied::start(&url).await?;
    let limit = Duration::from_secs(2);
    let store = PostgresStore::builder(&proxied.url).connect_timeout(limit).statement_timeout(limit);
    let store = store.tables(["rows"]).connect(cx.env()).await?;
    proxied.proxy.silence(true);
    let began = Instant::now();
    let error = store.get("rows", b"k").await.expect_err("nobody answers");
    assert!(matches!(error, StoreError::Unavailable { maybe_applied: false, .. }), "{error:?}");
    let error = store.apply(Unit::new().put("rows", "k", "v")).await.expect_err("nobody answers");
    assert!(matches!(error, StoreError::Unavailable { maybe_applied: false, .. }), "{error:?}");
    assert!(error.to_string().contains("127.0.0.1:"), "it says which server: {error}");
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    proxied.proxy.silence(false);
    until_back(&store).await
}

async fn a_stopped_postgres_is_refused_at_once_and_found_again(cx: Context) -> Outcome {
    let server = cx.fixture().own_postgres("stopped").await?;
    let store = PostgresStore::builder(server.url()).tables(["rows"]).connect(cx.env()).await?;
    store.apply(Unit::new().put("rows", "before", "v")).await?;
    server.stop();
    let began = Instant::now();
    for _ in 0..100 {
        let error = store.get("rows", b"before").await.expect_err("it is stopped");
        assert!(matches!(error, StoreError::Unavailable { .. }), "{error:?}");
        let error = store.apply(Unit::new().put("rows", "during", "v")).await.expect_err("it is stopped");
        assert!(matches!(error, StoreError::Unavailable { maybe_applied: false, .. }), "{error:?}");
        assert!(error.to_string().contains(&server.address()) && !error.to_string().contains("suite"), "{error}");
    }
    assert!(began.elapsed() < Duration::from_secs(20), "200 calls took {:?}", began.elapsed());
    server.launch().await?;
    until_back(&store).await?;
    assert!(store.get("rows", b"before").await?.is_some());
    assert_eq!(store.get("rows", b"during").await?, None);
    Ok(())
}

/// Waits until the store serves again, by itself.
async fn until_back(store: &PostgresStore) -> Outcome {
    let deadline = Instant::now() + LIMIT;
    while let Err(error) = store.apply(Unit::new().put("rows", "after", "v")).await {
        if Instant::now() > deadline {
            return Err(error.into());
        }
        sleep(Duration::from_millis(10)).await;
    }
    Ok(())
}

/// A way to the server that can be cut and silenced.
struct Proxied {
    proxy: Proxy,
    url: String,
}

impl Proxied {
    async fn start(url: &str) -> Result<Self, Failed> {
        let (before, rest) = url.split_once('@').ok_or("a connection string without user")?;
        let (address, database) = rest.split_once('/').ok_or("a connection string without database")?;
        let proxy = Proxy::start(address).await?;
        let url = format!("{before}@{}/{database}", proxy.address());
        Ok(Self { proxy, url })
    }
}
