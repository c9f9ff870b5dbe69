use std::collections::BTreeMap;

use clap::Args;
use futures_util::{StreamExt, TryStreamExt, stream};
use ottla::{Client, Error, TopicPartition, kafka::ListedGroup};
use serde_json::json;

use super::lag::{ends, total};
use crate::{
    cli::{
        Exit, Problem,
        connection::ConnectionArgs,
        print_json, print_lines,
        table::{Table, or_dash},
    },
    config::Settings,
};

pub(super) const EXAMPLES: &str = "\
Example:
  ottla groups list -b localhost:9092 --json";

/// How many groups' offsets are asked for at a time.
const AT_A_TIME: usize = 8;

/// What `ottla groups list` takes.
#[derive(Args, Clone, Debug)]
pub(super) struct ListArgs {
    #[command(flatten)]
    pub(super) connection: ConnectionArgs,
    /// Prints a JSON array.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: &ListArgs, client: &Client, settings: &Settings) -> Result<Exit, Problem> {
    let failed = |error: &Error| Problem::kafka("list groups", settings.brokers(), error);
    let listing = client.admin().list_groups().await.map_err(|error| failed(&error))?;
    let lags = lags(client, listing.groups()).await.map_err(|error| failed(&error))?;
    let lag = |group: &ListedGroup| lags.get(group.group_id()).copied().flatten();
    if args.json {
        let object = |group: &ListedGroup| {
            json!({
                "group": group.group_id(),
                "state": group.state().to_string(),
                "type": group.group_type().to_string(),
                "protocol": group.protocol_type(),
                "lag": lag(group),
            })
        };
        print_json(&listing.groups().iter().map(object).collect())?;
    } else {
        let mut table = Table::new(["GROUP", "STATE", "TYPE", "LAG"]);
        for group in listing.groups() {
            let state = group.state().to_string();
            table.row([group.group_id().to_owned(), state, group.group_type().to_string(), or_dash(lag(group))]);
        }
        print_lines(&table.lines());
    }
    let missing = |(broker, error): (&i32, &Error)| {
        Problem::kafka(&format!("list the groups of broker {broker}"), settings.brokers(), error)
    };
    match Problem::together(listing.failures().iter().map(missing).collect()) {
        Some(problem) => Err(problem.exit_with(Exit::Partial)),
        None => Ok(Exit::Done),
    }
}

/// The lag of each group, as far as it may be known.
async fn lags(client: &Client, groups: &[ListedGroup]) -> Result<BTreeMap<String, Option<i64>>, Error> {
    let committed = async |group: &ListedGroup| {
        let id = group.group_id().to_owned();
        // A group that is none of consumers, or whose offsets are not for us, has no lag that we know of.
        let offsets = client.admin().group_offsets(&id).await.unwrap_or_default();
        Ok::<_, Error>((id, offsets))
    };
    let committed: BTreeMap<String, BTreeMap<TopicPartition, i64>> =
        stream::iter(groups).map(committed).buffer_unordered(AT_A_TIME).try_collect().await?;
    let ends = ends(client, committed.values().flat_map(BTreeMap::keys).cloned()).await?;
    Ok(committed.into_iter().map(|(id, offsets)| (id, total(&offsets, &ends))).collect())
}
