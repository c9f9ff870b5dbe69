//! `ottla groups`: list, describe, delete.

mod describe;
mod lag;
mod list;

use clap::{Args, Subcommand};
use ottla::{Client, Env};

use super::{Exit, Problem, connection, connection::ConnectionArgs, items::verdict};
use crate::config::Settings;

const DELETE_EXAMPLES: &str = "\
Example:
  ottla groups delete orders-consumer-group";

/// What `ottla groups` takes.
#[derive(Args, Clone, Debug)]
pub(super) struct GroupsArgs {
    #[command(subcommand)]
    command: GroupsCommand,
}

#[derive(Clone, Debug, Subcommand)]
enum GroupsCommand {
    /// Lists the groups with their lag: how many offsets they are behind.
    #[command(after_help = list::EXAMPLES)]
    List(list::ListArgs),
    /// Shows the members of groups, what each has, and the lag of each partition.
    #[command(after_help = describe::EXAMPLES)]
    Describe(describe::DescribeArgs),
    /// Deletes groups without members, with their committed offsets, without asking.
    #[command(after_help = DELETE_EXAMPLES)]
    Delete(DeleteArgs),
}

/// What `ottla groups delete` takes.
#[derive(Args, Clone, Debug)]
struct DeleteArgs {
    #[command(flatten)]
    connection: ConnectionArgs,
    #[command(flatten)]
    names: Names,
}

/// The groups that a command is about.
#[derive(Args, Clone, Debug)]
struct Names {
    /// The groups, by their exact names.
    #[arg(value_name = "GROUP", required_unless_present = "group")]
    names: Vec<String>,
    /// The same, as the other commands spell it.
    #[arg(short, long, hide = true, value_name = "GROUP")]
    group: Vec<String>,
}

impl Names {
    fn all(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.names.iter().chain(&self.group).map(String::as_str).collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}

impl GroupsArgs {
    pub(super) fn connection(&self) -> &ConnectionArgs {
        match &self.command {
            GroupsCommand::List(args) => &args.connection,
            GroupsCommand::Describe(args) => &args.connection,
            GroupsCommand::Delete(args) => &args.connection,
        }
    }
}

/// Runs one of the commands about groups.
pub(super) async fn run(args: GroupsArgs, settings: &Settings) -> Result<Exit, Problem> {
    let client = connection::client(settings, &Env::system(), "ottla")?;
    let result = match args.command {
        GroupsCommand::List(args) => list::run(&args, &client, settings).await,
        GroupsCommand::Describe(args) => describe::run(&args, &client, settings).await,
        GroupsCommand::Delete(args) => delete(&args, &client, settings).await,
    };
    client.close().await;
    result
}

async fn delete(args: &DeleteArgs, client: &Client, settings: &Settings) -> Result<Exit, Problem> {
    let failed = |error| Problem::kafka("delete groups", settings.brokers(), &error);
    let results = client.admin().delete_groups(&args.names.all()).await.map_err(failed)?;
    verdict("delete group", results, settings)
}
