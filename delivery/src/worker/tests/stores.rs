//! What handlers publish and store: safe before the settlement, and an outage is not the record's fault.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use bytes::Bytes;
use ottla_kafka_core::BoxFuture;

use super::kit::{Running, Script, World, orders};
use crate::{
    Context, EffectsError, Expected, HandlerError, MemoryStore, Raw, Route, Row, StallReason, Store, StoreError,
    StreamEntry, Unit, WorkerHealth,
};

fn run(world: &World, store: Arc<dyn Store>, route: Route) -> (Running, Script) {
    let (worker, script) = world.worker(|builder| builder.route("orders", route).store(store));
    (world.start(worker), script)
}

/// Stores the value under its key once, and publishes that it did.
async fn store_once(value: Bytes, cx: Context) -> Result<(), HandlerError> {
    let key = cx.key().cloned().unwrap_or_default();
    let store = cx.store()?;
    if store.get("orders", &key).await?.is_none() {
        store.put_if("orders", key.clone(), Expected::Absent, value.clone())?;
        store.append("log", value)?;
        cx.publish("stored", Some(key), None, Vec::new())?;
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn what_a_handler_wants_is_done_before_its_record_is_settled() {
    let (world, store) = (World::new(), Arc::new(MemoryStore::new()));
    let (running, script) = run(&world, store.clone(), Route::new(Raw, store_once));
    script.assign([0]);
    script.records(0, 0..3);
    world.until_committed(0, 3).await;
    assert_eq!(store.read("log", 1, 10).await.expect("entries").len(), 3);
    assert_eq!(world.see(|seen| seen.published.len()), 3);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_failed_attempt_leaves_nothing_behind() {
    let (world, store) = (World::new(), Arc::new(MemoryStore::new()));
    let route = Route::new(Raw, async |value: Bytes, cx: Context| {
        let attempt = cx.attempt();
        store_once(value, cx).await?;
        if attempt == 1 { Err(HandlerError::retry("after all")) } else { Ok(()) }
    });
    let (running, script) = run(&world, store.clone(), route);
    script.assign([0]);
    script.records(0, 0..1);
    world.until_committed(0, 1).await;
    assert_eq!(store.read("log", 1, 10).await.expect("entries").len(), 1);
    assert_eq!(world.see(|seen| seen.published.len()), 1);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_conflict_reruns_the_handler_and_is_no_attempt() {
    let (world, store) = (World::new(), Arc::new(MemoryStore::new()));
    let runs = Arc::new(AtomicU32::new(0));
    let route = Route::new(Raw, {
        let (runs, store) = (Arc::clone(&runs), Arc::clone(&store));
        move |_: Bytes, cx: Context| {
            let (runs, store) = (Arc::clone(&runs), Arc::clone(&store));
            async move {
                let unit = cx.store()?;
                unit.get("stock", b"lamp").await?;
                if runs.fetch_add(1, Ordering::Relaxed) < 3 {
                    // Somebody else is faster.
                    store.apply(Unit::new().put("stock", "lamp", "theirs")).await?;
                }
                unit.put("stock", "lamp", format!("ours, attempt {}", cx.attempt()))?;
                Ok(())
            }
        }
    });
    let (running, script) = run(&world, store.clone(), route);
    script.assign([0]);
    script.records(0, 0..1);
    world.until_committed(0, 1).await;
    let row = store.get("stock", b"lamp").await.expect("a read").expect("a row");
    assert_eq!((row.value, runs.load(Ordering::Relaxed)), (Bytes::from("ours, attempt 1"), 4));
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_published_holds_the_record_and_spends_no_attempt() {
    let (world, store) = (World::new(), Arc::new(MemoryStore::new()));
    world.break_topic("stored");
    let (mut running, script) = run(&world, store.clone(), Route::new(Raw, store_once));
    script.assign([0]);
    script.records(0, 0..2);
    running.until_health(|health| {
        matches!(health.stalled(), [one] if matches!(one.reason(), StallReason::Publish { topic, .. } if &**topic == "stored"))
    })
    .await;
    tokio::time::sleep(std::time::Duration::from_secs(60)).await;
    assert_eq!(world.see(|seen| seen.committed.get(&orders(0)).copied()), Some(0));
    world.heal();
    world.until_committed(0, 2).await;
    running.until_health(WorkerHealth::ready).await;
    let report = running.stop().await;
    assert_eq!((report.ledger().handled(), report.ledger().dead_lettered()), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn a_store_that_fails_holds_the_record_and_spends_no_attempt() {
    let world = World::new();
    for (reads, full) in [(true, StoreError::Closed), (false, StoreError::Full { detail: "28".to_owned() })] {
        let store = Arc::new(Failing { inner: MemoryStore::new(), left: AtomicU32::new(20), reads, error: full });
        let (mut running, script) = run(&world, store.clone(), Route::new(Raw, store_once));
        script.assign([i32::from(reads)]);
        script.records(i32::from(reads), 0..2);
        running
            .until_health(
                |health| matches!(health.stalled(), [one] if matches!(one.reason(), StallReason::Store { .. })),
            )
            .await;
        world.until_committed(i32::from(reads), 2).await;
        assert_eq!(store.inner.read("log", 1, 10).await.expect("entries").len(), 2);
        let report = running.stop().await;
        assert_eq!((report.ledger().handled(), report.ledger().dead_lettered()), (2, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_store_can_never_do_is_a_dead_letter_at_once() {
    for reads in [true, false] {
        let world = World::new();
        let error = StoreError::Refused { detail: "54000".to_owned() };
        let store = Arc::new(Failing { inner: MemoryStore::new(), left: AtomicU32::new(1), reads, error });
        let (running, script) = run(&world, store.clone(), Route::new(Raw, store_once));
        script.assign([0]);
        script.records(0, 0..2);
        world.until_committed(0, 2).await;
        assert_eq!(store.inner.read("log", 1, 10).await.expect("entries").len(), 1);
        let report = running.stop().await;
        assert_eq!((report.ledger().handled(), report.ledger().dead_lettered()), (1, 1));
    }
}

#[tokio::test(start_paused = true)]
async fn a_context_that_outlives_its_handler_takes_nothing() {
    let world = World::new();
    let (kept, mut contexts) = tokio::sync::mpsc::unbounded_channel();
    let route = Route::new(Raw, move |_: Bytes, cx: Context| {
        let kept = kept.clone();
        async move { kept.send(cx).map_err(HandlerError::from) }
    });
    let (running, script) = run(&world, Arc::new(MemoryStore::new()), route);
    script.assign([0]);
    script.records(0, 0..1);
    world.until_committed(0, 1).await;
    let cx = contexts.recv().await.expect("a context");
    assert_eq!(cx.publish("late", None, None, Vec::new()), Err(EffectsError::Ended));
    running.stop().await;
}

/// A store whose first `left` reads (or writes) fail.
#[derive(Debug)]
struct Failing {
    inner: MemoryStore,
    left: AtomicU32,
    reads: bool,
    error: StoreError,
}

impl Failing {
    fn fails(&self, reading: bool) -> bool {
        let take = |left: u32| left.checked_sub(1);
        self.reads == reading && self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok()
    }
}

impl Store for Failing {
    fn get<'a>(&'a self, table: &'a str, key: &'a [u8]) -> BoxFuture<'a, Result<Option<Row>, StoreError>> {
        if self.fails(true) { Box::pin(async { Err(self.error.clone()) }) } else { self.inner.get(table, key) }
    }

    fn scan<'a>(
        &'a self,
        table: &'a str,
        after: Option<&'a [u8]>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<(Bytes, Row)>, StoreError>> {
        self.inner.scan(table, after, limit)
    }

    fn read<'a>(
        &'a self,
        stream: &'a str,
        from: u64,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<StreamEntry>, StoreError>> {
        self.inner.read(stream, from, limit)
    }

    fn apply(&self, unit: Unit) -> BoxFuture<'_, Result<(), StoreError>> {
        if self.fails(false) { Box::pin(async { Err(self.error.clone()) }) } else { self.inner.apply(unit) }
    }
}
