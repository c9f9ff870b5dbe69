//! The producer: an enqueue that was dropped sent nothing, everything else is in the log once, and what comes after
//! works.

use std::collections::BTreeMap;

use libtest_mimic::Failed;
use ottla_kafka_core::{Client, Producer, ProducerRecord};

use super::{Row, at_every_await, dropped_after};
use crate::{harness::Context, support::read_log};

pub(super) const ROWS: &[Row] = &[
    ("Producer::close", |cx| Box::pin(close(cx))),
    ("Producer::enqueue", |cx| Box::pin(enqueue(cx))),
    ("Producer::flush", |cx| Box::pin(flush(cx))),
    ("Producer::send", |cx| Box::pin(send(cx))),
];

/// A topic, and how often each value must or may be in it.
struct Log {
    cx: Context,
    topic: String,
    expected: BTreeMap<String, std::ops::RangeInclusive<usize>>,
}

impl Log {
    async fn new(cx: Context) -> Result<Self, Failed> {
        let topic = cx.topic(&cx.client()?, "orders", 1).await?;
        Ok(Self { cx, topic, expected: BTreeMap::new() })
    }

    /// A fresh producer, which knows no metadata yet.
    fn producer(&self) -> Result<Producer, Failed> {
        let client: Client = self.cx.client()?;
        Ok(Producer::builder(&client).build()?)
    }

    fn record(&self, value: &str) -> ProducerRecord {
        ProducerRecord::to(self.topic.as_str()).value(value.to_owned())
    }

    fn expect(&mut self, value: String, times: std::ops::RangeInclusive<usize>) {
        self.expected.insert(value, times);
    }

    /// The producer still works, whatever was dropped at await `awaits`.
    async fn goes_on(&mut self, producer: &Producer, awaits: usize) -> Result<(), Failed> {
        let after = format!("after {awaits}");
        producer.send(self.record(&after)).await?;
        self.expect(after, 1..=1);
        producer.close().await;
        Ok(())
    }

    async fn check(&self) -> Result<(), Failed> {
        let mut found: BTreeMap<String, usize> = BTreeMap::new();
        for record in read_log(&self.cx, &self.topic).await? {
            *found.entry(record.text()).or_default() += 1;
        }
        for (value, times) in &self.expected {
            let found = found.get(value).copied().unwrap_or_default();
            if !times.contains(&found) {
                return Err(format!("{value} is in the log {found} times, not {times:?}").into());
            }
        }
        Ok(())
    }
}

async fn enqueue(cx: Context) -> Result<usize, Failed> {
    let log = tokio::sync::Mutex::new(Log::new(cx).await?);
    let awaits = at_every_await(async |awaits| {
        let mut log = log.lock().await;
        let producer = log.producer()?;
        let value = format!("enqueued {awaits}");
        let ack = dropped_after(awaits, producer.enqueue(log.record(&value))).await.transpose()?;
        let ended = ack.is_some();
        // Dropping the acknowledgement cancels nothing.
        drop(ack);
        log.expect(value, if ended { 1..=1 } else { 0..=0 });
        log.goes_on(&producer, awaits).await?;
        Ok(ended)
    })
    .await?;
    log.into_inner().check().await?;
    Ok(awaits)
}

async fn send(cx: Context) -> Result<usize, Failed> {
    let log = tokio::sync::Mutex::new(Log::new(cx).await?);
    let awaits = at_every_await(async |awaits| {
        let mut log = log.lock().await;
        let producer = log.producer()?;
        let value = format!("sent {awaits}");
        let ended = dropped_after(awaits, producer.send(log.record(&value))).await.transpose()?.is_some();
        log.expect(value, usize::from(ended)..=1);
        log.goes_on(&producer, awaits).await?;
        Ok(ended)
    })
    .await?;
    log.into_inner().check().await?;
    Ok(awaits)
}

async fn flush(cx: Context) -> Result<usize, Failed> {
    let log = tokio::sync::Mutex::new(Log::new(cx).await?);
    let awaits = at_every_await(async |awaits| {
        let mut log = log.lock().await;
        let producer = log.producer()?;
        let mut acks = Vec::new();
        for number in 0..3 {
            let value = format!("{awaits}/{number}");
            acks.push(producer.enqueue(log.record(&value)).await?);
            log.expect(value, 1..=1);
        }
        let ended = dropped_after(awaits, producer.flush()).await.is_some();
        producer.flush().await;
        for ack in acks {
            ack.await?;
        }
        producer.close().await;
        Ok(ended)
    })
    .await?;
    log.into_inner().check().await?;
    Ok(awaits)
}

async fn close(cx: Context) -> Result<usize, Failed> {
    let log = tokio::sync::Mutex::new(Log::new(cx).await?);
    let awaits = at_every_await(async |awaits| {
        let mut log = log.lock().await;
        let producer = log.producer()?;
        let value = format!("before {awaits}");
        let ack = producer.enqueue(log.record(&value)).await?;
        log.expect(value, 1..=1);
        let ended = dropped_after(awaits, producer.close()).await.is_some();
        if producer.enqueue(log.record("too late")).await.is_ok() {
            return Err("a closing producer takes records".into());
        }
        producer.close().await;
        ack.await?;
        Ok(ended)
    })
    .await?;
    let mut log = log.into_inner();
    log.expect("too late".to_owned(), 0..=0);
    log.check().await?;
    Ok(awaits)
}
