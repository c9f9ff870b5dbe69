//! Requests: whoever was dropped, the same call made again on the same client comes to its end.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use ottla_kafka_core::{
    BoxFuture, Client, ConnectionKind, Env, NewTopic, OffsetSpec, Target, TopicPartition, protocol::messages,
};

use super::{Failed, Row, at_every_await, dropped_after};
use crate::harness::Context;

/// A call on a client, about a topic that exists.
pub(super) type Call = fn(Client, String) -> BoxFuture<'static, Result<(), Failed>>;

pub(super) const ROWS: &[Row] = &[
    ("Admin::create_topics", |cx| again(cx, |client, topic| Box::pin(create_topics(client, topic)))),
    ("Admin::group_offsets", |cx| again(cx, |client, topic| Box::pin(group_offsets(client, topic)))),
    ("Admin::list_offsets", |cx| again(cx, |client, topic| Box::pin(list_offsets(client, topic)))),
    ("Admin::partition_count", |cx| again(cx, |client, topic| Box::pin(partition_count(client, topic)))),
    ("Client::call", |cx| again(cx, |client, _| Box::pin(call(client)))),
    ("Client::close", |cx| Box::pin(close(cx))),
    ("Env::run_blocking", |cx| Box::pin(run_blocking(cx))),
    ("Metadata::refresh_after", |cx| again(cx, |client, _| Box::pin(refresh_after(client)))),
    ("Metadata::topics", |cx| again(cx, |client, topic| Box::pin(topics(client, topic)))),
];

/// Drops `call` at every await, connecting included, and then makes it to its end.
pub(super) fn again(cx: Context, call: Call) -> BoxFuture<'static, Result<usize, Failed>> {
    Box::pin(async move {
        let topic = cx.topic(&cx.client()?, "orders", 1).await?;
        at_every_await(async |awaits| {
            let client = cx.client()?;
            let ended = match dropped_after(awaits, call(client.clone(), topic.clone())).await {
                Some(outcome) => outcome.map(|()| true)?,
                None => call(client.clone(), topic.clone()).await.map(|()| false)?,
            };
            client.close().await;
            Ok(ended)
        })
        .await
    })
}

async fn create_topics(client: Client, topic: String) -> Result<(), Failed> {
    // It exists, so that any number of calls may reach the broker.
    let created = client.admin().create_topics(&[NewTopic::new(topic, 1, 1)]).await?;
    let exists = created.iter().all(|(_, result)| result.is_err());
    if exists { Ok(()) } else { Err("a topic was created twice".into()) }
}

async fn group_offsets(client: Client, topic: String) -> Result<(), Failed> {
    Ok(client.admin().group_offsets(&topic).await.map(drop)?)
}

async fn list_offsets(client: Client, topic: String) -> Result<(), Failed> {
    let listed = client.admin().list_offsets(&[(TopicPartition::new(topic, 0), OffsetSpec::Latest)]).await?;
    Ok(listed.into_values().try_for_each(|listed| listed.map(drop))?)
}

async fn partition_count(client: Client, topic: String) -> Result<(), Failed> {
    let count = client.admin().partition_count(&topic).await?;
    if count == 1 { Ok(()) } else { Err(format!("{count} partitions").into()) }
}

async fn call(client: Client) -> Result<(), Failed> {
    let request = messages::ListGroupsRequest::default();
    let limit = Duration::from_secs(10);
    Ok(client.call(Target::Any, ConnectionKind::Control, &request, limit).await.map(drop)?)
}

async fn refresh_after(client: Client) -> Result<(), Failed> {
    let generation = client.metadata().cluster().generation();
    let fresh = client.metadata().refresh_after(generation).await?.generation();
    if fresh > generation { Ok(()) } else { Err("metadata is not fresh".into()) }
}

async fn topics(client: Client, topic: String) -> Result<(), Failed> {
    let cluster = client.metadata().topics(&[&topic]).await?;
    cluster.topic(&topic).map(drop).ok_or_else(|| "the topic is not known".into())
}

/// A client that is being closed is closed, however far that came.
async fn close(cx: Context) -> Result<usize, Failed> {
    at_every_await(async |awaits| {
        let client = cx.client()?;
        call(client.clone()).await?;
        let ended = dropped_after(awaits, client.close()).await.is_some();
        match call(client).await {
            Ok(()) => Err("a closed client answers".into()),
            Err(_) => Ok(ended),
        }
    })
    .await
}

/// What was begun is done, whoever waits for it.
async fn run_blocking(_: Context) -> Result<usize, Failed> {
    let env = Env::system();
    at_every_await(async |awaits| {
        let done = Arc::new(AtomicUsize::new(0));
        let count = |done: Arc<AtomicUsize>| move || done.fetch_add(1, Ordering::SeqCst);
        let ended = dropped_after(awaits, env.run_blocking(count(Arc::clone(&done)))).await.is_some();
        while done.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        Ok(ended)
    })
    .await
}
