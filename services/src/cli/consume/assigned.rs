//! Reading without a group: all partitions, and nothing is committed.

use futures_util::FutureExt;
use ottla::{
    TopicPartition,
    kafka::{Fetched, Fetcher},
};

use super::{
    End, Reading,
    ends::Ends,
    printer::{Flushed, Printer},
};
use crate::cli::Problem;

/// Prints the partitions from where they are to begin.
pub(super) async fn run(reading: &Reading<'_>, printer: &mut Printer) -> Result<End, Problem> {
    let partitions: Vec<TopicPartition> = reading.topics.iter().flat_map(|topic| partitions(reading, topic)).collect();
    let starts = reading.starts(&partitions, reading.args.offset).await?;
    let mut ends = Ends::default();
    if reading.args.exit {
        for (partition, end) in reading.ends(&partitions).await? {
            let start = starts.get(&partition).copied().unwrap_or_default();
            ends.add(partition, start, end);
        }
    }
    let mut fetcher = Fetcher::new(reading.client, reading.fetch.clone());
    for (partition, start) in starts {
        if !reading.args.exit || ends.end(&partition).is_some() {
            fetcher.assign(partition, start);
        }
    }
    let ended = print(reading, &mut fetcher, &mut ends, printer).await;
    match printer.flush(&reading.interrupted).await? {
        Flushed::Closed => ended.map(|_| End::ClosedPipe),
        Flushed::All | Flushed::Stuck => ended,
    }
}

fn partitions(reading: &Reading<'_>, (topic, count): &(String, i32)) -> impl Iterator<Item = TopicPartition> {
    let only = reading.args.partition.map(i32::from);
    let wanted = match only {
        Some(only) => only..only.saturating_add(1),
        None => 0..*count,
    };
    let first = TopicPartition::new(topic.as_str(), 0);
    wanted.map(move |partition| TopicPartition::new(first.topic_shared(), partition))
}

async fn print(
    reading: &Reading<'_>,
    fetcher: &mut Fetcher,
    ends: &mut Ends,
    printer: &mut Printer,
) -> Result<End, Problem> {
    while !(printer.is_done() || reading.args.exit && ends.is_empty()) {
        let fetched = match fetcher.next().now_or_never() {
            Some(fetched) => fetched,
            None => {
                // Nothing is there right now: whoever reads along sees what there is.
                if printer.flush(&reading.interrupted).await? == Flushed::Closed {
                    return Ok(End::ClosedPipe);
                }
                tokio::select! {
                    biased;
                    () = reading.interrupted.clone().wait() => return Ok(End::Interrupted),
                    fetched = fetcher.next() => fetched,
                }
            }
        };
        let (partition, position) = match fetched {
            Fetched::Records(records) => {
                if let Some(end) = reading.print(records.topic_partition(), records.iter(), ends, printer).await? {
                    return Ok(end);
                }
                (records.topic_partition().clone(), records.next_offset())
            }
            Fetched::Progress { topic_partition, offset } | Fetched::Reset { topic_partition, to: offset, .. } => {
                (topic_partition, offset)
            }
            Fetched::Failed { error, .. } => return Err(reading.failed(&error)),
        };
        if reading.args.exit && ends.reached(&partition, position) {
            fetcher.unassign(&partition);
        }
    }
    Ok(End::Done)
}
