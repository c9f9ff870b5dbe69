//! Several processes on one database, each a store of its own.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures_util::future::{join, join_all, try_join_all};
use libtest_mimic::Failed;
use ottla_delivery::{Expected, PoolCounts, PostgresStore, Store, StoreError, Unit};
use ottla_tests::lane::Needs;
use tokio::time::{Instant, sleep};

use super::{connected, database};
use crate::{
    fixture::postgres::sql,
    harness::{Context, Outcome, Suite},
};

const TASKS: u32 = 8;
const INCREMENTS: u32 = 25;

pub(super) fn tests(suite: &mut Suite) {
    let needs = Needs::ANY.postgres();
    suite.test("store::two_processes_never_lose_an_update", needs, two_processes_never_lose_an_update);
    suite.test(
        "store::calls_share_a_bounded_number_of_connections",
        needs,
        calls_share_a_bounded_number_of_connections,
    );
    suite.test(
        "store::a_call_that_finds_no_connection_free_says_so_in_time",
        needs,
        a_call_that_finds_no_connection_free_says_so_in_time,
    );
}

/// Reads a number and writes the next one, until it is the one who did.
async fn increment(store: &PostgresStore) -> Result<u32, Failed> {
    let mut lost = 0;
    loop {
        let row = store.get("counter", b"k").await?.ok_or("the counter is gone")?;
        let next = String::from_utf8_lossy(&row.value).parse::<u32>()? + 1;
        let unit = Unit::new().put_if("counter", "k", Expected::Version(row.version), next.to_string());
        match store.apply(unit.append("counted", next.to_string())).await {
            Ok(()) => return Ok(lost),
            Err(error) if error.is_conflict() => lost += 1,
            Err(error) => return Err(error.into()),
        }
    }
}

async fn two_processes_never_lose_an_update(cx: Context) -> Outcome {
    let url = database(&cx).await?;
    let stores = [connected(&cx, &url).await?, connected(&cx, &url).await?];
    stores[0].apply(Unit::new().put("counter", "k", "0")).await?;
    let tasks = (0..TASKS).flat_map(|_| &stores).map(|store| async move {
        let mut lost = 0;
        for _ in 0..INCREMENTS {
            lost += increment(store).await?;
        }
        Ok::<_, Failed>(lost)
    });
    let lost: u32 = try_join_all(tasks).await?.into_iter().sum();
    let all = 2 * TASKS * INCREMENTS;
    let row = stores[1].get("counter", b"k").await?.ok_or("the counter is gone")?;
    assert_eq!(row.value, all.to_string());
    let entries = stores[0].read("counted", 1, 1_000).await?;
    let counted = entries.iter().map(|entry| String::from_utf8_lossy(&entry.value).parse::<u32>().ok());
    assert!(counted.eq((1..=all).map(Some)), "each once and in order");
    assert!(lost > 0, "nothing ever conflicted, which shows nothing");
    cx.figure(&format!("{all} increments by two stores, {lost} conflicts"));
    Ok(())
}

async fn calls_share_a_bounded_number_of_connections(cx: Context) -> Outcome {
    let url = database(&cx).await?;
    let store = PostgresStore::builder(&url).max_connections(2).acquire_timeout(Duration::from_secs(30));
    let counts = PoolCounts::default();
    let store = store.counts(counts.clone()).connect(cx.env()).await?;
    let busy = AtomicBool::new(true);
    let working = async {
        let units = (0..300).map(|n: u32| store.apply(Unit::new().put("bounded", n.to_string(), "x")));
        let applied = join_all(units).await.into_iter().collect::<Result<Vec<_>, _>>();
        busy.store(false, Ordering::SeqCst);
        applied
    };
    let watching = async {
        let (mut most, open) = (0, format!("select count(*) from pg_stat_activity where {OURS}"));
        while busy.load(Ordering::SeqCst) {
            most = most.max(sql(&url, &open).await?.concat().parse::<u32>()?);
            sleep(Duration::from_millis(10)).await;
        }
        Ok::<_, Failed>(most)
    };
    let (applied, most) = join(working, watching).await;
    applied?;
    assert!((1..=2).contains(&most?));
    assert_eq!((counts.max(), counts.in_use(), counts.waiting(), counts.timed_out()), (2, 0, 0, 0), "{counts:?}");
    assert!(counts.acquired() >= 300 && !counts.waited().is_zero(), "{counts:?}");
    store.close().await;
    assert_eq!(store.get("bounded", b"1").await, Err(StoreError::Closed));
    let deadline = Instant::now() + Duration::from_secs(10);
    while sql(&url, &format!("select 1 from pg_stat_activity where {OURS}")).await? != Vec::<String>::new() {
        assert!(Instant::now() < deadline, "connections stay open after the store is closed");
        sleep(Duration::from_millis(10)).await;
    }
    Ok(())
}

/// Connections of a store to this database.
const OURS: &str = "application_name = 'ottla' and datname = current_database()";

async fn a_call_that_finds_no_connection_free_says_so_in_time(cx: Context) -> Outcome {
    let url = database(&cx).await?;
    let builder = PostgresStore::builder(&url).tables(["locked"]).max_connections(1);
    let builder = builder.acquire_timeout(Duration::from_millis(200)).statement_timeout(Duration::from_secs(2));
    let counts = PoolCounts::default();
    let store = Arc::new(builder.counts(counts.clone()).connect(cx.env()).await?);
    // A person's transaction has the table; the store's call waits for it on the server.
    let holding = sql(&url, "begin; lock table locked in access exclusive mode; select pg_sleep(5); commit");
    let asking = async {
        let deadline = Instant::now() + Duration::from_secs(10);
        let locked = "select 1 from pg_locks where relation = 'locked'::regclass and granted";
        while sql(&url, locked).await?.is_empty() {
            assert!(Instant::now() < deadline, "the lock is never taken");
        }
        let (held, refused) = join(store.get("locked", b"k"), async {
            // Both are polled in this order: the first has the one connection.
            store.get("locked", b"k").await
        })
        .await;
        let refused = refused.expect_err("the connection is in use");
        assert!(refused.is_transient() && refused.to_string().contains("all 1 connections"), "{refused}");
        let held = held.expect_err("the statement takes too long");
        assert!(held.is_transient() && held.to_string().contains("57014"), "{held}");
        assert!(!refused.maybe_applied() && !held.maybe_applied());
        Ok::<_, Failed>(())
    };
    let (held, asked) = join(holding, asking).await;
    held?;
    asked?;
    assert!(counts.timed_out() == 1 && counts.waited() >= Duration::from_millis(200), "{counts:?}");
    assert_eq!(store.get("locked", b"k").await, Ok(None), "the session serves on");
    Ok(())
}
