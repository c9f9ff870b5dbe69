//! `ottla topics apply`: a system's topics as its catalogue has them.

use std::collections::BTreeMap;

use clap::{Args, ValueEnum};
use ottla::{
    Client, Error,
    kafka::{ConfigResource, ErrorCode, TopicDescription},
};

use crate::{
    cli::{Exit, Problem, connection, connection::ConnectionArgs, print_line},
    config::Settings,
    pubsub::topics::{CATALOGUE, Layout, Plan},
};

pub(super) const EXAMPLES: &str = "\
Example:
  ottla topics apply pubsub --layout production

A topic that is there is never changed. What is missing of it (partitions, replicas, a setting) is printed, and the exit
code is 6; more partitions than the layout has are as good.";

/// What `ottla topics apply` takes.
#[derive(Args, Clone, Debug)]
pub(super) struct ApplyArgs {
    #[command(flatten)]
    pub(super) connection: ConnectionArgs,
    /// Whose topics.
    #[arg(value_name = "SYSTEM")]
    system: System,
    /// How missing topics are created: `development` (3 partitions, 1 copy) or `production` (12 partitions, 3 copies);
    /// without it as the number of brokers allows.
    #[arg(long, value_name = "LAYOUT")]
    layout: Option<Layout>,
}

/// A system with a catalogue of topics.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum System {
    /// The orders system.
    Pubsub,
}

pub(super) async fn run(args: &ApplyArgs, client: &Client, settings: &Settings) -> Result<Exit, Problem> {
    let System::Pubsub = args.system;
    let failed = |doing: &str, error: &Error| Problem::kafka(doing, settings.brokers(), error);
    let admin = client.admin();
    let layout = match args.layout {
        Some(layout) => layout,
        None => {
            let cluster = admin.describe_cluster().await.map_err(|error| failed("describe the cluster", &error))?;
            Layout::for_brokers(cluster.brokers().len())
        }
    };
    let (mut found, mut problems) = (BTreeMap::new(), Vec::new());
    let described = admin.describe_topics(&CATALOGUE).await.map_err(|error| failed("describe topics", &error))?;
    for (name, topic) in described {
        match topic {
            Ok(topic) => {
                found.insert(name, topic);
            }
            Err(error) if error.code() == Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION) => {}
            Err(error) => problems.push(failed(&format!("describe topic {name}"), &error)),
        }
    }
    if let Some(problem) = Problem::together(problems) {
        return Err(problem);
    }
    let plans = plans(layout, &found);
    create(&plans, &found, client, settings).await?;
    compare(&plans, &found, client, settings).await
}

/// The plan of each topic, in the catalogue's order.
fn plans(layout: Layout, found: &BTreeMap<String, TopicDescription>) -> Vec<(&'static str, Plan)> {
    let plan = |name: &'static str| {
        let source = name.strip_suffix("-dlq").and_then(|source| found.get(source));
        (name, Plan::new(name, layout, source.map(|topic| topic.partitions().len())))
    };
    CATALOGUE.into_iter().map(plan).collect()
}

/// Creates what is missing, and waits until it can be used.
async fn create(
    plans: &[(&'static str, Plan)],
    found: &BTreeMap<String, TopicDescription>,
    client: &Client,
    settings: &Settings,
) -> Result<(), Problem> {
    let missing: Vec<_> = plans.iter().filter(|(name, _)| !found.contains_key(*name)).collect();
    let topics: Vec<_> = missing.iter().map(|(name, plan)| plan.new_topic(name)).collect();
    if topics.is_empty() {
        return Ok(());
    }
    let failed = |name: &str, error: &Error| Problem::kafka(&format!("create {name}"), settings.brokers(), error);
    let created = client.admin().create_topics(&topics).await.map_err(|error| failed("topics", &error))?;
    let mut problems = Vec::new();
    for (name, result) in &created {
        match result {
            // Somebody else was faster.
            Err(error) if error.code() == Some(ErrorCode::TOPIC_ALREADY_EXISTS) => {}
            Err(error) => problems.push(failed(&format!("topic {name}"), error)),
            Ok(()) => {}
        }
    }
    let failures = problems.len();
    if let Some(problem) = Problem::together(problems) {
        return Err(if failures < created.len() { problem.exit_with(Exit::Partial) } else { problem });
    }
    for (name, plan) in missing {
        connection::partitions(client, settings, name, None).await?;
        print_line(&format!("{name}: created, {} partitions, {} replicas", plan.partitions, plan.replicas));
    }
    Ok(())
}

/// Says how the topics that were there differ from their plans.
async fn compare(
    plans: &[(&'static str, Plan)],
    found: &BTreeMap<String, TopicDescription>,
    client: &Client,
    settings: &Settings,
) -> Result<Exit, Problem> {
    let failed = |error: Error| Problem::kafka("read the settings of topics", settings.brokers(), &error);
    let resources: Vec<ConfigResource> = found.keys().map(ConfigResource::topic).collect();
    let configs = match resources.as_slice() {
        [] => BTreeMap::new(),
        resources => client.admin().describe_configs(resources).await.map_err(failed)?,
    };
    let mut exit = Exit::Done;
    for (name, plan) in plans {
        let Some(topic) = found.get(*name) else { continue };
        let entries = configs.get(&ConfigResource::topic(*name)).and_then(|entries| entries.as_ref().ok());
        let entries = entries.into_iter().flatten();
        let set = entries.filter_map(|entry| Some((entry.name(), entry.value()?))).collect();
        let missing = missing(plan, topic.partitions().len(), topic.replication_factor(), &set);
        if missing.is_empty() {
            print_line(&format!("{name}: there, as it is to be"));
        } else {
            exit = Exit::Partial;
            print_line(&format!("{name}: there, but {}", missing.join(", ")));
        }
    }
    Ok(exit)
}

/// What a topic lacks.
fn missing(plan: &Plan, partitions: usize, replicas: usize, configs: &BTreeMap<&str, &str>) -> Vec<String> {
    let mut missing = Vec::new();
    if partitions < plan.partitions {
        missing.push(format!("{partitions} partitions instead of {}", plan.partitions));
    }
    if replicas < usize::from(plan.replicas) {
        missing.push(format!("{replicas} replicas instead of {}", plan.replicas));
    }
    for (name, wanted) in &plan.configs {
        match configs.get(name) {
            Some(value) if value != wanted => missing.push(format!("{name} is {value} instead of {wanted}")),
            // Who may not read the settings still sees the rest.
            _ => {}
        }
    }
    missing
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_topic_lacks_is_named() {
        let plan = Plan::new("orders", Layout::Production, None);
        let good = [("max.message.bytes", "1048588"), ("min.insync.replicas", "2")];
        let small = [("max.message.bytes", "1000"), ("min.insync.replicas", "1")];
        for (partitions, replicas, configs, expected) in [
            (12, 3, good, vec![]),
            (24, 3, good, vec![]),
            (3, 3, good, vec!["3 partitions instead of 12"]),
            (12, 1, good, vec!["1 replicas instead of 3"]),
            (
                12,
                3,
                small,
                vec!["max.message.bytes is 1000 instead of 1048588", "min.insync.replicas is 1 instead of 2"],
            ),
        ] {
            assert_eq!(missing(&plan, partitions, replicas, &configs.into()), expected);
        }
        assert_eq!(missing(&plan, 12, 3, &BTreeMap::new()), Vec::<String>::new());
    }
}
