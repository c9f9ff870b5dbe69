//! `ottla config`: show.

use clap::{Args, Subcommand};
use serde_json::json;

use super::{
    Exit, Problem,
    connection::ConnectionArgs,
    print_json, print_lines,
    table::{Table, or_dash},
};
use crate::config::{Settings, Value};

const EXAMPLES: &str = "\
Example:
  ottla config show --config ottla.toml --json";

/// What `ottla config` takes.
#[derive(Args, Clone, Debug)]
pub(super) struct ConfigArgs {
    #[command(subcommand)]
    command: ConfigCommand,
}

#[derive(Clone, Debug, Subcommand)]
enum ConfigCommand {
    /// Shows every setting, its value and whether a flag, a variable, the file or nobody set it; *** for what is secret.
    #[command(after_help = EXAMPLES)]
    Show(ShowArgs),
}

/// What `ottla config show` takes.
#[derive(Args, Clone, Debug)]
struct ShowArgs {
    #[command(flatten)]
    connection: ConnectionArgs,
    /// Prints a JSON array.
    #[arg(short = 'J', long)]
    json: bool,
}

impl ConfigArgs {
    pub(super) fn connection(&self) -> &ConnectionArgs {
        let ConfigCommand::Show(args) = &self.command;
        &args.connection
    }
}

/// Runs the command, which asks no cluster.
pub(super) fn run(args: &ConfigArgs, settings: &Settings) -> Result<Exit, Problem> {
    let ConfigCommand::Show(args) = &args.command;
    let value = |value: &Value| Some(value.shown()).filter(|text| !text.is_empty());
    if args.json {
        let object = |of: &Value| {
            let setting = of.setting();
            json!({
                "setting": setting.name(),
                "value": value(of),
                "unit": setting.unit(),
                "source": of.source().to_string(),
                "kafka": setting.kafka_name(),
                "about": setting.about(),
            })
        };
        print_json(&settings.values().map(object).collect())?;
    } else {
        let mut table = Table::new(["SETTING", "VALUE", "SOURCE"]);
        for setting in settings.values() {
            let cells = [setting.setting().name().to_owned(), or_dash(value(setting)), setting.source().to_string()];
            table.row(cells);
        }
        print_lines(&table.lines());
    }
    Ok(Exit::Done)
}
