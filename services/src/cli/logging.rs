use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;

/// Logs to standard error from `level` on, or as `RUST_LOG` says.
pub(super) fn start(level: &str) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(io::stderr().is_terminal())
        .with_writer(io::stderr)
        .try_init();
    if subscriber.is_err() {
        eprintln!("ottla: a logger was there already");
    }
}
