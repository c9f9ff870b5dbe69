//! The consumer and the fetcher below it: what a dropped call had read is given out by the next, once and in order.

use std::{collections::BTreeMap, time::Duration};

use libtest_mimic::Failed;
use ottla_consumer_group::{Consumer, ConsumerHandle, Event, OffsetAndMetadata};
use ottla_kafka_core::{
    BoxFuture, Client, Error, FetchConfig, Fetched, Fetcher, Producer, ProducerRecord, TopicPartition,
};
use tokio::time::{Instant, timeout};

use super::{Row, WEDGED, at_every_await, dropped_after};
use crate::harness::Context;

/// Records in the topic that is read.
pub(super) const RECORDS: i64 = 60;

pub(super) const ROWS: &[Row] = &[
    ("Consumer::close", |cx| Box::pin(close(cx))),
    ("Consumer::recv", |cx| Box::pin(recv(cx))),
    ("ConsumerHandle::beginning_offsets", |cx| {
        again(cx, |handle, of| Box::pin(async move { one(handle.beginning_offsets([of]).await?) }))
    }),
    ("ConsumerHandle::commit", |cx| Box::pin(commit(cx, false))),
    ("ConsumerHandle::commit_in", |cx| Box::pin(commit(cx, true))),
    ("ConsumerHandle::committed_offsets", |cx| {
        again(cx, |handle, of| Box::pin(async move { one(handle.committed_offsets([of]).await?) }))
    }),
    ("ConsumerHandle::end_offsets", |cx| {
        again(cx, |handle, of| Box::pin(async move { one(handle.end_offsets([of]).await?) }))
    }),
    ("ConsumerHandle::offsets_for_times", |cx| {
        again(cx, |handle, of| Box::pin(async move { one(handle.offsets_for_times([(of, 0)]).await?) }))
    }),
    ("ConsumerHandle::seek", |cx| Box::pin(seek(cx))),
    ("Fetcher::next", |cx| Box::pin(next(cx))),
];

/// A topic of one partition with [`RECORDS`] records, in several batches.
pub(super) async fn filled(cx: &Context) -> Result<(Client, TopicPartition), Failed> {
    let client = cx.client()?;
    let topic = cx.topic(&client, "orders", 1).await?;
    let producer = Producer::builder(&client).linger(Duration::ZERO).build()?;
    for number in 0..RECORDS {
        let ack = producer.enqueue(ProducerRecord::to(topic.as_str()).value(number.to_string())).await?;
        if number % 10 == 9 {
            ack.await?;
        }
    }
    producer.close().await;
    Ok((client, TopicPartition::new(topic, 0)))
}

/// Small answers, so that reading them all takes many calls.
pub(super) fn small() -> FetchConfig {
    FetchConfig::default().partition_bytes(200).max_wait(Duration::from_millis(50))
}

fn consumer(cx: &Context, client: &Client, of: &TopicPartition, group: &str) -> Result<Consumer, Failed> {
    let builder = Consumer::builder(client, cx.unique(group)).topics([of.topic()]).fetch(small());
    Ok(builder.session_timeout(Duration::from_secs(10)).build()?)
}

/// What was read so far: offsets from 0 on, each once.
#[derive(Default)]
struct Reading(i64);

impl Reading {
    fn take(&mut self, offsets: impl IntoIterator<Item = i64>) -> Result<(), Failed> {
        for offset in offsets {
            if offset != self.0 {
                return Err(format!("offset {offset} was given out instead of {}", self.0).into());
            }
            self.0 += 1;
        }
        Ok(())
    }

    fn is_complete(&self) -> bool {
        self.0 == RECORDS
    }
}

async fn next(cx: Context) -> Result<usize, Failed> {
    let (client, of) = filled(&cx).await?;
    at_every_await(async |awaits| {
        let mut fetcher = Fetcher::new(&client, small());
        fetcher.assign(of.clone(), 0);
        let (mut reading, mut dropped) = (Reading::default(), false);
        while !reading.is_complete() {
            match dropped_after(awaits, fetcher.next()).await {
                Some(Fetched::Records(records)) => reading.take(records.iter().map(|record| record.offset()))?,
                Some(Fetched::Progress { .. } | Fetched::Reset { .. }) => {}
                Some(Fetched::Failed { error, .. }) => return Err(error.into()),
                None => dropped = true,
            }
            tokio::task::yield_now().await;
        }
        Ok(!dropped)
    })
    .await
}

async fn recv(cx: Context) -> Result<usize, Failed> {
    let (client, of) = filled(&cx).await?;
    at_every_await(async |awaits| {
        let mut consumer = consumer(&cx, &client, &of, "recv")?;
        let (mut reading, mut dropped) = (Reading::default(), false);
        while !reading.is_complete() {
            match dropped_after(awaits, consumer.recv()).await.transpose()? {
                Some(Event::Records(records)) => reading.take(records.iter().map(|record| record.offset()))?,
                Some(Event::Lost(partitions)) => return Err(format!("lost {partitions:?}").into()),
                Some(_) => {}
                None => dropped = true,
            }
            tokio::task::yield_now().await;
        }
        consumer.close().await?;
        Ok(!dropped)
    })
    .await
}

