use std::{io, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use axum::Router;
use futures_util::{StreamExt, stream::FuturesUnordered};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use ottla::{Env, Task};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, watch},
};

/// What a client may use up.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    connections: usize,
    header_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connections: 1024, header_timeout: Duration::from_secs(15) }
    }
}

impl Limits {
    /// Connections at a time; further ones wait in the system's backlog. Default: 1024.
    #[must_use]
    pub fn connections(self, connections: usize) -> Self {
        Self { connections, ..self }
    }

    /// How long a request's headers, or a next request on a connection, are waited for. Default: 15 s.
    #[must_use]
    pub fn header_timeout(self, header_timeout: Duration) -> Self {
        Self { header_timeout, ..self }
    }
}

/// An HTTP/1 server. Dropping it ends it and its connections.
#[derive(Debug)]
pub struct Server {
    addr: SocketAddr,
    stop: watch::Sender<bool>,
    task: Task,
}

/// The largest request head, in bytes.
const MAX_HEAD: usize = 64 * 1024;

impl Server {
    /// Listens on `addr` (port 0: any) and serves `router`.
    ///
    /// # Errors
    /// The address cannot be listened on.
    ///
    /// # Cancel safety
    /// Dropping it listens to nothing.
    pub async fn start(env: &Env, addr: SocketAddr, router: Router, limits: Limits) -> io::Result<Self> {
        let listener = TcpListener::bind(addr).await?;
        let addr = listener.local_addr()?;
        let (stop, stopped) = watch::channel(false);
        let task = env.spawn("http", accept(env.clone(), listener, router, limits, stopped));
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

async fn accept(env: Env, listener: TcpListener, router: Router, limits: Limits, mut stopped: watch::Receiver<bool>) {
    let free = Arc::new(Semaphore::new(limits.connections));
    let mut connections = FuturesUnordered::new();
    loop {
        tokio::select! {
            biased;
            () = told(&mut stopped) => break,
            Some(_) = connections.next() => {}
            (permit, stream) = next(&listener, &free) => {
                let serving = serve(stream, router.clone(), limits, stopped.clone(), permit);
                connections.push(env.spawn("http connection", serving));
            }
        }
    }
    drop(listener);
    while connections.next().await.is_some() {}
}

async fn next(listener: &TcpListener, free: &Arc<Semaphore>) -> (Option<OwnedSemaphorePermit>, TcpStream) {
    // The semaphore is never closed, so there always is a permit.
    let permit = Arc::clone(free).acquire_owned().await.ok();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return (permit, stream),
            Err(error) => {
                // Out of file descriptors, most likely: at once again would only spin.
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn serve(
    stream: TcpStream,
    router: Router,
    limits: Limits,
    mut stopped: watch::Receiver<bool>,
    permit: Option<OwnedSemaphorePermit>,
) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection ended as it began");
        return;
    }
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(limits.header_timeout).max_buf_size(MAX_HEAD);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router)));
    let result = tokio::select! {
        biased;
        () = told(&mut stopped) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
        result = connection.as_mut() => result,
    };
    if let Err(error) = result {
        tracing::debug!(%error, "a connection ended");
    }
    drop(permit);
}

/// Waits until the server is to stop, or is gone.
async fn told(stopped: &mut watch::Receiver<bool>) {
    // The value that it waited for is a lock, which must not be held any longer.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use axum::routing::get;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        sync::Notify,
        time::timeout,
    };

    use super::*;

    const LONG: Duration = Duration::from_secs(20);

    async fn start(router: Router, limits: Limits) -> Server {
        Server::start(&Env::system(), (Ipv4Addr::LOCALHOST, 0).into(), router, limits).await.expect("listens")
    }

    async fn connect(server: &Server, text: &str) -> TcpStream {
        let mut stream = TcpStream::connect(server.addr()).await.expect("connects");
        stream.write_all(text.as_bytes()).await.expect("writes");
        stream
    }

    async fn read_all(mut stream: TcpStream) -> String {
        let mut text = Vec::new();
        // A reset is an end, too.
        let _ = timeout(LONG, stream.read_to_end(&mut text)).await.expect("the server ends it");
        String::from_utf8(text).expect("text")
    }

    #[tokio::test]
    async fn a_client_that_does_not_finish_its_headers_is_given_up() {
        let limits = Limits::default().header_timeout(Duration::from_millis(50));
        let server = start(Router::new(), limits).await;
        let stream = connect(&server, "GET / HTTP/1.1\r\nHost: a\r\nX-Slow: ").await;
        assert!(!read_all(stream).await.contains("200"));
    }

    #[tokio::test]
    async fn a_running_request_is_answered_before_the_end() {
        let (entered, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let handler = {
            let (entered, go) = (Arc::clone(&entered), Arc::clone(&go));
            async move || {
                entered.notify_one();
                go.notified().await;
                "done"
            }
        };
        let server = start(Router::new().route("/", get(handler)), Limits::default()).await;
        let stream = connect(&server, "GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
        timeout(LONG, entered.notified()).await.expect("it arrives");
        let (ended, answer) = tokio::join!(server.shutdown(LONG), async {
            go.notify_one();
            read_all(stream).await
        });
        assert!(ended);
        assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("done"), "{answer}");
    }

    #[tokio::test]
    async fn connections_beyond_the_limit_wait() {
        let router = Router::new().route("/", get(async || "done"));
        let server = start(router, Limits::default().connections(1)).await;
        let request = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
        let idle = connect(&server, "").await;
        let waiting = connect(&server, request).await;
        let mut byte = [0];
        let early = timeout(Duration::from_millis(100), waiting.peek(&mut byte)).await;
        assert!(early.is_err(), "answered beside another connection");
        drop(idle);
        assert!(read_all(waiting).await.starts_with("HTTP/1.1 200"));
    }
}
