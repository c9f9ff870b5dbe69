use std::{io, net::SocketAddr, time::Duration};

use axum::Router;
use futures_util::{StreamExt, stream::FuturesUnordered};
use ottla::{Env, Task};
use tokio::sync::watch;

use super::{connection, descriptors, door::Door, ending::Ending, method_not_allowed, not_found};

/// What clients may use up.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    connections: usize,
    pub(super) header_timeout: Duration,
    pub(super) write_timeout: Duration,
}

/// Connections at a time, where the system does not set a lower limit.
const CONNECTIONS: usize = 1024;

impl Default for Limits {
    fn default() -> Self {
        // The other half is for brokers and the store: clients must not keep the service from reaching them.
        let connections = descriptors::limit().map_or(CONNECTIONS, |limit| (limit / 2).clamp(1, CONNECTIONS));
        Self { connections, header_timeout: Duration::from_secs(15), write_timeout: Duration::from_secs(15) }
    }
}

impl Limits {
    /// Connections at a time; for a further one, the connection that has been idle longest is closed, and where all are
    /// busy it waits. Default: 1024, or half of the files that the process may have open if that is less.
    #[must_use]
    pub fn connections(self, connections: usize) -> Self {
        Self { connections, ..self }
    }

    /// How long a request's head, or a next request on a connection, is waited for. Default: 15 s.
    #[must_use]
    pub fn header_timeout(self, header_timeout: Duration) -> Self {
        Self { header_timeout, ..self }
    }

    /// How long a client may take nothing of an answer. Default: 15 s.
    #[must_use]
    pub fn write_timeout(self, write_timeout: Duration) -> Self {
        Self { write_timeout, ..self }
    }
}

/// An HTTP/1 server. Dropping it ends it and its connections.
#[derive(Debug)]
pub struct Server {
    addr: SocketAddr,
    stop: watch::Sender<bool>,
    task: Task,
}

impl Server {
    /// Listens on `addr` (port 0: any) and serves `router`; what it has no path or method for is refused by a problem
    /// document.
    ///
    /// # Errors
    /// The address cannot be listened on.
    ///
    /// # Cancel safety
    /// Dropping it listens to nothing.
    pub async fn start(env: &Env, addr: SocketAddr, router: Router, limits: Limits) -> io::Result<Self> {
        let door = Door::open(addr, limits.connections)?;
        let addr = door.addr()?;
        let (stop, stopped) = watch::channel(false);
        let router = router.fallback(not_found).method_not_allowed_fallback(method_not_allowed);
        let task = env.spawn("http", accept(env.clone(), door, router, limits, Ending::new(stopped)));
        Ok(Self { addr, stop, task })
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Accepts nothing more and lets running requests end within `grace`; says whether all did.
    ///
    /// # Cancel safety
    /// Dropping it ends all connections at once.
    pub async fn shutdown(self, grace: Duration) -> bool {
        // Nobody listens any more only if the task has ended.
        let _ = self.stop.send(true);
        tokio::time::timeout(grace, self.task).await.is_ok()
    }
}

async fn accept(env: Env, mut door: Door, router: Router, limits: Limits, mut ending: Ending) {
    let mut connections = FuturesUnordered::new();
    let (asked, wish) = (ending.clone(), door.wish().clone());
    loop {
        tokio::select! {
            biased;
            () = ending.told() => break,
            Some(_) = connections.next() => {}
            (permit, stream) = door.next() => {
                let serving = connection::serve(stream, router.clone(), limits, asked.clone(), wish.clone());
                connections.push(env.spawn("http connection", async move {
                    serving.await;
                    drop(permit);
                }));
            }
        }
    }
    drop(door);
    while connections.next().await.is_some() {}
}
