use std::io::{self, IsTerminal};

use clap::{ArgAction, Args};
use tracing_subscriber::EnvFilter;

use crate::config::Settings;

/// How much is said on standard error.
#[derive(Args, Clone, Debug)]
pub(super) struct TalkArgs {
    /// Says more on standard error; twice, everything.
    #[arg(short, long, global = true, action = ArgAction::Count)]
    verbose: u8,
    /// Says only on standard error why it failed.
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    quiet: bool,
}

/// Logs to standard error: as `RUST_LOG` says, else the flags, else `KAFKA_LOG_LEVEL`, else from `default` on.
pub(super) fn start(talk: &TalkArgs, settings: Option<&Settings>, default: &str) {
    let level = match (talk.quiet, talk.verbose) {
        (true, _) => "off",
        (false, 0) => settings.and_then(Settings::log_level).unwrap_or(default),
        (false, 1) => "debug",
        (false, _) => "trace",
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(io::stderr().is_terminal())
        .with_writer(io::stderr)
        .try_init();
    if subscriber.is_err() {
        eprintln!("ottla: a logger was there already");
    }
    if !talk.quiet {
        for warning in settings.map(Settings::warnings).unwrap_or_default() {
            eprintln!("ottla: warning: {warning}");
        }
    }
}
