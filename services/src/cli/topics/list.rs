use clap::Args;
use ottla::{Client, kafka::TopicDescription};
use serde_json::json;

use crate::{
    cli::{Exit, Problem, connection::ConnectionArgs, print_json, print_lines, table::Table},
    config::Settings,
};

pub(super) const EXAMPLES: &str = "\
Example:
  ottla topics list -b localhost:9092 --json";

/// What `ottla topics list` takes.
#[derive(Args, Clone, Debug)]
pub(super) struct ListArgs {
    #[command(flatten)]
    pub(super) connection: ConnectionArgs,
    /// Lists Kafka's own topics too, such as `__consumer_offsets`.
    #[arg(long)]
    internal: bool,
    /// Prints a JSON array.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: &ListArgs, client: &Client, settings: &Settings) -> Result<Exit, Problem> {
    let failed = |error| Problem::kafka("list topics", settings.brokers(), &error);
    let listed = client.admin().list_topics().await.map_err(failed)?;
    let mut topics: Vec<TopicDescription> = Vec::new();
    let mut problems = Vec::new();
    for (name, topic) in listed {
        match topic {
            Ok(topic) if args.internal || !topic.is_internal() => topics.push(topic),
            Ok(_) => {}
            Err(error) => {
                problems.push(Problem::kafka(&format!("look at topic {name}"), settings.brokers(), &error));
            }
        }
    }
    if args.json {
        let object = |topic: &TopicDescription| {
            json!({
                "topic": topic.name(),
                "partitions": topic.partitions().len(),
                "replication_factor": topic.replication_factor(),
                "internal": topic.is_internal(),
            })
        };
        print_json(&topics.iter().map(object).collect())?;
    } else {
        let mut table = Table::new(["TOPIC", "PARTITIONS", "REPLICAS"]);
        for topic in &topics {
            let copies = topic.replication_factor().to_string();
            table.row([topic.name().to_owned(), topic.partitions().len().to_string(), copies]);
        }
        print_lines(&table.lines());
    }
    match Problem::together(problems) {
        Some(problem) => Err(problem.exit_with(Exit::Partial)),
        None => Ok(Exit::Done),
    }
}
