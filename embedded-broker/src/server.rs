//! What runs while a node serves: its listener and its connections.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use ottla_kafka_core::{BrokerAddr, Env, Io, Task};
use tokio::net::{TcpListener, TcpStream};

use crate::{connection, dispatch::At};

/// Connections a node serves at a time; more are refused.
pub(crate) const MAX_CONNECTIONS: usize = 4096;

/// A pause after accept fails, which it keeps doing while the process has no file descriptors left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Owns the tasks of a node.
#[derive(Debug)]
pub(crate) struct Server {
    at: At,
    addr: BrokerAddr,
    bound: Option<SocketAddr>,
    /// `None` while the node is down.
    running: Mutex<Option<Running>>,
}

#[derive(Debug, Default)]
pub(crate) struct Running {
    listener: Option<Task>,
    connections: Vec<Task>,
}

impl Server {
    pub(crate) fn new(at: At, addr: BrokerAddr, bound: Option<SocketAddr>) -> Arc<Self> {
        Arc::new(Self { at, addr, bound, running: Mutex::default() })
    }

    pub(crate) fn node(&self) -> i32 {
        self.at.node
    }

    /// Where clients are told to find it.
    pub(crate) fn addr(&self) -> &BrokerAddr {
        &self.addr
    }

    /// Starts to serve.
    pub(crate) fn serve(self: &Arc<Self>, listener: Option<TcpListener>) {
        let listener = listener.map(|listener| {
            // Weak: a broker that is dropped ends its tasks, which must not keep it alive.
            let server = Arc::downgrade(self);
            self.env().spawn("embedded-broker-listener", async move {
                loop {
                    let accepted = listener.accept().await;
                    let Some(server) = server.upgrade() else { return };
                    match accepted {
                        Ok((stream, peer)) => server.accept(stream, peer),
                        Err(error) => {
                            tracing::warn!(%error, "cannot accept a connection");
                            tokio::time::sleep(ACCEPT_PAUSE).await;
                        }
                    }
                }
            })
        });
        *self.running() = Some(Running { listener, connections: Vec::new() });
    }

    /// Listens on the same address again, if it ever did.
    pub(crate) async fn listen_again(&self) -> io::Result<Option<TcpListener>> {
        match self.bound {
            None => Ok(None),
            Some(addr) => TcpListener::bind(addr).await.map(Some),
        }
    }

    fn accept(&self, stream: TcpStream, peer: SocketAddr) {
        // Two small writes in a row would otherwise wait for the peer's delayed ACK.
        if stream.set_nodelay(true).is_err() {
            return;
        }
        if let Err(error) = self.open(Box::new(stream), peer.ip().to_string()) {
            tracing::warn!(%peer, %error, "connection refused");
        }
    }

    /// Serves a connection, unless the node is down.
    pub(crate) fn open(&self, io: Io, peer: String) -> io::Result<()> {
        let mut running = self.running();
        let down = || io::Error::new(io::ErrorKind::ConnectionRefused, "the embedded broker is down");
        let running = running.as_mut().ok_or_else(down)?;
        running.connections.retain(|task| !task.is_finished());
        if running.connections.len() >= MAX_CONNECTIONS {
            return Err(io::Error::new(io::ErrorKind::ConnectionRefused, "too many connections"));
        }
        let serving = connection::serve(io, peer, self.at.clone());
        running.connections.push(self.env().spawn("embedded-broker-connection", serving));
        Ok(())
    }

    /// Ends every task at its next await, and returns when they have ended.
    pub(crate) async fn shut_down(&self) {
        let Some(running) = self.abort() else { return };
        for task in running.listener.into_iter().chain(running.connections) {
            task.await;
        }
    }

    /// Ends every task at its next await. `None` if the node was down.
    pub(crate) fn abort(&self) -> Option<Running> {
        let running = self.running().take()?;
        running.listener.iter().chain(&running.connections).for_each(Task::abort);
        Some(running)
    }

    pub(crate) fn is_up(&self) -> bool {
        self.running().is_some()
    }

    fn env(&self) -> &Env {
        self.at.cluster.env()
    }

    fn running(&self) -> MutexGuard<'_, Option<Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
