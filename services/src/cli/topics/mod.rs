//! `ottla topics`: apply, list, create, alter, delete, describe.

mod apply;
mod change;
mod describe;
mod list;

use clap::{Args, Subcommand};
use ottla::Env;

use super::{Exit, Problem, connection, connection::ConnectionArgs};
use crate::config::Settings;

/// What `ottla topics` takes.
#[derive(Args, Clone, Debug)]
pub(super) struct TopicsArgs {
    #[command(subcommand)]
    command: TopicsCommand,
}

#[derive(Clone, Debug, Subcommand)]
enum TopicsCommand {
    /// Creates the topics of a system that are missing, and says what those that are there lack.
    #[command(after_help = apply::EXAMPLES)]
    Apply(apply::ApplyArgs),
    /// Lists the topics.
    #[command(after_help = list::EXAMPLES)]
    List(list::ListArgs),
    /// Creates topics.
    #[command(after_help = change::CREATE_EXAMPLES)]
    Create(change::CreateArgs),
    /// Adds partitions to a topic and changes its settings.
    #[command(after_help = change::ALTER_EXAMPLES)]
    Alter(change::AlterArgs),
    /// Deletes topics with all their records, without asking.
    #[command(after_help = change::DELETE_EXAMPLES)]
    Delete(change::DeleteArgs),
    /// Shows the partitions of topics, their offsets and the settings that were changed.
    #[command(after_help = describe::EXAMPLES)]
    Describe(describe::DescribeArgs),
}

/// The topics that a command is about.
#[derive(Args, Clone, Debug)]
struct Names {
    /// The topics, by their exact names.
    #[arg(value_name = "TOPIC", required_unless_present = "topic")]
    names: Vec<String>,
    /// The same, as the other commands spell it.
    #[arg(short, long, hide = true, value_name = "TOPIC", value_delimiter = ',')]
    topic: Vec<String>,
}

impl Names {
    fn all(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.names.iter().chain(&self.topic).map(String::as_str).collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}

impl TopicsArgs {
    pub(super) fn connection(&self) -> &ConnectionArgs {
        match &self.command {
            TopicsCommand::Apply(args) => &args.connection,
            TopicsCommand::List(args) => &args.connection,
            TopicsCommand::Create(args) => &args.connection,
            TopicsCommand::Alter(args) => &args.connection,
            TopicsCommand::Delete(args) => &args.connection,
            TopicsCommand::Describe(args) => &args.connection,
        }
    }
}

/// Runs one of the commands about topics.
pub(super) async fn run(args: TopicsArgs, settings: &Settings) -> Result<Exit, Problem> {
    let client = connection::client(settings, &Env::system(), "ottla")?;
    let result = match args.command {
        TopicsCommand::Apply(args) => apply::run(&args, &client, settings).await,
        TopicsCommand::List(args) => list::run(&args, &client, settings).await,
        TopicsCommand::Create(args) => change::create(&args, &client, settings).await,
        TopicsCommand::Alter(args) => change::alter(&args, &client, settings).await,
        TopicsCommand::Delete(args) => change::delete(&args, &client, settings).await,
        TopicsCommand::Describe(args) => describe::run(&args, &client, settings).await,
    };
    client.close().await;
    result
}
