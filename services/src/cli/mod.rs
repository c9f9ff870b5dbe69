//! The `ottla` command.

mod broker;
mod demo;
mod logging;
mod serve;
mod signals;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tokio::time::Instant;

/// A Kafka stack in pure Rust: a demo, its services and a broker for both.
#[derive(Debug, Parser)]
#[command(name = "ottla", version, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    demo: demo::DemoArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs the orders system under load and accounts for every order (the default).
    Demo(demo::DemoArgs),
    /// Runs a broker in memory, for development: one node, no replication, nothing kept.
    Broker(broker::BrokerArgs),
    /// Runs services against a cluster.
    Serve(serve::ServeArgs),
}

/// The exit codes that `ottla --help` promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// All went well.
    Done,
    /// Something failed, or the demo's account is not clean.
    Failed,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Done => Self::SUCCESS,
            Exit::Failed => Self::FAILURE,
        }
    }
}

/// Reads the command line and runs the command. Wrong arguments exit with 2.
pub fn main() -> ExitCode {
    let started = Instant::now();
    let cli = Cli::parse();
    let command = cli.command.unwrap_or(Command::Demo(cli.demo));
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return complain(&format!("no runtime: {error}")).into(),
    };
    let exit = runtime.block_on(async {
        match command {
            Command::Demo(args) => demo::run(args, started).await,
            Command::Broker(args) => broker::run(args).await,
            Command::Serve(args) => serve::run(args).await,
        }
    });
    exit.into()
}

/// Says what went wrong, on standard error.
pub(crate) fn complain(problem: &str) -> Exit {
    eprintln!("ottla: {problem}");
    Exit::Failed
}

/// One line on standard output, unless nobody reads it any more.
pub(crate) fn print_line(line: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stdout(), "{line}");
}
