//! A TCP proxy that cuts, truncates, delays, refuses and silences connections.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
    task::JoinSet,
    time::sleep,
};

/// What the proxy does with its connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Mode {
    refusing: bool,
    silent: bool,
    delay: Duration,
    /// Connections of an earlier number are cut.
    cuts: u64,
    /// Connections of an earlier number pass on half of the next piece of data, and are cut.
    truncations: u64,
}

/// A proxy before one address. Dropping it closes all.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    mode: Arc<watch::Sender<Mode>>,
    _tasks: JoinSet<()>,
}

impl Proxy {
    /// Listens on a loopback port and passes everything on to `upstream`.
    ///
    /// # Errors
    /// No port can be had.
    pub async fn start(upstream: &str) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (mode, _) = watch::channel(Mode::default());
        let mode = Arc::new(mode);
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, upstream.to_owned(), Arc::clone(&mode)));
        Ok(Self { address, mode, _tasks: tasks })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Cuts the connections there are; new ones are welcome.
    pub fn cut(&self) {
        self.mode.send_modify(|mode| mode.cuts += 1);
    }

    /// Cuts each connection in the middle of what passes next, in whichever direction.
    pub fn truncate(&self) {
        self.mode.send_modify(|mode| mode.truncations += 1);
    }

    /// Whether new connections are closed at once.
    pub fn refuse(&self, refusing: bool) {
        self.mode.send_modify(|mode| mode.refusing = refusing);
    }

    /// Whether connections stay open but nothing is passed on, in either direction.
    pub fn silence(&self, silent: bool) {
        self.mode.send_modify(|mode| mode.silent = silent);
    }

    /// How long each piece of data waits, in either direction.
    pub fn delay(&self, delay: Duration) {
        self.mode.send_modify(|mode| mode.delay = delay);
    }
}

async fn accept(listener: TcpListener, upstream: String, mode: Arc<watch::Sender<Mode>>) {
    let mut connections = JoinSet::new();
    loop {
        let Ok((client, _)) = listener.accept().await else { return };
        while connections.try_join_next().is_some() {}
        if mode.borrow().refusing {
            continue;
        }
        connections.spawn(pass(client, upstream.clone(), mode.subscribe()));
    }
}

/// One connection, until an end closes or it is cut.
async fn pass(client: TcpStream, upstream: String, mut mode: watch::Receiver<Mode>) {
    let cuts = mode.borrow().cuts;
    let Ok(server) = TcpStream::connect(upstream).await else { return };
    if client.set_nodelay(true).and_then(|()| server.set_nodelay(true)).is_err() {
        return;
    }
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let requests = copy(from_client, to_server, mode.clone());
    let answers = copy(from_server, to_client, mode.clone());
    tokio::select! {
        biased;
        _ = mode.wait_for(|mode| mode.cuts != cuts) => {}
        () = requests => {}
        () = answers => {}
    }
}

async fn copy(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut mode: watch::Receiver<Mode>) {
    let mut buffer = vec![0; 16 * 1024];
    let truncations = mode.borrow().truncations;
    loop {
        let Ok(count @ 1..) = from.read(&mut buffer).await else { return };
        let delay = mode.borrow().delay;
        sleep(delay).await;
        if mode.wait_for(|mode| !mode.silent).await.is_err() {
            return;
        }
        let truncated = mode.borrow().truncations != truncations;
        let Some(data) = buffer.get(..if truncated { count / 2 } else { count }) else { return };
        if to.write_all(data).await.is_err() || truncated {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;

    const SHORT: Duration = Duration::from_millis(50);

    /// A server that says everything back.
    async fn echo() -> io::Result<(String, JoinSet<()>)> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?.to_string();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(async move {
                    let (mut from, mut to) = stream.into_split();
                    let _ = tokio::io::copy(&mut from, &mut to).await;
                });
            }
        });
        Ok((address, tasks))
    }

    async fn say(stream: &mut TcpStream, text: &[u8]) -> io::Result<Vec<u8>> {
        stream.write_all(text).await?;
        let mut answer = vec![0; text.len()];
        stream.read_exact(&mut answer).await?;
        Ok(answer)
    }

    #[tokio::test]
    async fn data_passes_until_the_connection_is_cut() -> io::Result<()> {
        let (address, _server) = echo().await?;
        let proxy = Proxy::start(&address).await?;
        let mut stream = TcpStream::connect(proxy.address()).await?;
        assert_eq!(say(&mut stream, b"hello").await?, b"hello");
        proxy.cut();
        assert_eq!(stream.read(&mut [0; 1]).await.unwrap_or(0), 0, "closed");
        let mut stream = TcpStream::connect(proxy.address()).await?;
        assert_eq!(say(&mut stream, b"again").await?, b"again");
        Ok(())
    }

    #[tokio::test]
    async fn silence_keeps_the_data_and_the_connection() -> io::Result<()> {
        let (address, _server) = echo().await?;
        let proxy = Proxy::start(&address).await?;
        let mut stream = TcpStream::connect(proxy.address()).await?;
        proxy.silence(true);
        assert!(timeout(SHORT, say(&mut stream, b"hello")).await.is_err(), "answered through the silence");
        proxy.silence(false);
        let mut answer = [0; 5];
        stream.read_exact(&mut answer).await?;
        assert_eq!(&answer, b"hello");
        Ok(())
    }

    #[tokio::test]
    async fn a_truncated_connection_ends_in_the_middle() -> io::Result<()> {
        let (address, _server) = echo().await?;
        let proxy = Proxy::start(&address).await?;
        let mut stream = TcpStream::connect(proxy.address()).await?;
        assert_eq!(say(&mut stream, b"hello").await?, b"hello");
        proxy.truncate();
        stream.write_all(b"goodbye!").await?;
        let mut rest = Vec::new();
        // What arrived before the end is not more than half; how the end shows is the system's business.
        let _ = stream.read_to_end(&mut rest).await;
        assert!(b"good".starts_with(&rest), "{rest:?}");
        Ok(())
    }

    #[tokio::test]
    async fn a_refused_connection_closes_at_once() -> io::Result<()> {
        let (address, _server) = echo().await?;
        let proxy = Proxy::start(&address).await?;
        proxy.refuse(true);
        let mut stream = TcpStream::connect(proxy.address()).await?;
        assert_eq!(stream.read(&mut [0; 1]).await.unwrap_or(0), 0, "closed");
        Ok(())
    }

    #[tokio::test]
    async fn a_delay_holds_data_back() -> io::Result<()> {
        let (address, _server) = echo().await?;
        let proxy = Proxy::start(&address).await?;
        proxy.delay(SHORT);
        let mut stream = TcpStream::connect(proxy.address()).await?;
        let begun = tokio::time::Instant::now();
        say(&mut stream, b"hello").await?;
        assert!(begun.elapsed() >= 2 * SHORT, "once in each direction");
        Ok(())
    }
}
