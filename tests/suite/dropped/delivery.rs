//! The worker: whenever it ends, it has committed nothing that it did not handle, and the next one handles the rest.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use libtest_mimic::Failed;
use ottla_consumer_group::Consumer;
use ottla_delivery::{Context as Delivery, HandlerError, Raw, RedbStore, Route, Worker};
use ottla_kafka_core::{Client, Env, Producer, ProducerRecord, TopicPartition};
use tokio::time::{Instant, sleep};

use super::{Row, WEDGED, at_every_await, dropped_after};
use crate::harness::Context;

const RECORDS: i64 = 5;

pub(super) const ROWS: &[Row] = &[
    ("HealthHandle::wait_until", |cx| Box::pin(wait_until(cx))),
    ("RedbStore::close", |cx| Box::pin(close(cx))),
    ("RedbStore::open", |cx| Box::pin(open(cx))),
    ("UnitOfWork::get", |cx| Box::pin(get(cx))),
    ("Worker::run", |cx| Box::pin(run(cx))),
];

/// The offsets that were handled.
type Handled = Arc<Mutex<BTreeSet<i64>>>;

fn count(handled: &Handled) -> i64 {
    let handled = handled.lock().unwrap_or_else(PoisonError::into_inner);
    (0..RECORDS).take_while(|offset| handled.contains(offset)).count().try_into().unwrap_or(i64::MAX)
}

async fn filled(cx: &Context, client: &Client) -> Result<TopicPartition, Failed> {
    let topic = cx.topic(client, "orders", 1).await?;
    let producer = Producer::builder(client).build()?;
    for number in 0..RECORDS {
        producer.send(ProducerRecord::to(topic.as_str()).value(number.to_string())).await?;
    }
    producer.close().await;
    Ok(TopicPartition::new(topic, 0))
}

/// A worker of a static member: the next one of the same group takes its place at once.
fn worker(client: &Client, of: &TopicPartition, group: &str, handled: &Handled) -> Result<Worker, Failed> {
    let consumer = Consumer::builder(client, group).topics([of.topic()]).instance_id("the-only-one").build()?;
    let handled = Arc::clone(handled);
    let handler = move |_: Bytes, cx: Delivery| {
        handled.lock().unwrap_or_else(PoisonError::into_inner).insert(cx.offset());
        async { Ok(()) }
    };
    let worker = Worker::builder(consumer, Producer::builder(client).build()?);
    let worker = worker.route(of.topic(), Route::new::<Bytes>(Raw, handler));
    Ok(worker.commit_interval(Duration::from_millis(20)).build()?)
}

async fn committed(client: &Client, of: &TopicPartition, group: &str) -> Result<i64, Failed> {
    Ok(client.admin().group_offsets(group).await?.get(of).copied().unwrap_or_default())
}

/// Ends when all records are committed, or when they should long be.
async fn all_committed(client: Client, of: TopicPartition, group: String) {
    let deadline = Instant::now() + WEDGED / 2;
    while Instant::now() < deadline && committed(&client, &of, &group).await.unwrap_or_default() < RECORDS {
        sleep(Duration::from_millis(5)).await;
    }
}

async fn run(cx: Context) -> Result<usize, Failed> {
    let client = cx.client()?;
    let of = filled(&cx, &client).await?;
    at_every_await(async |awaits| {
        let group = cx.unique("run");
        let handled = Handled::default();
        let shutdown = all_committed(client.clone(), of.clone(), group.clone());
        let running = Box::pin(worker(&client, &of, &group, &handled)?.run(shutdown));
        let ended = dropped_after(awaits, running).await.is_some();
        let (done, promised) = (count(&handled), committed(&client, &of, &group).await?);
        if promised > done {
            return Err(format!("committed {promised}, handled only {done}").into());
        }
        let shutdown = all_committed(client.clone(), of.clone(), group.clone());
        Box::pin(worker(&client, &of, &group, &handled)?.run(shutdown)).await?;
        if count(&handled) == RECORDS { Ok(ended) } else { Err("the next worker did not handle the rest".into()) }
    })
    .await
}

