//! Reading as a member of a group: what is printed is committed, and nothing else.

use std::{collections::BTreeMap, time::Duration};

use futures_util::FutureExt;
use ottla::{
    Consumer, Error, TopicPartition,
    consumer::{Assigned, ConsumerHandle, Event, OffsetAndMetadata, OffsetReset, Records},
    kafka::Recovery,
};
use tokio::time::{Instant, sleep_until};

use super::{
    End, Reading,
    ends::Ends,
    printer::{Flushed, Printer},
    start::Start,
};
use crate::cli::{Exit, Problem};

/// How often what is printed is committed. Kafka: `auto.commit.interval.ms` (there 5 s, and of what was read).
const COMMIT_INTERVAL: Duration = Duration::from_secs(1);

/// Prints what the group gives this member.
pub(super) async fn run(reading: &Reading<'_>, group: &str, printer: &mut Printer) -> Result<End, Problem> {
    let reset = match reading.args.offset {
        Start::Earliest => OffsetReset::Earliest,
        Start::Latest => OffsetReset::Latest,
        _ => OffsetReset::Error,
    };
    let mut builder = reading.settings.consumer(reading.client, group).fetch(reading.fetch.clone());
    builder = builder.topics(reading.args.topics.iter().map(String::as_str)).offset_reset(reset);
    if let Some(id) = &reading.args.instance_id {
        builder = builder.instance_id(id);
    }
    let mut consumer = builder.build().map_err(|error| reading.failed(&error))?;
    let handle = consumer.handle();
    let mut member =
        Member { reading, printer, handle, ends: Ends::default(), assigned: false, commit_at: Instant::now() };
    let ended = member.read(&mut consumer).await;
    let finished = member.finish().await;
    // What is committed stands; a group that is not left in order notices by itself.
    let closed = consumer.close().await.map_err(|error| reading.failed(&error));
    let ended = ended?;
    let finished = finished?;
    closed?;
    Ok(finished.unwrap_or(ended))
}

struct Member<'a> {
    reading: &'a Reading<'a>,
    printer: &'a mut Printer,
    handle: ConsumerHandle,
    /// With `-e`: what is to be read of the partitions that are this member's.
    ends: Ends,
    /// Whether the group has said which partitions are this member's.
    assigned: bool,
    commit_at: Instant,
}

