//! SIGTERM, SIGINT and Ctrl-C: the first asks for an orderly end, the second ends at once.

use std::{io, sync::Arc};

use ottla::{Env, Task};
use tokio::{signal, sync::watch};

use super::{Exit, Problem};

/// The exit code after a second signal, as shells report SIGINT.
const AT_ONCE: i32 = 130;

/// Completes at the first signal. As long as it or a clone of it is held, a second signal ends the process.
pub(super) fn first() -> io::Result<Interrupted> {
    let mut signals = Signals::new()?;
    let (heard, hears) = watch::channel(false);
    let task = Env::system().spawn("signals", async move {
        signals.next().await;
        heard.send_replace(true);
        signals.next().await;
        std::process::exit(AT_ONCE);
    });
    Ok(Interrupted { hears, _task: Arc::new(task) })
}

/// What to say when signals cannot be heard.
pub(super) fn unheard(error: io::Error) -> Problem {
    Problem::new(Exit::Failed, format!("signals cannot be heard: {error}"))
}

/// Whether a signal has come.
#[derive(Clone, Debug)]
pub(super) struct Interrupted {
    hears: watch::Receiver<bool>,
    _task: Arc<Task>,
}

impl Interrupted {
    /// Whether the first signal has come.
    pub(super) fn is_heard(&self) -> bool {
        *self.hears.borrow()
    }

    /// Waits for the first signal.
    pub(super) async fn wait(mut self) {
        if self.hears.wait_for(|heard| *heard).await.is_err() {
            std::future::pending().await
        }
    }
}

#[cfg(unix)]
struct Signals {
    terminate: signal::unix::Signal,
    interrupt: signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> io::Result<Self> {
        use signal::unix::{SignalKind, signal};
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            biased;
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) {
        if signal::ctrl_c().await.is_err() {
            std::future::pending().await
        }
    }
}
