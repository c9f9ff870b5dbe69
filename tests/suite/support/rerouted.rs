use std::{collections::BTreeMap, io, net::SocketAddr, sync::Arc};

use ottla_kafka_core::{BoxFuture, BrokerAddr, Connector, Io, TcpConnector};

/// A connector that goes through proxies: brokers advertise their own addresses, which a client then would take.
#[derive(Debug)]
pub(crate) struct Rerouted {
    proxies: BTreeMap<BrokerAddr, BrokerAddr>,
    /// Whether other addresses are reached directly.
    open: bool,
}

impl Rerouted {
    /// Reaches each of the brokers through the proxy at the other address.
    pub(crate) fn connector(routes: impl IntoIterator<Item = (BrokerAddr, SocketAddr)>) -> Arc<dyn Connector> {
        Arc::new(Self::new(routes, false))
    }

    /// The same, and reaches every other address directly.
    pub(crate) fn open_connector(routes: impl IntoIterator<Item = (BrokerAddr, SocketAddr)>) -> Arc<dyn Connector> {
        Arc::new(Self::new(routes, true))
    }

    fn new(routes: impl IntoIterator<Item = (BrokerAddr, SocketAddr)>, open: bool) -> Self {
        let proxy = |address: SocketAddr| BrokerAddr::new(address.ip().to_string(), address.port());
        Self { proxies: routes.into_iter().map(|(broker, address)| (broker, proxy(address))).collect(), open }
    }
}

impl Connector for Rerouted {
    fn connect<'a>(&'a self, addr: &'a BrokerAddr) -> BoxFuture<'a, io::Result<Io>> {
        Box::pin(async move {
            match self.proxies.get(addr) {
                Some(proxy) => TcpConnector.connect(proxy).await,
                None if self.open => TcpConnector.connect(addr).await,
                None => Err(io::Error::other(format!("no proxy stands before {addr}"))),
            }
        })
    }
}