impl Member<'_> {
    async fn read(&mut self, consumer: &mut Consumer) -> Result<End, Problem> {
        while !(self.printer.is_done() || self.reading.args.exit && self.assigned && self.ends.is_empty()) {
            let event = match consumer.recv().now_or_never() {
                Some(event) => event,
                None => {
                    if self.printer.flush(&self.reading.interrupted).await? == Flushed::Closed {
                        return Ok(End::ClosedPipe);
                    }
                    tokio::select! {
                        biased;
                        () = self.reading.interrupted.clone().wait() => return Ok(End::Interrupted),
                        () = sleep_until(self.commit_at), if self.printer.has_printed() => {
                            self.commit().await?;
                            continue;
                        }
                        event = consumer.recv() => event,
                    }
                }
            };
            let end = match event {
                Ok(event) => self.take(event).await?,
                Err(error) if error.is_retriable() => {
                    tracing::warn!(%error, "the group has trouble; trying on");
                    None
                }
                Err(error) => return Err(self.reading.failed(&error)),
            };
            if let Some(end) = end {
                return Ok(end);
            }
            if Instant::now() >= self.commit_at && (self.printer.has_printed() || !self.printer.is_empty()) {
                if self.printer.flush(&self.reading.interrupted).await? == Flushed::Closed {
                    return Ok(End::ClosedPipe);
                }
                self.commit().await?;
            }
        }
        Ok(End::Done)
    }

    async fn take(&mut self, event: Event) -> Result<Option<End>, Problem> {
        match event {
            Event::Records(records) => return self.print(&records).await,
            Event::Assigned(partitions) => self.assigned(partitions).await?,
            Event::Revoking(guard) => {
                let flushed = self.printer.flush(&self.reading.interrupted).await?;
                self.commit().await?;
                self.forget(guard.partitions());
                if flushed == Flushed::Closed {
                    return Ok(Some(End::ClosedPipe));
                }
            }
            Event::Lost(partitions) => {
                tracing::warn!(?partitions, "lost: another member may print them again from the last commit on");
                self.forget(&partitions);
            }
            Event::Position { topic_partition, offset } => {
                self.printer.passed(&topic_partition, offset);
                self.reached(&topic_partition, offset);
            }
            _ => {}
        }
        Ok(None)
    }

    async fn print(&mut self, records: &Records) -> Result<Option<End>, Problem> {
        let of = records.topic_partition();
        let end = self.reading.print(of, records.iter(), &self.ends, self.printer).await?;
        if end.is_none() && !self.printer.is_done() {
            let next = records.next_offset();
            // Behind the end that `-e` means there may be records that were not printed.
            if self.ends.end(of).is_none_or(|end| next <= end) {
                self.printer.passed(of, next);
            }
            self.reached(of, next);
        }
        Ok(end)
    }

    fn reached(&mut self, of: &TopicPartition, position: i64) {
        if self.reading.args.exit && self.ends.reached(of, position) {
            self.handle.pause([of.clone()]);
        }
    }

    async fn assigned(&mut self, partitions: Vec<Assigned>) -> Result<(), Problem> {
        let name = |assigned: &Assigned| assigned.topic_partition.clone();
        let mut positions: BTreeMap<TopicPartition, i64> =
            partitions.iter().map(|assigned| (name(assigned), assigned.position)).collect();
        let fresh: Vec<TopicPartition> =
            partitions.iter().filter(|assigned| assigned.committed.is_none()).map(name).collect();
        if self.reading.args.offset != Start::Earliest && !fresh.is_empty() {
            for (partition, start) in self.reading.starts(&fresh, self.reading.args.offset).await? {
                let sought = self.handle.seek(&partition, start).await;
                sought.map_err(|error| self.reading.failed(&error))?;
                positions.insert(partition, start);
            }
        }
        if self.reading.args.exit {
            let all: Vec<TopicPartition> = positions.keys().cloned().collect();
            for (partition, end) in self.reading.ends(&all).await? {
                let position = positions.get(&partition).copied().unwrap_or_default();
                if !self.ends.add(partition.clone(), position, end) {
                    self.handle.pause([partition]);
                }
            }
        }
        self.assigned = true;
        Ok(())
    }

    fn forget(&mut self, partitions: &[TopicPartition]) {
        for partition in partitions {
            self.printer.forget(partition);
            self.ends.forget(partition);
        }
        self.handle.resume(partitions.iter().cloned());
        self.assigned = false;
    }

    /// Commits what was printed. What a rebalance has taken away is the next member's, which prints it again.
    async fn commit(&mut self) -> Result<(), Problem> {
        let refused = self.commit_printed().await?;
        match refused.into_iter().find(|(_, error)| error.recovery() != Recovery::Rejoin) {
            Some((partition, error)) => Err(self.uncommitted(&partition.to_string(), &error)),
            None => Ok(()),
        }
    }

    /// Prints what is formatted and commits all that was printed.
    async fn finish(&mut self) -> Result<Option<End>, Problem> {
        let flushed = self.printer.flush(&self.reading.interrupted).await?;
        match self.commit_printed().await?.into_iter().next() {
            Some((partition, error)) => Err(self.uncommitted(&partition.to_string(), &error)),
            None => Ok((flushed == Flushed::Closed).then_some(End::ClosedPipe)),
        }
    }

    async fn commit_printed(&mut self) -> Result<Vec<(TopicPartition, Error)>, Problem> {
        self.commit_at = Instant::now() + COMMIT_INTERVAL;
        let offset = |(partition, offset)| (partition, OffsetAndMetadata::new(offset));
        let offsets: BTreeMap<_, _> = self.printer.take_printed().into_iter().map(offset).collect();
        if offsets.is_empty() {
            return Ok(Vec::new());
        }
        match self.handle.commit(offsets).await {
            Ok(outcomes) => Ok(outcomes.into_iter().filter_map(|(of, result)| Some((of, result.err()?))).collect()),
            Err(error) => Err(self.uncommitted("what was printed", &error)),
        }
    }

    fn uncommitted(&self, what: &str, error: &Error) -> Problem {
        let problem = self.reading.failed(error);
        problem.exit_with(Exit::Partial).account(format!("{what} was printed but not committed, and will come again"))
    }
}
