//! The `ottla` command.

mod broker;
mod config;
mod connection;
mod consume;
mod demo;
mod escapes;
mod exit;
mod groups;
mod health;
mod items;
mod logging;
mod problem;
mod produce;
mod serve;
mod signals;
mod spans;
mod table;
mod topics;

use std::{
    io::{self, Write},
    process::ExitCode,
};

use clap::{Parser, Subcommand};
use tokio::time::Instant;

pub(crate) use exit::Exit;

use crate::config::{Given, Settings};
use problem::Problem;

/// A Kafka stack in pure Rust: a client, a demo, its services and a broker for both.
#[derive(Debug, Parser)]
#[command(name = "ottla", version, args_conflicts_with_subcommands = true, after_help = exit::HELP)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    talk: logging::TalkArgs,
    #[command(flatten)]
    demo: demo::DemoArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs the orders system under load and accounts for every order (the default).
    #[command(after_help = demo::EXAMPLES)]
    Demo(demo::DemoArgs),
    /// Runs a broker for development: in memory or in a directory, no replication.
    #[command(after_help = broker::EXAMPLES)]
    Broker(broker::BrokerArgs),
    /// Runs services against a cluster.
    #[command(after_help = serve::EXAMPLES)]
    Serve(serve::ServeArgs),
    /// Writes standard input to a topic, one record a line.
    #[command(after_help = produce::EXAMPLES)]
    Produce(produce::ProduceArgs),
    /// Reads topics to standard output.
    #[command(after_help = consume::EXAMPLES)]
    Consume(consume::ConsumeArgs),
    /// Lists, creates, alters, deletes and describes topics, and applies a system's catalogue.
    Topics(topics::TopicsArgs),
    /// Lists, describes and deletes consumer groups, and shows their lag.
    Groups(groups::GroupsArgs),
    /// Asks a service for its health.
    #[command(after_help = health::EXAMPLES)]
    Health(health::HealthArgs),
    /// Shows the settings and where they come from.
    Config(config::ConfigArgs),
}

impl Command {
    /// What flags say of how the cluster is reached; `None` for a command that brings its own broker.
    fn given(&self) -> Option<Given> {
        let connection = match self {
            Self::Demo(args) => return args.given(),
            Self::Broker(_) | Self::Health(_) => return None,
            Self::Serve(args) => args.connection(),
            Self::Produce(args) => args.connection(),
            Self::Consume(args) => args.connection(),
            Self::Topics(args) => args.connection(),
            Self::Groups(args) => args.connection(),
            Self::Config(args) => args.connection(),
        };
        Some(connection.given())
    }

    /// How it is logged, and where spans go.
    fn telemetry(&self) -> logging::TelemetryArgs {
        match self {
            Self::Demo(args) => args.telemetry.clone(),
            Self::Serve(args) => args.telemetry.clone(),
            _ => logging::TelemetryArgs::default(),
        }
    }

    /// The level that is logged from when nobody says otherwise.
    fn log_level(&self) -> &'static str {
        match self {
            Self::Demo(_) => "error",
            Self::Broker(_) | Self::Serve(_) => "info",
            Self::Produce(_) | Self::Consume(_) | Self::Topics(_) | Self::Groups(_) => "warn",
            Self::Health(_) | Self::Config(_) => "warn",
        }
    }
}

/// Reads the command line and runs the command. Wrong arguments exit with 2.
pub fn main() -> ExitCode {
    let started = Instant::now();
    let cli = Cli::parse();
    let command = cli.command.unwrap_or(Command::Demo(cli.demo));
    let telemetry = command.telemetry();
    let format = telemetry.log_format;
    let settings = match command.given().map(Settings::from_env).transpose() {
        Ok(settings) => settings,
        Err(problems) => return complain(&Problem::usage(&problems), format).into(),
    };
    let spans = logging::start(&cli.talk, telemetry, settings.as_ref(), command.log_level());
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return complain(&Problem::new(Exit::Failed, format!("no runtime: {error}")), format).into(),
    };
    let exit = runtime.block_on(async {
        let spans = spans.map(spans::Spans::start);
        let exit = run(command, settings, started).await.unwrap_or_else(|problem| complain(&problem, format));
        if let Some(spans) = spans {
            spans.finish().await;
        }
        exit
    });
    // A thread that still reads standard input would otherwise be waited for.
    runtime.shutdown_background();
    exit.into()
}

async fn run(command: Command, settings: Option<Settings>, started: Instant) -> Result<Exit, Problem> {
    match (command, settings) {
        (Command::Demo(args), cluster) => demo::run(args, cluster, started).await,
        (Command::Broker(args), _) => broker::run(args).await,
        (Command::Health(args), _) => health::run(args).await,
        (Command::Serve(args), Some(settings)) => serve::run(args, &settings).await,
        (Command::Produce(args), Some(settings)) => produce::run(args, &settings).await,
        (Command::Consume(args), Some(settings)) => consume::run(args, &settings).await,
        (Command::Topics(args), Some(settings)) => topics::run(args, &settings).await,
        (Command::Groups(args), Some(settings)) => groups::run(args, &settings).await,
        (Command::Config(args), Some(settings)) => config::run(&args, &settings),
        (_, None) => Err(Problem::new(Exit::Failed, "no settings were read")),
    }
}

/// Says what went wrong, on standard error.
fn complain(problem: &Problem, format: logging::LogFormat) -> Exit {
    format.say("ERROR", problem);
    problem.exit()
}

/// One line on standard output, unless nobody reads it any more.
pub(crate) fn print_line(line: &str) {
    let _ = writeln!(io::stdout(), "{line}");
}

/// Lines on standard output, unless nobody reads them any more.
fn print_lines(lines: &[String]) {
    lines.iter().for_each(|line| print_line(line));
}

/// One JSON document on standard output.
fn print_json(values: &Vec<serde_json::Value>) -> Result<(), Problem> {
    let text = serde_json::to_string_pretty(values);
    print_line(&text.map_err(|error| Problem::new(Exit::Failed, format!("no JSON: {error}")))?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    /// The commands without subcommands, by name.
    fn leaves(command: &clap::Command, name: &str) -> Vec<(String, clap::Command)> {
        let named = |sub: &clap::Command| format!("{name}-{}", sub.get_name());
        let subs = command.get_subcommands().filter(|sub| sub.get_name() != "help");
        let all: Vec<_> = subs.flat_map(|sub| leaves(sub, &named(sub))).collect();
        if all.is_empty() { vec![(name.to_owned(), command.clone())] } else { all }
    }

    #[test]
    fn help_says_what_it_said_and_shows_an_example() {
        let mut command = Cli::command();
        command.build();
        let leaves = leaves(&command, "ottla");
        assert_eq!(leaves.len(), 16);
        for (name, mut leaf) in leaves {
            let help = leaf.render_help().to_string();
            assert!(help.contains("Example"), "{name} shows none");
            insta::assert_snapshot!(name, help);
        }
        insta::assert_snapshot!("ottla", command.render_help().to_string());
    }

    #[test]
    fn the_exit_codes_of_help_and_page_are_those_there_are() {
        let page = include_str!("../../../docs/cli.md");
        let all = [Exit::Done, Exit::Failed, Exit::Usage, Exit::NotFound, Exit::Refused, Exit::Unknown, Exit::Partial];
        for code in all.iter().chain(&[Exit::Interrupted]).map(|exit| exit.code()) {
            assert!(page.contains(&format!("\n| {code} | ")), "{code} is missing from docs/cli.md");
            assert!(exit::HELP.lines().any(|line| line.trim().starts_with(&format!("{code} "))), "{code}");
        }
    }
}