async fn wait_until(cx: Context) -> Result<usize, Failed> {
    let client = cx.client()?;
    let of = filled(&cx, &client).await?;
    let worker = worker(&client, &of, &cx.unique("health"), &Handled::default())?;
    let health = worker.health();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = worker.run(async {
        let _ = stopped.await;
    });
    let waiting = async {
        let awaits = at_every_await(async |awaits| {
            let mut again = health.clone();
            let ended = dropped_after(awaits, again.wait_until(|health| health.ready())).await.is_some();
            if again.wait_until(|health| health.ready()).await { Ok(ended) } else { Err("it is never ready".into()) }
        });
        let awaits = awaits.await;
        let _ = stop.send(());
        awaits
    };
    let (report, awaits) = tokio::join!(Box::pin(running), Box::pin(waiting));
    report?;
    awaits
}

/// A handler reads, is dropped in the middle, and reads again.
async fn get(cx: Context) -> Result<usize, Failed> {
    let client = cx.client()?;
    let of = filled(&cx, &client).await?;
    let store = Arc::new(RedbStore::open(&Env::system(), cx.fixture().dir("dropped-get")?.join("store")).await?);
    let (found, mut finding) = tokio::sync::mpsc::unbounded_channel();
    let handler = move |_: Bytes, cx: Delivery| {
        let found = found.clone();
        async move {
            let awaits = at_every_await(async |awaits| {
                let dropped = dropped_after(awaits, cx.store()?.get("orders", b"none")).await.transpose()?;
                cx.store()?.get("orders", b"none").await?;
                Ok(dropped.is_some())
            });
            let awaits = awaits.await.map_err(|failed| failed.message().unwrap_or("failed").to_owned());
            found.send(awaits).map_err(HandlerError::reject)
        }
    };
    let consumer = Consumer::builder(&client, cx.unique("get")).topics([of.topic()]).build()?;
    let worker = Worker::builder(consumer, Producer::builder(&client).build()?).store(store);
    let worker = worker.route(of.topic(), Route::new::<Bytes>(Raw, handler)).build()?;
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = worker.run(async {
        let _ = stopped.await;
    });
    let waiting = async {
        let awaits = finding.recv().await;
        let _ = stop.send(());
        awaits
    };
    let (report, awaits) = tokio::join!(Box::pin(running), waiting);
    report?;
    Ok(awaits.ok_or("no record was handled")??)
}

/// Opening that was dropped leaves the file free.
async fn open(cx: Context) -> Result<usize, Failed> {
    let path = cx.fixture().dir("dropped-open")?.join("store");
    let env = Env::system();
    at_every_await(async |awaits| {
        let opened = dropped_after(awaits, RedbStore::open(&env, &path)).await.transpose()?;
        let ended = opened.is_some();
        if let Some(store) = opened {
            store.close().await;
        }
        // Opening goes on in its thread, and the file is closed there.
        until_free(&env, &path).await?;
        Ok(ended)
    })
    .await
}

/// Closing that was dropped closes all the same.
async fn close(cx: Context) -> Result<usize, Failed> {
    let path = cx.fixture().dir("dropped-close")?.join("store");
    let env = Env::system();
    at_every_await(async |awaits| {
        let store = RedbStore::open(&env, &path).await?;
        let ended = dropped_after(awaits, store.close()).await.is_some();
        until_free(&env, &path).await?;
        Ok(ended)
    })
    .await
}

async fn until_free(env: &Env, path: &std::path::Path) -> Result<(), Failed> {
    let deadline = Instant::now() + WEDGED / 2;
    loop {
        match RedbStore::open(env, path).await {
            Ok(store) => {
                store.close().await;
                return Ok(());
            }
            Err(error) if Instant::now() > deadline => return Err(error.into()),
            Err(_) => sleep(Duration::from_millis(5)).await,
        }
    }
}
