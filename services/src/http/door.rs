use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, sleep},
};

use super::wish::Wish;

/// Lets connections in, as many as may be there at a time, and one more that waits for a place.
#[derive(Debug)]
pub(super) struct Door {
    listener: TcpListener,
    free: Arc<Semaphore>,
    /// Accepted, without a place yet.
    waiting: Option<TcpStream>,
    wish: Wish,
    wished: bool,
    /// When it was last said that somebody has to wait.
    told: Option<Instant>,
}

/// Connections that the system holds until they are accepted; Linux takes `net.core.somaxconn` if that is less.
const BACKLOG: u32 = 1024;

/// Out of descriptors, most likely: at once again would only spin.
const AGAIN: Duration = Duration::from_millis(20);

/// How often it is said that somebody has to wait.
const TOLD_EVERY: Duration = Duration::from_secs(5);

impl Door {
    pub(super) fn open(addr: SocketAddr, connections: usize) -> io::Result<Self> {
        let socket = if addr.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        // A service that starts again has its port at once.
        socket.set_reuseaddr(cfg!(unix))?;
        socket.bind(addr)?;
        Ok(Self {
            listener: socket.listen(BACKLOG)?,
            free: Arc::new(Semaphore::new(connections)),
            waiting: None,
            wish: Wish::default(),
            wished: false,
            told: None,
        })
    }

    /// What idle connections listen to: who grants it leaves.
    pub(super) fn wish(&self) -> &Wish {
        &self.wish
    }

    pub(super) fn addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// The next connection, and its permit to be here. Where there is no place for it, idle ones are asked to leave.
    ///
    /// # Cancel safety
    /// Safe: no connection is lost.
    pub(super) async fn next(&mut self) -> (Option<OwnedSemaphorePermit>, TcpStream) {
        loop {
            if self.waiting.is_none() {
                self.waiting = Some(self.accept().await);
            }
            if self.free.available_permits() == 0 {
                if !std::mem::replace(&mut self.wished, true) {
                    self.wish.make();
                }
                if self.may_tell() {
                    tracing::warn!(
                        "as many clients are connected as may be: a further one waits until an idle one leaves"
                    );
                }
            }
            // The semaphore is never closed, so there always is a permit.
            let permit = Arc::clone(&self.free).acquire_owned().await.ok();
            if std::mem::take(&mut self.wished) {
                self.wish.withdraw();
            }
            if let Some(stream) = self.waiting.take() {
                return (permit, stream);
            }
        }
    }

    async fn accept(&mut self) -> TcpStream {
        loop {
            match self.listener.accept().await {
                Ok((stream, _)) => return stream,
                Err(error) => {
                    // An idle connection's descriptor will do, too.
                    self.wished = true;
                    self.wish.make();
                    if self.may_tell() {
                        tracing::warn!(%error, "connections cannot be accepted; they wait");
                    }
                    sleep(AGAIN).await;
                }
            }
        }
    }

    fn may_tell(&mut self) -> bool {
        let may = self.told.is_none_or(|told| told.elapsed() >= TOLD_EVERY);
        if may {
            self.told = Some(Instant::now());
        }
        may
    }
}
