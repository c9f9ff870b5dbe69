//! How a connection to a broker comes about: TCP here, memory in the embedded broker.

use std::{fmt, io, str::FromStr, sync::Arc};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};

use crate::env::BoxFuture;

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
        if self.host.contains(':') {
            return write!(f, "[{}]:{}", self.host, self.port);
        }
        write!(f, "{}:{}", self.host, self.port)
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

/// Plain TCP, without Nagle's delay.
#[derive(Clone, Copy, Debug, Default)]
pub struct TcpConnector;

impl Connector for TcpConnector {
    fn connect<'a>(&'a self, addr: &'a BrokerAddr) -> BoxFuture<'a, io::Result<Io>> {
        Box::pin(async move {
            let stream = TcpStream::connect((addr.host(), addr.port())).await?;
            // Two small writes in a row would otherwise wait 40 ms for the peer's delayed ACK.
            stream.set_nodelay(true)?;
            Ok(Box::new(stream) as Io)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
