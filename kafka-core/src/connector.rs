//! How a connection to a broker comes about: TCP here, memory in the embedded broker.

use std::{fmt, io, net::SocketAddr, str::FromStr, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpSocket, TcpStream, lookup_host},
};

use crate::{env::BoxFuture, race::first_success};

/// How long one address of a name may be silent before the next is tried as well (RFC 8305).
const PATIENCE: Duration = Duration::from_millis(250);
/// Addresses of one name.
const ADDRESSES_MAX: usize = 16;

/// A two-way byte stream.
pub trait IoStream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> IoStream for T {}

/// A connection's bytes: TCP, TLS or memory.
pub type Io = Box<dyn IoStream>;

/// Opens connections to brokers.
pub trait Connector: fmt::Debug + Send + Sync {
    /// Opens a connection to `addr`. The caller bounds the time.
    ///
    /// # Errors
    /// Whatever the network says.
    fn connect<'a>(&'a self, addr: &'a BrokerAddr) -> BoxFuture<'a, io::Result<Io>>;
}

/// Where a broker listens. IPv6 hosts are written in brackets: `[::1]:9092`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BrokerAddr {
    host: Arc<str>,
    port: u16,
}

impl BrokerAddr {
    /// `host` without brackets, and a port.
    pub fn new(host: impl Into<Arc<str>>, port: u16) -> Self {
        Self { host: host.into(), port }
    }

    /// The host's name or address, without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The TCP port.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl fmt::Display for BrokerAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A host may come from a broker: what is no text must not reach a terminal or a log as it is.
        let host = self.host.escape_debug();
        if self.host.contains(':') {
            return write!(f, "[{host}]:{}", self.port);
        }
        write!(f, "{host}:{}", self.port)
    }
}

/// A broker's address must be `HOST:PORT`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseBrokerAddrError(String);

impl fmt::Display for ParseBrokerAddrError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "'{}' is not HOST:PORT, such as localhost:9092 or [::1]:9092", self.0.escape_debug())
    }
}

impl std::error::Error for ParseBrokerAddrError {}

impl FromStr for BrokerAddr {
    type Err = ParseBrokerAddrError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = || ParseBrokerAddrError(text.to_owned());
        let (host, port) = text.trim().rsplit_once(':').ok_or_else(bad)?;
        let host = match host.strip_prefix('[') {
            Some(inner) => inner.strip_suffix(']').ok_or_else(bad)?,
            None if host.contains(':') => return Err(bad()),
            None => host,
        };
        let port = port.parse().ok().filter(|port| *port != 0).ok_or_else(bad)?;
        if host.is_empty() {
            return Err(bad());
        }
        Ok(Self::new(host, port))
    }
}

/// Plain TCP: to whichever of the host's addresses answers first, IPv4 or IPv6, without Nagle's delay and with
/// keepalive. Kafka: `client.dns.lookup=use_all_dns_ips`.
#[derive(Clone, Copy, Debug, Default)]
pub struct TcpConnector;

impl Connector for TcpConnector {
    fn connect<'a>(&'a self, addr: &'a BrokerAddr) -> BoxFuture<'a, io::Result<Io>> {
        Box::pin(async move {
            let addresses: Vec<SocketAddr> =
                lookup_host((addr.host(), addr.port())).await?.take(ADDRESSES_MAX).collect();
            let attempts = addresses.iter().copied().map(dial);
            match first_success(attempts, PATIENCE, |_| false).await {
                Ok(stream) => Ok(Box::new(stream) as Io),
                Err(errors) => Err(unreachable(&addresses, errors)),
            }
        })
    }
}

async fn dial(address: SocketAddr) -> io::Result<TcpStream> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // Two small writes in a row would otherwise wait 40 ms for the peer's delayed ACK.
    socket.set_nodelay(true)?;
    socket.set_keepalive(true)?;
    socket.connect(address).await
}

/// The last error; what was tried as well, where a name has several addresses.
fn unreachable(addresses: &[SocketAddr], mut errors: Vec<io::Error>) -> io::Error {
    let Some(last) = errors.pop() else {
        return io::Error::new(io::ErrorKind::NotFound, "the host's name has no address");
    };
    if errors.is_empty() {
        return last;
    }
    let tried: Vec<String> = addresses.iter().map(SocketAddr::to_string).collect();
    io::Error::new(last.kind(), format!("{last} (tried {})", tried.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_of_a_host_are_escaped() {
        assert_eq!(BrokerAddr::new("\u{1b}[31m\r\n", 1).to_string(), "\\u{1b}[31m\\r\\n:1");
    }

    #[test]
    fn addresses_are_read_and_written_back() {
        for (text, written) in [
            ("localhost:9092", Some("localhost:9092")),
            (" 10.0.0.1:1 ", Some("10.0.0.1:1")),
            ("[::1]:29092", Some("[::1]:29092")),
            ("localhost", None),
            (":9092", None),
            ("localhost:0", None),
            ("localhost:70000", None),
            ("::1:9092", None),
            ("[::1:9092", None),
        ] {
            assert_eq!(text.parse::<BrokerAddr>().ok().map(|a| a.to_string()).as_deref(), written, "{text}");
        }
    }
}
