//! `ottla consume`: topics to standard output.

mod assigned;
mod ends;
mod format;
mod group;
mod json;
mod marks;
mod printer;
mod start;

use std::time::Duration;

use clap::{Args, ValueEnum};
use ottla::{
    Client, Env, TopicPartition,
    kafka::{FetchConfig, Isolation, record::RecordView},
};

use super::{Exit, Problem, connection, connection::ConnectionArgs, signals};
use crate::config::Settings;
use ends::Ends;
use format::{Format, Layout};
use printer::{Flushed, Printer, Stdout};
use start::Start;

/// Within this time after a signal what is formatted is printed and, in a group, committed.
const GRACE: Duration = Duration::from_secs(5);

pub(super) const EXAMPLES: &str = "\
Examples:
  ottla consume -b localhost:9092 -t orders -e
  ottla consume -t orders -g billing -f '%t %p %o %k %s\\n'
  ottla consume -t orders -o @-1h -c 10 -J | jq .payload

Without a group nothing is committed. In a group what is printed is committed, and nothing else: at least every second,
before partitions are given back, and at the end, however it ends.";

/// What `ottla consume` takes.
#[derive(Args, Clone, Debug)]
pub(super) struct ConsumeArgs {
    #[command(flatten)]
    connection: ConnectionArgs,
    /// The topics to read; several are separated by commas or given again.
    #[arg(short, long = "topic", required = true, num_args = 1.., value_delimiter = ',', value_name = "TOPIC")]
    topics: Vec<String>,
    /// Reads only this partition.
    #[arg(short, long, value_name = "N", conflicts_with = "group")]
    partition: Option<u16>,
    /// Reads as a member of this group, which shares the partitions out and commits what was printed.
    #[arg(short, long, value_name = "GROUP")]
    group: Option<String>,
    /// Where to begin: `earliest`, `latest`, an offset, `-N` for the last N of each partition, `@TIME` for the first
    /// record of that time (milliseconds since 1970, 2026-11-21T10:00:00Z, or `@-1h` from now). With a group, where a
    /// partition begins for which nothing is committed.
    #[arg(short, long, value_name = "OFFSET|@TIME", allow_hyphen_values = true, default_value = "earliest")]
    offset: Start,
    /// Ends after this many records.
    #[arg(short, long, value_name = "N")]
    count: Option<u64>,
    /// Ends at the end that each partition has when it is first read.
    #[arg(short, long)]
    exit: bool,
    /// How a record is printed: %t topic, %p partition, %o offset, %k key, %s value, %h headers (a=1,b=2), %T timestamp
    /// in milliseconds, %K and %S lengths of key and value (-1 for null), %% a percent sign; \n, \t, \r, \xNN. Default:
    /// the value and a newline.
    #[arg(short, long, value_name = "FORMAT", conflicts_with = "json")]
    format: Option<Format>,
    /// Prints a JSON object a line, as kcat does; bytes that are not UTF-8 are {"base64":"..."}.
    #[arg(short = 'J', long)]
    json: bool,
    /// Which records of transactions are read.
    #[arg(long, value_enum, value_name = "LEVEL", default_value = "read_committed")]
    isolation: IsolationArg,
    /// Makes this a static member of the group: started again within the session timeout, it has its partitions back
    /// at once. Kafka: `group.instance.id`.
    #[arg(long, value_name = "ID", requires = "group")]
    instance_id: Option<String>,
}

/// Kafka's names of the isolation levels.
#[derive(Clone, Copy, Debug, ValueEnum)]
#[value(rename_all = "snake_case")]
enum IsolationArg {
    ReadCommitted,
    ReadUncommitted,
}

impl ConsumeArgs {
    pub(super) fn connection(&self) -> &ConnectionArgs {
        &self.connection
    }

    fn isolation(&self) -> Isolation {
        match self.isolation {
            IsolationArg::ReadCommitted => Isolation::ReadCommitted,
            IsolationArg::ReadUncommitted => Isolation::ReadUncommitted,
        }
    }

    fn layout(&self) -> Layout {
        match (&self.format, self.json) {
            (_, true) => Layout::Json,
            (Some(format), false) => Layout::Format(format.clone()),
            (None, false) => Layout::Values,
        }
    }
}