/// A consumer that has its partition.
async fn assigned(cx: &Context, client: &Client, of: &TopicPartition, group: &str) -> Result<Consumer, Failed> {
    let mut consumer = consumer(cx, client, of, group)?;
    while !matches!(consumer.recv().await?, Event::Assigned(_)) {}
    Ok(consumer)
}

async fn commit(cx: Context, in_generation: bool) -> Result<usize, Failed> {
    let (client, of) = filled(&cx).await?;
    let consumer = assigned(&cx, &client, &of, "commit").await?;
    let handle = consumer.handle();
    let generation = handle.generation().ok_or("there is no generation")?;
    let offsets = |offset: i64| [(of.clone(), OffsetAndMetadata::new(offset))];
    let awaits = at_every_await(async |awaits| {
        let offset = i64::try_from(awaits)?.min(RECORDS / 2 - 1) * 2;
        let committed = if in_generation {
            dropped_after(awaits, handle.commit_in(generation, offsets(offset))).await
        } else {
            dropped_after(awaits, handle.commit(offsets(offset))).await
        };
        let ended = committed.transpose()?.is_some();
        handle.commit(offsets(offset + 1)).await?.into_values().try_for_each(|result| result)?;
        // The dropped one may have been sent or not, but never after the later one.
        let found = client.admin().group_offsets(consumer.group_id()).await?;
        if found.get(&of) != Some(&(offset + 1)) {
            return Err(format!("committed is {found:?}, not {}", offset + 1).into());
        }
        Ok(ended)
    })
    .await?;
    consumer.close().await?;
    Ok(awaits)
}

/// A question of a consumer's handle, about one partition.
type Question = fn(ConsumerHandle, TopicPartition) -> BoxFuture<'static, Result<(), Failed>>;

/// A question that was dropped can be asked again.
fn again(cx: Context, question: Question) -> BoxFuture<'static, Result<usize, Failed>> {
    Box::pin(async move {
        let (client, of) = filled(&cx).await?;
        at_every_await(async |awaits| {
            let client =
                Client::builder().bootstrap(client.metadata().cluster().brokers().values().cloned()).build()?;
            let consumer = consumer(&cx, &client, &of, "questions")?;
            let dropped = dropped_after(awaits, question(consumer.handle(), of.clone())).await;
            question(consumer.handle(), of.clone()).await?;
            client.close().await;
            dropped.transpose().map(|ended| ended.is_some())
        })
        .await
    })
}

/// The one answer.
fn one<T>(answers: BTreeMap<TopicPartition, Result<T, Error>>) -> Result<(), Failed> {
    match answers.into_values().next() {
        Some(answer) => Ok(answer.map(drop)?),
        None => Err("no answer".into()),
    }
}

async fn seek(cx: Context) -> Result<usize, Failed> {
    let (client, of) = filled(&cx).await?;
    let consumer = assigned(&cx, &client, &of, "seek").await?;
    let handle = consumer.handle();
    let consumer = tokio::sync::Mutex::new(consumer);
    let awaits = at_every_await(async |awaits| {
        let mut consumer = consumer.lock().await;
        let ended = dropped_after(awaits, handle.seek(&of, 3)).await.transpose()?.is_some();
        handle.seek(&of, 7).await?;
        let begun = Instant::now();
        loop {
            let event = timeout(WEDGED.saturating_sub(begun.elapsed()), consumer.recv()).await;
            if let Event::Records(records) = event.map_err(|_| "nothing is read after a seek")?? {
                let first = records.iter().map(|record| record.offset()).next();
                return if first == Some(7) { Ok(ended) } else { Err(format!("read {first:?}, not 7").into()) };
            }
        }
    })
    .await?;
    consumer.into_inner().close().await?;
    Ok(awaits)
}

/// A member whose closing was dropped does not keep its partition for ever.
async fn close(cx: Context) -> Result<usize, Failed> {
    let (client, of) = filled(&cx).await?;
    at_every_await(async |awaits| {
        let group = cx.unique(&format!("close-{awaits}"));
        let build = || {
            let builder = Consumer::builder(&client, group.as_str()).topics([of.topic()]);
            builder.session_timeout(Duration::from_secs(6)).heartbeat_interval(Duration::from_secs(1)).build()
        };
        let mut first = build()?;
        while !matches!(first.recv().await?, Event::Assigned(_)) {}
        let ended = dropped_after(awaits, first.close()).await.transpose()?.is_some();
        let mut second = build()?;
        while !matches!(second.recv().await?, Event::Assigned(_)) {}
        second.close().await?;
        Ok(ended)
    })
    .await
}
