use std::{collections::BTreeMap, io, net::SocketAddr, sync::Arc};

use ottla_kafka_core::{BoxFuture, BrokerAddr, Connector, Io, TcpConnector};

/// A connector that goes through proxies: brokers advertise their own addresses, which a client then would take.
#[derive(Debug)]
pub(crate) struct Rerouted(BTreeMap<BrokerAddr, BrokerAddr>);

impl Rerouted {
    /// Reaches each of the brokers through the proxy at the other address.
    pub(crate) fn connector(routes: impl IntoIterator<Item = (BrokerAddr, SocketAddr)>) -> Arc<dyn Connector> {
        let proxy = |address: SocketAddr| BrokerAddr::new(address.ip().to_string(), address.port());
        Arc::new(Self(routes.into_iter().map(|(broker, address)| (broker, proxy(address))).collect()))
    }
}

impl Connector for Rerouted {
    fn connect<'a>(&'a self, addr: &'a BrokerAddr) -> BoxFuture<'a, io::Result<Io>> {
        Box::pin(async move {
            match self.0.get(addr) {
                Some(proxy) => TcpConnector.connect(proxy).await,
                None => Err(io::Error::other(format!("no proxy stands before {addr}"))),
            }
        })
    }
}
