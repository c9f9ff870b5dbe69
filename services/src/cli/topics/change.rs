use clap::{Arg, Args};
use ottla::{
    Client,
    kafka::{ConfigChange, ConfigResource, ErrorCode, NewTopic},
};

use super::Names;
use crate::{
    cli::{Exit, Problem, connection::ConnectionArgs, items::verdict},
    config::Settings,
};

pub(super) const CREATE_EXAMPLES: &str = "\
Example:
  ottla topics create orders --partitions 12 --replication-factor 3 --config retention.ms=604800000 --if-not-exists";
pub(super) const ALTER_EXAMPLES: &str = "\
Examples:
  ottla topics alter orders --partitions 24
  ottla topics alter orders --config retention.ms=86400000 --config cleanup.policy=";
pub(super) const DELETE_EXAMPLES: &str = "\
Example:
  ottla topics delete orders-old";

/// What `ottla topics create` takes.
#[derive(Args, Clone, Debug)]
#[command(mut_arg("config_file", config_is_a_topics))]
pub(super) struct CreateArgs {
    #[command(flatten)]
    pub(super) connection: ConnectionArgs,
    #[command(flatten)]
    names: Names,
    /// How many partitions; without it as the brokers are configured.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i32).range(1..))]
    partitions: Option<i32>,
    /// How many copies of each partition; without it as the brokers are configured.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i16).range(1..))]
    replication_factor: Option<i16>,
    /// A setting of the topic, such as retention.ms=3600000; may be given again.
    #[arg(long = "config", value_name = "NAME=VALUE", value_parser = setting)]
    configs: Vec<(String, String)>,
    /// A topic that exists is taken as it is.
    #[arg(long)]
    if_not_exists: bool,
}

/// What `ottla topics alter` takes.
#[derive(Args, Clone, Debug)]
#[command(group = clap::ArgGroup::new("change").required(true).multiple(true))]
#[command(mut_arg("config_file", config_is_a_topics))]
pub(super) struct AlterArgs {
    #[command(flatten)]
    pub(super) connection: ConnectionArgs,
    /// The topic, by its exact name.
    #[arg(value_name = "TOPIC", required_unless_present = "topic")]
    name: Option<String>,
    /// The same, as the other commands spell it.
    #[arg(short, long, hide = true, value_name = "TOPIC", conflicts_with = "name")]
    topic: Option<String>,
    /// How many partitions it is to have: more than now. Keys land elsewhere from then on.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i32).range(1..), group = "change")]
    partitions: Option<i32>,
    /// A setting's new value; without a value it goes back to its default. May be given again.
    #[arg(long = "config", value_name = "NAME=VALUE", value_parser = setting, group = "change")]
    configs: Vec<(String, String)>,
}

/// What `ottla topics delete` takes.
#[derive(Args, Clone, Debug)]
pub(super) struct DeleteArgs {
    #[command(flatten)]
    pub(super) connection: ConnectionArgs,
    #[command(flatten)]
    names: Names,
}

/// Where `--config` is a topic's setting, as in Kafka's own tools, the file of ours has another name.
fn config_is_a_topics(file: Arg) -> Arg {
    file.long("config-file")
}

fn setting(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("a setting is NAME=VALUE".to_owned()),
    }
}

pub(super) async fn create(args: &CreateArgs, client: &Client, settings: &Settings) -> Result<Exit, Problem> {
    let topic = |name: &&str| {
        // −1 leaves it to the brokers.
        let new = NewTopic::new(*name, args.partitions.unwrap_or(-1), args.replication_factor.unwrap_or(-1));
        args.configs.iter().fold(new, |topic, (name, value)| topic.config(name, value))
    };
    let topics: Vec<NewTopic> = args.names.all().iter().map(topic).collect();
    let failed = |error| Problem::kafka("create topics", settings.brokers(), &error);
    let mut results = client.admin().create_topics(&topics).await.map_err(failed)?;
    if args.if_not_exists {
        let exists = |error: &ottla::Error| error.code() == Some(ErrorCode::TOPIC_ALREADY_EXISTS);
        results.values_mut().filter(|result| result.as_ref().is_err_and(exists)).for_each(|result| *result = Ok(()));
    }
    verdict("create topic", results, settings)
}

pub(super) async fn alter(args: &AlterArgs, client: &Client, settings: &Settings) -> Result<Exit, Problem> {
    let topic = args.name.as_deref().or(args.topic.as_deref()).unwrap_or_default();
    let failed = |error| Problem::kafka(&format!("alter topic {topic}"), settings.brokers(), &error);
    let mut results = Vec::new();
    if let Some(partitions) = args.partitions {
        let created = client.admin().create_partitions(&[(topic, partitions)]).await.map_err(failed)?;
        let named = |(name, result)| (format!("the number of partitions of {name}"), result);
        results.extend(created.into_iter().map(named));
    }
    // Half of a change that fails as a whole would be hard to explain.
    let go_on = results.iter().all(|(_, result)| result.is_ok());
    if go_on && !args.configs.is_empty() {
        let change = |(name, value): &(String, String)| match value.as_str() {
            "" => ConfigChange::delete(name),
            value => ConfigChange::set(name, value),
        };
        let changes = args.configs.iter().map(change).collect();
        let changed = client.admin().incremental_alter_configs(&[(ConfigResource::topic(topic), changes)]).await;
        match changed {
            Ok(changed) => {
                results.extend(changed.into_values().map(|result| (format!("the settings of {topic}"), result)));
            }
            Err(error) => results.push((format!("the settings of {topic}"), Err(error))),
        }
    }
    verdict("change", results, settings)
}

pub(super) async fn delete(args: &DeleteArgs, client: &Client, settings: &Settings) -> Result<Exit, Problem> {
    let failed = |error| Problem::kafka("delete topics", settings.brokers(), &error);
    let results = client.admin().delete_topics(&args.names.all()).await.map_err(failed)?;
    verdict("delete topic", results, settings)
}
