use std::collections::{BTreeMap, BTreeSet};

use clap::Args;
use ottla::{
    Client, Error, TopicPartition,
    kafka::{GroupDescription, GroupMember},
};
use serde_json::{Value, json};

use super::{
    Names,
    lag::{Ends, ends, lag, total},
};
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
  ottla groups describe orders-consumer-group --json";

/// What `ottla groups describe` takes.
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

/// A group and where it stands.
struct Described {
    group: GroupDescription,
    committed: BTreeMap<TopicPartition, i64>,
    ends: Ends,
}

pub(super) async fn run(args: &DescribeArgs, client: &Client, settings: &Settings) -> Result<Exit, Problem> {
    let failed = |error: &Error| Problem::kafka("describe groups", settings.brokers(), error);
    let described = client.admin().describe_groups(&args.names.all()).await.map_err(|error| failed(&error))?;
    let mut problems = Vec::new();
    let mut groups = Vec::new();
    for (name, group) in described {
        let complete = match group {
            Ok(group) => complete(client, group).await,
            Err(error) => Err(error),
        };
        match complete {
            Ok(group) => groups.push(group),
            Err(error) => {
                problems.push(Problem::kafka(&format!("describe group {name}"), settings.brokers(), &error));
            }
        }
    }
    show(&groups, problems, args.json.then_some(Described::json as _), Described::print)
}

async fn complete(client: &Client, group: GroupDescription) -> Result<Described, Error> {
    let committed = client.admin().group_offsets(group.group_id()).await?;
    let described = Described { group, committed, ends: Ends::new() };
    let ends = ends(client, described.partitions()).await?;
    Ok(Described { ends, ..described })
}

impl Described {
    /// What is committed or assigned.
    fn partitions(&self) -> BTreeSet<TopicPartition> {
        let assigned = self.group.members().iter().filter_map(GroupMember::assignment).flatten();
        assigned.chain(self.committed.keys()).cloned().collect()
    }

    fn member(&self, partition: &TopicPartition) -> Option<&GroupMember> {
        let has = |member: &&GroupMember| member.assignment().is_some_and(|assigned| assigned.contains(partition));
        self.group.members().iter().find(has)
    }

    /// Committed offset, end and lag.
    fn standing(&self, partition: &TopicPartition) -> (Option<i64>, Option<i64>, Option<i64>) {
        let (committed, end) = (self.committed.get(partition).copied(), self.ends.get(partition).copied());
        (committed, end, lag(committed, end))
    }

    fn json(&self) -> Value {
        let partition = |of: &TopicPartition| {
            let (committed, end, lag) = self.standing(of);
            json!({
                "topic": of.topic(),
                "partition": of.partition(),
                "committed": committed,
                "end": end,
                "lag": lag,
                "member_id": self.member(of).map(GroupMember::member_id),
            })
        };
        let member = |member: &GroupMember| {
            let assigned = |of: &TopicPartition| json!({"topic": of.topic(), "partition": of.partition()});
            json!({
                "member_id": member.member_id(),
                "instance_id": member.instance_id(),
                "client_id": member.client_id(),
                "host": member.host(),
                "assignment": member.assignment().map(|all| all.iter().map(assigned).collect::<Vec<_>>()),
            })
        };
        json!({
            "group": self.group.group_id(),
            "state": self.group.state().to_string(),
            "type": self.group.group_type().to_string(),
            "protocol": self.group.protocol_type(),
            "assignor": self.group.assignor(),
            "coordinator": self.group.coordinator().to_string(),
            "lag": total(&self.committed, &self.ends),
            "members": self.group.members().iter().map(member).collect::<Vec<_>>(),
            "partitions": self.partitions().iter().map(partition).collect::<Vec<_>>(),
        })
    }

    fn print(&self) {
        let (id, state) = (self.group.group_id(), self.group.state());
        let (members, at) = (self.group.members().len(), self.group.coordinator());
        let total = or_dash(total(&self.committed, &self.ends));
        let mut lines = vec![format!("{id}: {state}, {members} members, lag {total}, coordinator {at}")];
        let mut table = Table::new(["TOPIC", "PARTITION", "COMMITTED", "END", "LAG", "MEMBER", "CLIENT-ID", "HOST"]);
        for of in &self.partitions() {
            let (committed, end, lag) = self.standing(of);
            let member = self.member(of);
            table.row([
                of.topic().to_owned(),
                of.partition().to_string(),
                or_dash(committed),
                or_dash(end),
                or_dash(lag),
                or_dash(member.map(|member| member.instance_id().unwrap_or(member.member_id()))),
                or_dash(member.map(GroupMember::client_id)),
                or_dash(member.map(GroupMember::host)),
            ]);
        }
        lines.extend(table.lines());
        print_lines(&lines);
    }
}
