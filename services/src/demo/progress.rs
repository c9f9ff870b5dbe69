//! What the demo shows while it runs: a bar on a terminal, plain lines elsewhere.

use std::io::{self, IsTerminal, Write};

use indicatif::{ProgressBar, ProgressStyle};
use tokio::time::{Duration, Instant};

/// The least time between two plain lines of progress.
const BETWEEN_LINES: Duration = Duration::from_secs(1);

/// The demo's output.
pub(super) struct Progress {
    bar: Option<ProgressBar>,
    last_line: Instant,
}

impl Progress {
    pub(super) fn new() -> Self {
        Self { bar: None, last_line: Instant::now() }
    }

    /// One line that stays.
    pub(super) fn say(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| write_line(line)),
            None => write_line(line),
        }
    }

    /// Shows progress towards `total` from now on.
    pub(super) fn begin(&mut self, total: usize) {
        if io::stdout().is_terminal() {
            let bar = ProgressBar::new(total as u64);
            let style = ProgressStyle::with_template("  {bar:40} {pos}/{len} orders accepted, {per_sec} {msg}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            self.bar = Some(bar);
        }
    }

    /// So far `accepted` of `total` orders are.
    pub(super) fn at(&mut self, accepted: usize, total: usize) {
        match &self.bar {
            Some(bar) => bar.set_position(accepted as u64),
            None if self.last_line.elapsed() >= BETWEEN_LINES => {
                self.last_line = Instant::now();
                write_line(&format!("  {accepted}/{total} orders accepted"));
            }
            None => {}
        }
    }

    /// The bar goes.
    pub(super) fn end(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

/// A reader that has gone away, such as `head`, is no reason to fail.
fn write_line(line: &str) {
    let _ = writeln!(io::stdout(), "{line}");
}