/// What a way of reading needs.
struct Reading<'a> {
    client: &'a Client,
    settings: &'a Settings,
    args: &'a ConsumeArgs,
    /// Each topic's number of partitions.
    topics: Vec<(String, i32)>,
    fetch: FetchConfig,
    interrupted: signals::Interrupted,
}

impl Reading<'_> {
    fn failed(&self, error: &ottla::Error) -> Problem {
        let what = match &self.args.group {
            Some(group) => format!("read {} in group {group}", self.args.topics.join(", ")),
            None => format!("read {}", self.args.topics.join(", ")),
        };
        Problem::kafka(&what, self.settings.brokers(), error)
    }
}

/// Why it ended, short of an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// The count is reached, or the ends are.
    Done,
    /// Nobody reads the output any more.
    ClosedPipe,
    Interrupted,
}

/// Prints records until the count or the ends are reached, a signal comes or the output is closed.
pub(super) async fn run(args: ConsumeArgs, settings: &Settings) -> Result<Exit, Problem> {
    let interrupted = signals::first().map_err(signals::unheard)?;
    let env = Env::system();
    let output = Stdout::new(&env).map_err(|error| printer::unwritable(&error))?;
    let client = connection::client(settings, &env, "ottla")?;
    let mut topics = Vec::new();
    for topic in &args.topics {
        let count = connection::partitions(&client, settings, topic, args.partition.map(i32::from)).await?;
        topics.push((topic.clone(), count));
    }
    let fetch = settings.fetch().isolation(args.isolation());
    let mut printer = Printer::new(args.layout(), args.count, args.group.is_some(), output);
    let reading = Reading { client: &client, settings, args: &args, topics, fetch, interrupted };
    let ended = match &args.group {
        Some(group) => group::run(&reading, group, &mut printer).await,
        None => assigned::run(&reading, &mut printer).await,
    };
    client.close().await;
    Ok(match ended? {
        End::Done | End::ClosedPipe => Exit::Done,
        End::Interrupted => Exit::Interrupted,
    })
}

impl Reading<'_> {
    /// Prints `records` up to the count and the end; says why nothing more is to be printed.
    async fn print<'r>(
        &self,
        of: &TopicPartition,
        records: impl Iterator<Item = RecordView<'r>>,
        ends: &Ends,
        printer: &mut Printer,
    ) -> Result<Option<End>, Problem> {
        let end = ends.end(of).unwrap_or(i64::MAX);
        for record in records {
            if printer.is_done() || record.offset() >= end {
                break;
            }
            printer.print(of, &record);
            if printer.is_full() {
                if printer.flush(&self.interrupted).await? == Flushed::Closed {
                    return Ok(Some(End::ClosedPipe));
                }
                if self.interrupted.is_heard() {
                    return Ok(Some(End::Interrupted));
                }
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use ottla::{
        TopicPartition,
        kafka::record::{BatchBuilder, Compression, Decompression, Header, batches},
    };

    use super::format::Layout;

    const TIME: i64 = 1_795_287_124_354;

    /// The same few records in this layout, each for itself.
    pub(super) fn printed(layout: &Layout) -> Vec<Vec<u8>> {
        let null = Header { key: "c".into(), value: None };
        let odd = Header { key: "h".into(), value: Some(Bytes::from_static(b"\xff")) };
        let text = "q\"uo\\te/\ttab\u{1}\u{1f}ctl\u{7f} é\u{2028} </script>";
        let mut builder = BatchBuilder::new();
        builder.push(TIME, Some(b"k1"), Some(b"v1"), &[Header::new("a", "1"), Header::new("b", ""), null]);
        builder.push(TIME, Some(b"k2"), None, &[]);
        builder.push(TIME, None, Some(b"v3"), &[]);
        builder.push(TIME, None, Some(text.as_bytes()), &[]);
        builder.push(TIME, Some(b"\xff\xfe"), Some(b"\x80 \xff"), &[odd]);
        let bytes = builder.finish(None, Compression::default()).expect("a batch");
        let of = TopicPartition::new("kc", 0);
        let mut lines = Vec::new();
        for batch in batches(bytes) {
            let records = batch.and_then(|batch| batch.records(Decompression::default())).expect("records");
            for record in records.iter() {
                let mut line = Vec::new();
                layout.print(&mut line, &of, &record.expect("a record"));
                lines.push(line);
            }
        }
        lines
    }
}
