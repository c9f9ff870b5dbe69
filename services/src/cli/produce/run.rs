use std::{
    pin::{Pin, pin},
    time::Duration,
};

use futures_util::FutureExt;
use ottla::{Client, Env, Producer};
use tokio::time::timeout;

use super::{
    ProduceArgs,
    lines::{Lines, Piece, Unreadable},
    record::Shape,
    tally::{Counts, Tally},
};
use crate::{
    cli::{Exit, Problem, connection, signals},
    config::Settings,
};

/// How many records may wait for their acknowledgement; their memory is bounded by the producer.
const WAITING_MAX: usize = 200_000;
/// Within this time after a signal all that was read is written, or its fate is unknown.
const GRACE: Duration = Duration::from_secs(10);
/// How long the acknowledgements of a dropped producer take at most.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// What unacknowledged records may take. Kafka: `buffer.memory`.
const MEMORY: usize = 32 << 20;
const MEMORY_MAX: usize = 1 << 30;
/// Large batches: a pipe is here for throughput. Kafka: `batch.size`.
const BATCH: usize = 128 << 10;

/// Why no more is read.
enum End {
    Input,
    Interrupted,
    Failed,
    Unreadable(Unreadable),
}

/// Writes standard input to the topic; [`Exit::Done`] only if every record is acknowledged.
pub(in crate::cli) async fn run(args: ProduceArgs, settings: &Settings) -> Result<Exit, Problem> {
    let interrupted = signals::first().map_err(signals::unheard)?;
    let env = Env::system();
    let client = connection::client(settings, &env, "ottla")?;
    connection::partitions(&client, settings, &args.topic, args.partition.map(i32::from)).await?;
    let shape = Shape {
        topic: args.topic.as_str().into(),
        partition: args.partition.map(i32::from),
        separator: args.key_separator,
        headers: args.headers,
        empty_is_null: args.null,
    };
    let doing = format!("write to {}", args.topic);
    let builder = settings.producer(&client);
    let largest = usize::try_from(args.max_request_size).unwrap_or(usize::MAX);
    let builder = builder.max_request_size(largest).batch_size(BATCH.min(largest)).compression(args.compression);
    // Half of the memory fills while the other half is on its way.
    let builder = builder.buffer_memory(largest.saturating_mul(2).clamp(MEMORY, MEMORY_MAX));
    let producer = builder.build().map_err(|error| Problem::kafka(&doing, settings.brokers(), &error))?;
    let lines = Lines::read(&env, std::io::stdin(), largest);
    let mut writing = Writing { producer, lines, shape, tally: Tally::default(), read: 0 };
    let mut stop = Box::pin(interrupted.clone().wait());
    let end = writing.until_end(stop.as_mut()).await;
    let account = writing.finish(end, stop.as_mut(), &client).await;
    account.verdict(&doing, settings)
}

/// A producer and what goes into it.
struct Writing {
    producer: Producer,
    lines: Lines,
    shape: Shape,
    tally: Tally,
    /// Lines that were read.
    read: u64,
}

/// What came of it.
struct Account {
    end: End,
    counts: Counts,
    read: u64,
}

type Stop<'a> = Pin<&'a mut (dyn Future<Output = ()> + Send)>;

impl Writing {
    /// Enqueues what is read until the input ends, a record fails, or `stop` completes.
    async fn until_end(&mut self, mut stop: Stop<'_>) -> End {
        loop {
            self.tally.look();
            if self.tally.has_failed() {
                return End::Failed;
            }
            let piece = tokio::select! {
                biased;
                () = &mut stop => return End::Interrupted,
                piece = self.lines.next() => piece,
                // A failure is noticed although nothing more is written.
                Some(()) = self.tally.next() => continue,
            };
            let end = match piece {
                None => return End::Input,
                Some(Err(error)) => return End::Unreadable(error),
                Some(Ok(piece)) => self.enqueue(&piece, stop.as_mut()).await,
            };
            if let Some(end) = end {
                return end;
            }
        }
    }

    async fn enqueue(&mut self, piece: &Piece, mut stop: Stop<'_>) -> Option<End> {
        for line in piece.lines() {
            self.read = self.read.saturating_add(1);
            let mut enqueuing = pin!(self.producer.enqueue(self.shape.record(line)));
            let enqueued = match enqueuing.as_mut().now_or_never() {
                Some(enqueued) => enqueued,
                None => tokio::select! {
                    biased;
                    () = &mut stop => {
                        self.read = self.read.saturating_sub(1);
                        return Some(End::Interrupted);
                    }
                    enqueued = enqueuing => enqueued,
                },
            };
            match enqueued {
                Ok(ack) => self.tally.add(ack),
                Err(error) => {
                    self.tally.refused(error);
                    return Some(End::Failed);
                }
            }
            if self.tally.waiting() >= WAITING_MAX {
                tokio::select! {
                    biased;
                    () = &mut stop => return Some(End::Interrupted),
                    _ = self.tally.next() => {}
                }
                self.tally.look();
            }
        }
        None
    }

    /// Waits until the fate of every record is known, after a signal at most [`GRACE`].
    async fn finish(mut self, end: End, mut stop: Stop<'_>, client: &Client) -> Account {
        let mut known = Box::pin(async {
            self.producer.close().await;
            self.tally.all().await;
        });
        let end = if matches!(end, End::Interrupted) {
            end
        } else {
            tokio::select! {
                biased;
                () = &mut stop => End::Interrupted,
                () = &mut known => end,
            }
        };
        if matches!(end, End::Interrupted) {
            let _ = timeout(GRACE, &mut known).await;
        }
        drop(known);
        // Without its producer every acknowledgement ends, and says whether the record may have been written.
        drop(self.producer);
        let _ = timeout(LAST_WORDS, self.tally.all()).await;
        client.close().await;
        Account { end, counts: self.tally.into_counts(), read: self.read }
    }
}

impl Account {
    fn verdict(&self, doing: &str, settings: &Settings) -> Result<Exit, Problem> {
        let Some(problem) = self.problem(doing, settings) else { return Ok(Exit::Done) };
        let exit = match self.end {
            End::Interrupted => Exit::Interrupted,
            _ if self.counts.acked > 0 => Exit::Partial,
            _ => problem.exit(),
        };
        let Counts { acked, failed, unknown, .. } = &self.counts;
        let read = self.read;
        Err(problem.exit_with(exit).account(format!(
            "of {read} lines {acked} are acknowledged, {failed} are not in the log, {unknown} may be; no more were read"
        )))
    }

    /// Why not every line is in the log.
    fn problem(&self, doing: &str, settings: &Settings) -> Option<Problem> {
        if let Some(error) = &self.counts.first {
            return Some(Problem::kafka(doing, settings.brokers(), error));
        }
        match &self.end {
            End::Interrupted => Some(Problem::new(Exit::Interrupted, "interrupted")),
            End::Unreadable(Unreadable::Io(error)) => {
                Some(Problem::new(Exit::Failed, format!("cannot read standard input: {error}")))
            }
            End::Unreadable(Unreadable::TooLong { limit }) => {
                let line = self.read.saturating_add(1);
                let what = format!("line {line} is longer than the limit of {limit} bytes");
                Some(Problem::new(Exit::Failed, what).next("--max-request-size allows longer ones, if the topic does"))
            }
            End::Input | End::Failed if self.counts.unknown > 0 => {
                Some(Problem::new(Exit::Unknown, "the fate of some records is not known"))
            }
            End::Input | End::Failed => None,
        }
    }
}
