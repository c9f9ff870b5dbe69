use std::collections::BTreeMap;

use clap::Args;
use ottla::{
    Client, TopicPartition,
    kafka::{ConfigEntry, ConfigResource, ConfigSource, OffsetSpec, TopicDescription},
};
use serde_json::{Value, json};

use super::Names;
use crate::{
    cli::{
        Exit, Problem,
        connection::ConnectionArgs,
        items::show,
        print_lines,
        table::{Table, or_dash},
    },
    config::Settings,
};

pub(super) const EXAMPLES: &str = "\
Example:
  ottla topics describe orders orders-dlq --json";

/// What `ottla topics describe` takes.
#[derive(Args, Clone, Debug)]
pub(super) struct DescribeArgs {
    #[command(flatten)]
    pub(super) connection: ConnectionArgs,
    #[command(flatten)]
    names: Names,
    /// Prints a JSON array.
    #[arg(long)]
    json: bool,
}

/// A topic and what belongs to it.
struct Described {
    topic: TopicDescription,
    /// First and last offset by partition, as far as they are known.
    offsets: BTreeMap<i32, (Option<i64>, Option<i64>)>,
    /// The settings that somebody has set.
    configs: Vec<ConfigEntry>,
}

pub(super) async fn run(args: &DescribeArgs, client: &Client, settings: &Settings) -> Result<Exit, Problem> {
    let failed = |error: &ottla::Error| Problem::kafka("describe topics", settings.brokers(), error);
    let described = client.admin().describe_topics(&args.names.all()).await.map_err(|error| failed(&error))?;
    let mut problems = Vec::new();
    let mut topics = Vec::new();
    for (name, topic) in described {
        match topic {
            Ok(topic) => topics.push(complete(client, topic).await.map_err(|error| failed(&error))?),
            Err(error) => {
                problems.push(Problem::kafka(&format!("describe topic {name}"), settings.brokers(), &error));
            }
        }
    }
    show(&topics, problems, args.json.then_some(Described::json as _), Described::print)
}

async fn complete(client: &Client, topic: TopicDescription) -> Result<Described, ottla::Error> {
    let of = |spec| {
        let partition = |index: &i32| (TopicPartition::new(topic.name(), *index), spec);
        topic.partitions().keys().map(partition).collect::<Vec<_>>()
    };
    let admin = client.admin();
    let first = admin.list_offsets(&of(OffsetSpec::Earliest)).await?;
    let last = admin.list_offsets(&of(OffsetSpec::HighWatermark)).await?;
    let mut offsets: BTreeMap<i32, (Option<i64>, Option<i64>)> = BTreeMap::new();
    for (partition, listed) in first {
        offsets.entry(partition.partition()).or_default().0 = listed.ok().map(|listed| listed.offset);
    }
    for (partition, listed) in last {
        offsets.entry(partition.partition()).or_default().1 = listed.ok().map(|listed| listed.offset);
    }
    // Who may not read the settings still sees the rest.
    let configs = admin.describe_configs(&[ConfigResource::topic(topic.name())]).await?;
    let configs = configs.into_values().flatten().flatten().filter(|entry| entry.source() == ConfigSource::Topic);
    Ok(Described { configs: configs.collect(), topic, offsets })
}

impl Described {
    fn json(&self) -> Value {
        let partition = |(index, partition): (&i32, &ottla::kafka::Partition)| {
            let (first, last) = self.offsets.get(index).copied().unwrap_or_default();
            json!({
                "partition": index,
                "leader": partition.leader,
                "replicas": partition.replicas,
                "isr": partition.isr,
                "earliest": first,
                "latest": last,
            })
        };
        let configs: BTreeMap<&str, Option<&str>> =
            self.configs.iter().map(|entry| (entry.name(), entry.value())).collect();
        json!({
            "topic": self.topic.name(),
            "id": self.topic.id().to_string(),
            "internal": self.topic.is_internal(),
            "replication_factor": self.topic.replication_factor(),
            "partitions": self.topic.partitions().iter().map(partition).collect::<Vec<_>>(),
            "configs": configs,
        })
    }

    fn print(&self) {
        let set = |entry: &ConfigEntry| format!("{}={}", entry.name(), entry.value().unwrap_or_default());
        let configs: Vec<String> = self.configs.iter().map(set).collect();
        let count = self.topic.partitions().len();
        let copies = self.topic.replication_factor();
        let mut lines = vec![format!("{}: {count} partitions, {copies} replicas", self.topic.name())];
        if !configs.is_empty() {
            lines.push(format!("settings: {}", configs.join(", ")));
        }
        let mut table = Table::new(["PARTITION", "LEADER", "REPLICAS", "IN-SYNC", "EARLIEST", "LATEST"]);
        for (index, partition) in self.topic.partitions() {
            let (first, last) = self.offsets.get(index).copied().unwrap_or_default();
            let ids = |ids: &[i32]| ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
            let leader = or_dash(partition.leader);
            let copies = [ids(&partition.replicas), ids(&partition.isr)];
            let [replicas, isr] = copies;
            table.row([index.to_string(), leader, replicas, isr, or_dash(first), or_dash(last)]);
        }
        lines.extend(table.lines());
        print_lines(&lines);
    }
}
