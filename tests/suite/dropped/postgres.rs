//! The store in PostgreSQL: a dropped call leaves no half unit and no connection in use.

use std::time::Duration;

use libtest_mimic::Failed;
use ottla_delivery::{PostgresStore, Store, Unit};
use tokio::time::{Instant, sleep};

use super::{Row, WEDGED, at_every_await, dropped_after};
use crate::{fixture::postgres::sql, harness::Context, store::database};

pub(super) const ROWS: &[Row] = &[
    ("PostgresStore::close", |cx| Box::pin(close(cx))),
    ("PostgresStoreBuilder::connect", |cx| Box::pin(connect(cx))),
    ("PostgresStoreBuilder::connect_lazy", |cx| Box::pin(connect_lazy(cx))),
    ("apply", |cx| Box::pin(apply(cx))),
];

/// Connecting that was dropped has made the tables or not, and the next one makes the rest.
async fn connect(cx: Context) -> Result<usize, Failed> {
    at_every_await(async |awaits| {
        let url = database(&cx).await?;
        let builder = || PostgresStore::builder(&url).tables(["orders"]);
        let ended = dropped_after(awaits, builder().connect(cx.env())).await.transpose()?.is_some();
        let store = builder().connect(cx.env()).await?;
        store.apply(Unit::new().put("orders", "k", "v")).await?;
        store.close().await;
        Ok(ended)
    })
    .await
}

/// A first call that was dropped has prepared the database or not, and the next one does the rest.
async fn connect_lazy(cx: Context) -> Result<usize, Failed> {
    at_every_await(async |awaits| {
        let url = database(&cx).await?;
        let builder = || PostgresStore::builder(&url).tables(["orders"]);
        let ended = dropped_after(awaits, builder().connect_lazy(cx.env())).await.transpose()?.is_some();
        let store = builder().connect_lazy(cx.env()).await?;
        store.apply(Unit::new().put("orders", "k", "v")).await?;
        store.close().await;
        Ok(ended)
    })
    .await
}

/// Closing that was dropped closes all the same.
async fn close(cx: Context) -> Result<usize, Failed> {
    let url = database(&cx).await?;
    at_every_await(async |awaits| {
        let store = PostgresStore::builder(&url).connect(cx.env()).await?;
        let ended = dropped_after(awaits, store.close()).await.is_some();
        let open = "select 1 from pg_stat_activity where application_name = 'ottla' and datname = current_database()";
        let deadline = Instant::now() + WEDGED / 2;
        while !sql(&url, open).await?.is_empty() {
            if Instant::now() > deadline {
                return Err("its connections stay open".into());
            }
            sleep(Duration::from_millis(5)).await;
        }
        // Dropped before its first poll it has done nothing.
        if awaits > 0 && store.get("orders", b"k").await.is_ok() { Err("it is not closed".into()) } else { Ok(ended) }
    })
    .await
}

/// A unit that was dropped is there whole or not at all, and its one connection is free again.
async fn apply(cx: Context) -> Result<usize, Failed> {
    let url = database(&cx).await?;
    let store = PostgresStore::builder(&url).max_connections(1).connect(cx.env()).await?;
    let awaits = at_every_await(async |awaits| {
        let key = awaits.to_string();
        let unit = Unit::new().put("rows", key.clone(), "v").put("shadows", key.clone(), "v");
        let ended = dropped_after(awaits, store.apply(unit)).await.transpose()?.is_some();
        let deadline = Instant::now() + WEDGED / 2;
        // The server may still be at it.
        while store.get("rows", key.as_bytes()).await?.is_some()
            != store.get("shadows", key.as_bytes()).await?.is_some()
        {
            if Instant::now() > deadline {
                return Err("half a unit was applied".into());
            }
        }
        Ok(ended)
    });
    awaits.await
}
