//! Records one by one: a dropped call had handed out nothing, and acknowledged what was handed out before it.

use std::time::Duration;

use libtest_mimic::Failed;
use ottla_consumer_group::{Consumer, RecordReader};
use ottla_kafka_core::{Client, TopicPartition};

use super::{
    Row, at_every_await,
    consumer::{RECORDS, filled, small},
    dropped_after,
};
use crate::harness::Context;

pub(super) const ROWS: &[Row] = &[
    // A line each, by which tidy finds them.
    ("RecordReader::close", |cx| Box::pin(close(cx))),
    ("RecordReader::next", |cx| Box::pin(next(cx))),
];

fn reader(client: &Client, of: &TopicPartition, group: &str) -> Result<RecordReader, Failed> {
    let builder = Consumer::builder(client, group).topics([of.topic()]).fetch(small());
    let builder = builder.session_timeout(Duration::from_secs(6)).heartbeat_interval(Duration::from_secs(1));
    Ok(builder.build()?.records())
}

async fn next(cx: Context) -> Result<usize, Failed> {
    let (client, of) = filled(&cx).await?;
    at_every_await(async |awaits| {
        let group = cx.unique(&format!("next-{awaits}"));
        let mut reader = reader(&client, &of, &group)?;
        let (mut expected, mut dropped) = (0, false);
        while expected < RECORDS {
            match dropped_after(awaits, reader.next()).await.transpose()? {
                Some(record) if record.offset() == expected => expected += 1,
                Some(record) => return Err(format!("offset {} instead of {expected}", record.offset()).into()),
                None => dropped = true,
            }
            tokio::task::yield_now().await;
        }
        reader.acknowledge();
        reader.close().await?;
        let committed = client.admin().group_offsets(&group).await?;
        if committed.get(&of) != Some(&RECORDS) {
            return Err(format!("committed is {committed:?}").into());
        }
        Ok(!dropped)
    })
    .await
}

/// Whatever became of its commit, the next member begins with a record that was not acknowledged, or earlier.
async fn close(cx: Context) -> Result<usize, Failed> {
    let (client, of) = filled(&cx).await?;
    at_every_await(async |awaits| {
        let group = cx.unique(&format!("close-{awaits}"));
        let mut first = reader(&client, &of, &group)?;
        for _ in 0..5 {
            first.next().await?;
        }
        let ended = dropped_after(awaits, first.close()).await.transpose()?.is_some();
        let mut second = reader(&client, &of, &group)?;
        let begins = second.next().await?.offset();
        second.close().await?;
        match (ended, begins) {
            (true, 4) | (false, 0..=4) => Ok(ended),
            _ => Err(format!("the next member begins at {begins}").into()),
        }
    })
    .await
}
